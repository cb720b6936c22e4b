"""Every route × every kind of caller, on an organisation that is not the caller's: refused as it should be.

A route that is missing from the table fails the test.
"""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from services.profiles.__main__ import service
from shared.context import Context
from shared.ids import new_id
from tests.profiles.conftest import Api, an_sme

CONTACT = {"name": "N", "email": "n@x.example.org"}
OPEN = 200, 201, 204

# What a stranger (any role, of another organisation) gets on somebody else's things.
STRANGER: dict[tuple[str, str], tuple[Any, int]] = {
    ("GET", "/organisations"): (None, 200),
    ("POST", "/organisations"): (an_sme(), 403),
    ("GET", "/organisations/{organisation_id}"): (None, 200),
    ("PUT", "/organisations/{organisation_id}"): (an_sme(), 403),
    ("POST", "/organisations/{organisation_id}/withdraw"): (None, 403),
    ("DELETE", "/organisations/{organisation_id}"): (None, 403),
    ("POST", "/organisations/{organisation_id}/people"): (CONTACT, 403),
    ("GET", "/people/{person_id}"): (None, 404),
    ("PUT", "/people/{person_id}"): ({"language": "fr"}, 404),
    ("DELETE", "/people/{person_id}"): (None, 404),
    ("GET", "/people/{person_id}/export"): (None, 404),
    ("GET", "/people/{person_id}/contact-card"): (None, 403),
    ("POST", "/contact-cards/by-email"): ({"email": "eva@sme.example.org"}, 403),
    ("POST", "/contact-cards/by-organisation"): ({"organisation_ids": []}, 403),
    ("POST", "/imports"): (None, 403),
    ("GET", "/imports/{import_id}"): (None, 404),
}
HUBS_MAY_IMPORT = ("POST", "/imports")
ROLES = ("sme_contact", "hub_manager", "voucher_administrator", "auditor", None)


@pytest.fixture
async def things(operator: Api) -> dict[str, str]:
    """Somebody's organisation, person and import."""
    organisation = (await operator.post("/organisations", json=an_sme())).json()["id"]
    contact = {"name": "Eva", "email": "eva@sme.example.org"}
    person = (await operator.post(f"/organisations/{organisation}/people", json=contact)).json()["person_id"]
    run = (await operator.load(""))["id"]
    return {"organisation_id": organisation, "person_id": person, "import_id": run}


def own_routes() -> set[tuple[str, str]]:
    routes = [route for router in service.routers for route in router.routes if isinstance(route, APIRoute)]
    return {(method, route.path) for route in routes for method in route.methods}


def test_every_route_stands_in_the_table() -> None:
    assert own_routes() == set(STRANGER)


async def call(by: Api, route: tuple[str, str], things: dict[str, str]) -> httpx.Response:
    method, path = route
    version = "1.1" if method == "PUT" and "organisation" in path else None
    return await by.call(method, path.format(**things), version, json=STRANGER[route][0])


@pytest.mark.parametrize("role", ROLES)
async def test_strangers_are_refused(
    api: Callable[..., Api], things: dict[str, str], role: str | None, operator: Api
) -> None:
    stranger = api(role, new_id() if role else None)
    for route, (_, expected) in STRANGER.items():
        wanted = 200 if route == HUBS_MAY_IMPORT and role == "hub_manager" else expected
        response = await call(stranger, route, things)
        assert response.status_code == wanted, (role, route, response.text)
    untouched = (await operator.get(f"/organisations/{things['organisation_id']}")).json()
    assert untouched["version"] == "1.1"


@pytest.mark.parametrize(("actions", "signed", "status"), [(("answer:x",), True, 403), ((), False, 401)])
async def test_mail_links_and_nameless_callers_are_refused_everywhere(
    api: Callable[..., Api], things: dict[str, str], actions: tuple[str, ...], signed: bool, status: int
) -> None:
    caller = api("operator", actions=actions)
    if not signed:
        caller.headers = {}
    for route in STRANGER:
        assert (await call(caller, route, things)).status_code == status, route


async def test_sister_services_change_no_organisation(sister: Callable[[str], Api], things: dict[str, str]) -> None:
    forbidden = [r for r in STRANGER if r[0] != "GET" and "contact-cards" not in r[1]]
    forbidden.remove(("PUT", "/people/{person_id}"))
    for name in ("matching", "mobility", "notifier", "console"):
        for route in forbidden:
            assert (await call(sister(name), route, things)).status_code == 403, (name, route)


async def test_every_route_is_open_to_whom_it_is_for(
    operator: Api, sister: Callable[[str], Api], things: dict[str, str], profiles: Context
) -> None:
    last = [("DELETE", "/people/{person_id}"), ("DELETE", "/organisations/{organisation_id}")]
    withdraw = ("POST", "/organisations/{organisation_id}/withdraw")
    for route in [r for r in STRANGER if r not in (*last, withdraw)] + [withdraw, *last]:
        caller = sister("console") if "contact-card" in route[1] else operator
        response = await call(caller, route, things)
        assert response.status_code in OPEN, (route, response.text)
