"""Holds a service against its table by real requests, and says every line that does not hold."""

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import sqlalchemy as sa

from shared.auth import Role
from shared.context import Context
from shared.ids import new_id
from tests.security.tables import COLUMNS, Table

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
BAD_TOKENS = {"no header": None, "no token": "Bearer ", "nonsense": "Bearer not.a.token", "basic": "Basic dTpw"}


@dataclass(frozen=True)
class Call:
    """One request to a route. ``private``: words that only those may read who are marked ``see``."""

    path: str
    body: Any = None
    private: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None


@dataclass
class Caller:
    """Who a column stands for."""

    roles: tuple[Role, ...] = ()
    person_id: UUID = field(default_factory=new_id)
    actions: tuple[str, ...] = ()
    service: str | None = None


Make = Callable[[], Awaitable[Call]]


@dataclass
class World:
    """A service with things of several organisations in it. ``makers``: route → makes a fresh thing to call it on.

    ``private``: what refused callers must never read, whatever the route.
    """

    name: str
    context: Context
    client: httpx.AsyncClient
    person_token: Callable[..., str]
    service_token: Callable[..., str]
    callers: dict[str, Caller] = field(default_factory=dict)
    makers: dict[str, Make] = field(default_factory=dict)
    private: tuple[str, ...] = ()

    def make(self, route: str) -> Callable[[Make], Make]:
        """Register how to call a route."""

        def register(maker: Make) -> Make:
            self.makers[route] = maker
            return maker

        return register

    def token(self, column: str) -> str:
        """Sign the token of a column's caller."""
        caller = self.callers[column]
        if caller.service:
            return self.service_token(caller.service, self.name, caller.roles)
        return self.person_token(person_id=caller.person_id, roles=caller.roles, actions=caller.actions)

    async def send(self, method: str, call: Call, authorization: str | None) -> httpx.Response:
        """Send a call with that Authorization header."""
        headers = {**call.headers, **({"Authorization": authorization} if authorization else {})}
        content = call.content
        if call.body is not None:
            headers["Content-Type"], content = "application/json", json.dumps(call.body).encode()
        return await self.client.request(method, call.path, headers=headers, content=content)

    async def send_as(self, column: str, method: str, call: Call) -> httpx.Response:
        """Send a call as a column's caller."""
        return await self.send(method, call, f"Bearer {self.token(column)}")

    async def done(self, column: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Do what must work; return the decoded answer."""
        answer = await self.send_as(column, method, Call(path, body, headers=headers))
        assert answer.is_success, f"{column} {method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


def usual_callers(own: dict[str, UUID], foreign: dict[str, UUID], her: Caller) -> dict[str, Caller]:
    """Return a caller for each column; ``own`` and ``foreign`` give the organisation of sme, hub, adm and aud."""
    roles = {"sme": "sme_contact", "hub": "hub_manager", "adm": "voucher_administrator", "aud": "auditor"}
    callers = {"non": Caller(), "her": her, "ope": Caller((Role("operator"),))}
    for column, role in roles.items():
        callers[column] = Caller((Role(role, own[column]),))
        callers[column.upper()] = Caller((Role(role, foreign[column]),))
    callers["rev"] = Caller((Role("auditor"),))
    callers["lin"] = Caller(person_id=her.person_id, actions=(f"answer:{new_id()}:{own['sme']}:interested",))
    callers["cli"] = Caller((Role("operator"),), service="cli")
    services = {"con": "console", "not": "notifier", "mob": "mobility", "mat": "matching", "pro": "profiles"}
    return callers | {column: Caller(service=service) for column, service in services.items()}


async def fingerprint(context: Context) -> dict[str, str]:
    """Return a digest of every table: whatever is changed anywhere changes it."""
    async with context.database.session() as session:
        names = await session.scalars(sa.text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        parts = [
            f"SELECT '{name}', md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM \"{name}\" t"
            for name in sorted(names)
        ]
        return {name: digest or "" for name, digest in await session.execute(sa.text(" UNION ALL ".join(parts)))}


async def violations(world: World, table: Table, routes: Iterable[str] | None = None) -> list[str]:
    """Call every route of the table as every caller; return a line for each answer that is not as written."""
    found: list[str] = []
    for route in routes or table:
        found += await _violations_of(world, route, table[route])
    return found


async def _violations_of(world: World, route: str, marks: dict[str, str] | Any) -> list[str]:
    found: list[str] = []
    method = route.split()[0]
    call = await world.makers[route]()
    before = await fingerprint(world.context)
    for name, header in BAD_TOKENS.items():
        answer = await world.send(method, call, header)
        found += _wrong(world, route, f"ano ({name})", marks["ano"], call, answer)
    for column in COLUMNS[1:]:
        if marks[column].isdigit():
            answer = await world.send_as(column, method, call)
            found += _wrong(world, route, column, marks[column], call, answer)
            after = await fingerprint(world.context)
            if after != before:
                changed = sorted(name for name in after if after[name] != before.get(name))
                found.append(f"{route} as {column}: refused with {answer.status_code}, but {changed} changed")
                before = after
    for column in COLUMNS[1:]:
        if not marks[column].isdigit():
            if method not in SAFE:
                call = await world.makers[route]()
            answer = await world.send_as(column, method, call)
            found += _wrong(world, route, column, marks[column], call, answer)
    if method in SAFE and await fingerprint(world.context) != before:
        found.append(f"{route}: reading changed the database")
    return found


def _wrong(world: World, route: str, column: str, mark: str, call: Call, answer: httpx.Response) -> list[str]:
    found = []
    where = f"{route} as {column}"
    expected = answer.status_code == int(mark) if mark.isdigit() else answer.is_success
    if not expected:
        found.append(f"{where}: {mark} expected, got {answer.status_code} {answer.text[:200]}")
    read = [word for word in (*call.private, *world.private) if word and word in answer.text]
    if mark == "see" and not any(word in answer.text for word in call.private):
        found.append(f"{where}: does not see what is hers: {answer.text[:200]}")
    # Somebody who acted may be answered with the thing.
    if mark not in ("see", "ok") and read:
        found.append(f"{where}: read {read} ({answer.status_code})")
    if mark.isdigit() and answer.headers.get("content-type") != "application/problem+json":
        found.append(f"{where}: the refusal is no problem document")
    elif mark.isdigit() and not answer.json().get("rule"):
        found.append(f"{where}: the refusal names no rule")
    return found
