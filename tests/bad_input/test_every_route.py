"""Bad input on every route of every service: a clear refusal that names its rule, never a 5xx."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.matching.calls import parsing as calls
from services.profiles.importing import parsing as organisations
from shared.web import MAX_BODY_BYTES
from tests.bad_input.nasty import BODIES, HEADERS, PATHS, QUERY, VALUES, for_text, some
from tests.bad_input.sending import caller_of, fault, leaves, send, value_at, with_body, with_value
from tests.security.checking import World
from tests.security.routes import shape
from tests.security.tables import TABLES
from tests.security.worlds import FURNISH, application

SERVICES = tuple(FURNISH)
FILES = {"POST /imports": organisations.MAX_FILE_BYTES, "POST /calls/imports": calls.MAX_FILE_BYTES}
"""Routes that take files, and how many bytes."""
QUERY_BEGINS = re.compile(r"\?.*$")


def routes(world: World, *methods: str) -> list[str]:
    """The routes of a service with one of these methods."""
    return [route for route in TABLES[world.name] if route.split()[0] in methods]


@pytest.mark.parametrize("of", SERVICES, indirect=True)
async def test_bodies_that_are_no_request(of: World) -> None:
    found = []
    for route in routes(of, "POST", "PUT"):
        call = await of.makers[route]()
        for name, content in some(BODIES, route, 6).items():
            if wrong := fault(await send(of, route, with_body(call, content))):
                found.append(f"{route}, {name}: {wrong}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("of", SERVICES, indirect=True)
async def test_bad_values_in_each_field(of: World) -> None:
    found = []
    for route in routes(of, "POST", "PUT"):
        call = await of.makers[route]()
        for place in leaves(call.body):
            salt = f"{route} {place}"
            bad = for_text(salt, 2) if isinstance(value_at(call.body, place), str) else some(VALUES, salt, 3)
            for name, value in bad.items():
                said = with_value(call.body, place, value)
                if wrong := fault(await send(of, route, replace(call, body=said))):
                    found.append(f"{route}, {name} as {place}: {wrong}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("of", SERVICES, indirect=True)
async def test_bad_headers(of: World) -> None:
    found = []
    for route in routes(of, "GET", "POST", "PUT", "DELETE"):
        call = await of.makers[route]()
        for name, headers in some(HEADERS, route, 4).items():
            if wrong := fault(await send(of, route, call, headers=headers)):
                found.append(f"{route}, {name}: {wrong}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("of", SERVICES, indirect=True)
async def test_bad_ids_in_the_address(of: World) -> None:
    found = []
    for route in (each for each in TABLES[of.name] if "{}" in each):
        call = await of.makers[route]()
        for value in some(PATHS, route, 3).values():
            path = route.split()[1].replace("{}", value)
            answer = await send(of, route, replace(call, path=path))
            if wrong := fault(answer):
                found.append(f"{path}: {wrong}")
            elif answer.is_success:
                found.append(f"{path}: {answer.status_code}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("of", SERVICES, indirect=True)
async def test_bad_and_unknown_query_parameters(of: World) -> None:
    found = []
    known = {
        f"{method.upper()} {shape(path)}": [
            each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"
        ]
        for path, operations in application(of.name, of.context).openapi()["paths"].items()
        for method, operation in operations.items()
    }
    for route in routes(of, "GET", "POST"):
        call = await of.makers[route]()
        path, _, good = call.path.partition("?")
        for name in (*known[route], "unknown"):
            others = "&".join(each for each in good.split("&") if each and not each.startswith(f"{name}="))
            for value in some(QUERY, f"{route} {name}", 3).values():
                bad = replace(call, path=f"{path}?{name}={value}&{others}")
                if wrong := fault(await send(of, route, bad)):
                    found.append(f"{route} ?{name}={value[:40]}: {wrong}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("of", SERVICES, indirect=True)
async def test_methods_and_addresses_that_do_not_exist(of: World) -> None:
    found = []
    for path in {each.split()[1].replace("{}", "0190") for each in TABLES[of.name]} | {"/", "/nowhere", "/%00", "//x"}:
        for method in ("PATCH", "OPTIONS", "TRACE", "PROPFIND"):
            answer = await of.client.request(method, path)
            if wrong := fault(answer) or ("" if answer.status_code in (401, 404, 405) else str(answer.status_code)):
                found.append(f"{method} {path}: {wrong}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("of", SERVICES, indirect=True)
async def test_a_body_that_does_not_tell_its_length_ends_at_the_limit(of: World) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100_000_000:
            sent += 100_000
            yield b" " * 100_000

    found = []
    for route in routes(of, "POST", "PUT"):
        call = await of.makers[route]()
        sent = 0
        token = {"Authorization": f"Bearer {of.token(caller_of(of.name, route))}", "Content-Type": "application/json"}
        address = of.client.build_request(
            route.split()[0], call.path, headers={**token, **call.headers}, content=endless()
        )
        answer = await of.client.send(address)
        limit = FILES.get(route, MAX_BODY_BYTES)
        if wrong := fault(answer) or (f"read {sent}" if sent > limit + 2_000_000 else ""):
            found.append(f"{route}: {wrong}")
        elif call.body is not None and (answer.status_code, answer.json()["rule"]) != (413, "too-large"):
            found.append(f"{route}: {answer.status_code} {answer.text[:100]}")
    assert not found, "\n".join(found)
