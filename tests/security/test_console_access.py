"""Every page and button of the console × every kind of visitor, against the table, by real requests."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from services.console.web import CONTENT_SECURITY_POLICY
from shared.auth import TokenVerifier
from shared.ids import new_id
from tests.console.conftest import Console, Person
from tests.security.console_table import COLUMNS, ENDLESS, ONE_CLICK, table
from tests.security.routes import routes_of
from tests.security.tables import OPEN, OPERATIONS

TABLE = table()
ID = str(new_id())
FORM: dict[str, Any] = {
    "email": "somebody@firm.example", "organisation_id": ID, "answer": "interested", "kind": "staff_exchange",
    "visitor_id": ID, "visitor_hub_id": ID, "host_id": ID, "host_hub_id": ID, "starts_on": "2026-11-02",
    "ends_on": "2026-11-06", "connection_id": ID, "party": "visitor", "decision": "approve", "reason": "ill",
    "text": "seen", "reference": "T-1", "programme_id": ID, "beneficiary_id": ID, "number": "R-1", "amount": "10",
    "bank_reference": "B-1", "partner_id": ID, "service": "profiles", "ids": ID, "topic": "profiles.organisations",
    "language": "de", "time_zone": "Europe/Vienna", "given": "true", "suggestions": "true",
}  # fmt: skip
"""All fields of all forms: every button gets what it needs, and ignores the rest."""
SERVICE_CALLS = {"/contact-cards/by-email", "/messages/sign-in", "/unsubscribe"}
"""What the console asks with its own token, for people who are not signed in."""
ROLES = {"sme": "sme_contact", "hub": "hub_manager", "adm": "voucher_administrator", "aud": "auditor"}


class Visitors:
    """One browser for each column, signed in where the column is somebody."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.browsers: dict[str, httpx.AsyncClient] = {}
        self.people: dict[str, Person] = {}

    async def arrive(self, opened: AsyncExitStack) -> None:
        for column in COLUMNS:
            self.browsers[column] = await opened.enter_async_context(self.console.browser())
            if column != "ano":
                await self.sign_in(column)

    async def sign_in(self, column: str) -> None:
        roles = {"ope": [("operator", None)], "non": []}.get(column) or [(ROLES.get(column, ""), new_id())]
        self.people[column] = self.console.person(*(each for each in roles if each[0]))
        await self.console.sign_in(self.browsers[column], self.people[column])

    async def call(self, column: str, route: str, **headers: str) -> httpx.Response:
        """Call a route as that visitor; what was asked of the other services before is forgotten."""
        self.console.sisters.calls.clear()
        method, path = route.split()
        address = re.sub(r"\{\}", ID, path) + (f"?connection_id={ID}" if path == "/visits/new" else "")
        form = FORM if method == "POST" else None
        # The address of a link is a credential of its own; nobody else's limit is to be used up.
        answer = await self.browsers[column].request(method, address, data=form, headers=headers)
        await _sent(self.console)
        return answer

    def acted(self, column: str) -> list[str]:
        """Calls to other services that were not made with that person's own token."""
        verifier = TokenVerifier("profiles", self.console.context.settings.trusted_keys_file)
        wrong = []
        for call in self.console.sisters.calls:
            principal = verifier_of(verifier, call.service).principal(call.authorization.removeprefix("Bearer "))
            own = column != "ano" and principal.subject == str(self.people[column].person_id)
            if not own and call.path not in SERVICE_CALLS and not call.path.endswith("/contact-card"):
                wrong.append(f"{call.method} {call.service}{call.path} as {principal.subject}")
        return wrong

    def asked(self) -> list[str]:
        """Calls to other services besides the look at the visitor's own card."""
        return [c.path for c in self.console.sisters.calls if not c.path.endswith("/contact-card")]


def verifier_of(verifier: TokenVerifier, service: str) -> TokenVerifier:
    return TokenVerifier(service, verifier.keys_file)


async def _sent(console: Console) -> None:
    from services.console.web import identity_of

    await identity_of(console.context).sent()


@pytest.fixture
async def visitors(console: Console) -> AsyncIterator[Visitors]:
    """Everybody at her browser."""
    made = Visitors(console)
    async with AsyncExitStack() as opened:
        await made.arrive(opened)
        yield made


async def found_wrong(visitors: Visitors, routes: dict[str, dict[str, str]]) -> list[str]:
    """Return a line for every answer that is not as the table says."""
    wrong = []
    for route, marks in routes.items():
        for column, mark in marks.items():
            if route == ENDLESS and mark == "may":
                continue
            answer = await visitors.call(column, route)
            where = f"{route} as {column}: {mark} expected, got {answer.status_code}"
            to_sign_in = answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")
            if mark == "in":
                program = await visitors.call(column, route, Accept="application/json")
                if not to_sign_in or program.status_code != 401 or visitors.asked():
                    wrong.append(where)
            elif mark.isdigit():
                if answer.status_code != int(mark) or visitors.asked():
                    wrong.append(f"{where}, asked {visitors.asked()}")
            elif to_sign_in or answer.status_code == 403 or answer.status_code >= 500:
                wrong.append(where)
            elif mark == "may" and answer.status_code == 422:
                wrong.append(f"{where}: the form of this test lacks a field: {answer.text[-300:]}")
            wrong += [f"{where}: asked {each}" for each in visitors.acted(column)]
            if answer.headers.get("content-security-policy") != CONTENT_SECURITY_POLICY:
                wrong.append(f"{where}: without the content security policy")
            if route == "POST /sign-out" and column != "ano":
                await visitors.sign_in(column)
    return wrong


async def test_every_page_and_button_is_for_whom_the_table_says(visitors: Visitors) -> None:
    wrong = await found_wrong(visitors, TABLE)
    assert not wrong, "\n".join(wrong)


async def test_control_a_page_that_forgets_to_ask_for_the_role_is_reported(
    visitors: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.console.identity.Visitor.needs", lambda *_: None)
    wrong = await found_wrong(visitors, {"GET /operator/parked": TABLE["GET /operator/parked"]})
    assert any("as sme: 403 expected" in each for each in wrong)


def test_no_page_is_missing_in_the_table(console: Console) -> None:
    known = routes_of(console.app) - set(OPERATIONS) - OPEN
    assert known == set(TABLE)


REFUSED_ORIGINS: dict[str, dict[str, str]] = {
    "a page of another site": {"Sec-Fetch-Site": "cross-site"},
    "a neighbour host": {"Sec-Fetch-Site": "same-site"},
    "an old browser on another site": {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
    "a sandboxed frame": {"Sec-Fetch-Site": "", "Origin": "null"},
}


@pytest.mark.parametrize("name", REFUSED_ORIGINS)
async def test_no_foreign_page_presses_a_button(visitors: Visitors, name: str) -> None:
    headers = REFUSED_ORIGINS[name]
    for route in (each for each in TABLE if each.startswith("POST") and each != ONE_CLICK):
        answer = await visitors.call("ope", route, **headers)
        assert answer.status_code == 403, route
        assert not visitors.asked(), route
    one_click = await visitors.call("ano", ONE_CLICK, **headers)
    assert one_click.status_code != 403, "mail providers send no origin"
