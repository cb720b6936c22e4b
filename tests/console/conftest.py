"""The console on a real database, with its sister services played by one recorder of calls."""

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest

from services.console.__main__ import service
from services.console.web import identity_of
from services.console.work import begin, end
from shared.context import Context
from shared.contracts.topics import SERVICES
from shared.ids import new_id

if TYPE_CHECKING:
    from tests.console.town import Town

PUBLIC = "http://console.example:8000"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
URLS = {f"{name}_url": f"http://{name}.test" for name in SERVICES}


@dataclass
class Call:
    """One call of the console to a sister service."""

    service: str
    method: str
    path: str
    query: dict[str, str]
    body: Any
    authorization: str
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Any


@dataclass
class Sisters:
    """Plays profiles, matching, mobility and notifier: answers by service, method and path; remembers every call."""

    answers: list[tuple[str, str, re.Pattern[str], Answer]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def on(self, service: str, method: str, path: str, answer: Answer, status: int = 200) -> None:
        """Answer ``path`` (a regular expression) with JSON, or with what a function of the call returns."""
        self.answers.insert(0, (service, method, re.compile(f"^{path}$"), (status, answer)))

    def problem(self, service: str, method: str, path: str, status: int, rule: str, detail: str) -> None:
        """Answer with a problem document."""
        self.on(service, method, path, {"status": status, "rule": rule, "detail": detail, "title": rule}, status)

    def asked(self, service: str | None = None, method: str | None = None) -> list[Call]:
        """The calls so far, of one service or method."""
        return [c for c in self.calls if service in (None, c.service) and method in (None, c.method)]

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        name = request.url.host.split(".")[0]
        is_json = request.headers.get("content-type", "").startswith("application/json")
        body = json.loads(request.content) if is_json else request.content.decode() or None
        call = Call(
            name,
            request.method,
            request.url.path,
            dict(request.url.params),
            body,
            request.headers["authorization"],
            request.headers,
        )
        self.calls.append(call)
        for service_name, method, path, (status, answer) in self.answers:
            if (service_name, method) == (name, request.method) and path.match(request.url.path):
                content = answer(call) if callable(answer) else answer
                if isinstance(content, httpx.Response):
                    return content
                return httpx.Response(status, json=content)
        return httpx.Response(404, json={"rule": "not-found", "detail": f"no answer for {call.method} {call.path}"})


@dataclass
class Person:
    """A person known to the played profiles service."""

    person_id: UUID
    email: str
    roles: list[dict[str, Any]]
    name: str = "Anna Muster"
    status: str = "active"

    @property
    def card(self) -> dict[str, Any]:
        """The contact card as profiles answers it."""
        return {
            "person_id": str(self.person_id),
            "version": "1.1",
            "name": self.name,
            "email": self.email,
            "language": "de",
            "time_zone": "Europe/Vienna",
            "roles": self.roles,
            "consents": [],
            "status": self.status,
        }


@dataclass
class Console:
    """The console's application with its context, the played sisters and a browser."""

    context: Context
    app: Any
    sisters: Sisters
    people: dict[str, Person] = field(default_factory=dict)

    def person(self, *roles: tuple[str, UUID | None], name: str = "Anna Muster") -> Person:
        """Make a person with roles."""
        person_id = new_id()
        held = [{"role": role, "organisation_id": str(where) if where else None} for role, where in roles]
        made = Person(person_id, f"p{person_id.hex[-8:]}@firm.example", held, name)
        self.people[made.email] = made
        return made

    @asynccontextmanager
    async def browser(self, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
        """Open a browser that says where its requests come from and follows no redirect by itself."""
        headers = SAME_ORIGIN | options.pop("headers", {})
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC, headers=headers, **options) as client:
            yield client

    async def link_for(self, person: Person, next_path: str = "/") -> str:
        """Ask for a sign-in link and take it from the call to notifier."""
        before = len(self.sisters.asked("notifier"))
        await identity_of(self.context).send_link(person.email, next_path)
        sent = self.sisters.asked("notifier")[before:]
        return str(sent[0].body["link"])

    async def sign_in(self, browser: httpx.AsyncClient, person: Person) -> None:
        """Sign a person in with a link."""
        response = await browser.post(await self.link_for(person))
        assert response.status_code == 303, response.text


@pytest.fixture
def public_base_url() -> str:
    """Where people reach the console under test."""
    return PUBLIC


@pytest.fixture
async def console(context: Callable[..., Context], public_base_url: str) -> AsyncIterator[Console]:
    """The console with a fresh database; sisters answer sign-ins and contact cards of the people made here."""
    made = context("console", public_base_url=public_base_url, **URLS)
    sisters = Sisters()
    made.http._client = httpx.AsyncClient(transport=httpx.MockTransport(sisters))
    await begin(made)
    console = Console(made, service.http_app(made), sisters)

    def by_email(call: Call) -> httpx.Response:
        person = console.people.get(call.body["email"])
        return httpx.Response(200, json=person.card) if person else httpx.Response(404, json={"rule": "not-found"})

    def by_id(call: Call) -> httpx.Response:
        wanted = call.path.split("/")[2]
        found = [p for p in console.people.values() if str(p.person_id) == wanted]
        return httpx.Response(200, json=found[0].card) if found else httpx.Response(404, json={"rule": "not-found"})

    sisters.on("profiles", "POST", "/contact-cards/by-email", by_email)
    sisters.on("profiles", "GET", "/people/[^/]+/contact-card", by_id)
    sisters.on("notifier", "POST", "/messages/sign-in", {"accepted": True}, 202)
    yield console
    await end(made)
    await made.http.close()


@pytest.fixture
async def town(console: Console) -> "Town":
    """The town, known to the console and to the played services."""
    from tests.console.town import Town, inhabit, populate  # which begin with what is defined here

    made = Town()
    inhabit(console, made)
    await populate(console, made)
    return made
