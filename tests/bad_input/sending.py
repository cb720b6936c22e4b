"""Sends bad input to a route and says what is wrong with the answer."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx

from tests.security.checking import Call, World
from tests.security.tables import TABLES

CALLERS = ("her", "adm", "hub", "ope", "con", "non")
"""Who may do something somewhere; the first whom the route's line lets in sends its bad input."""
PROBLEM = "application/problem+json"


def caller_of(service: str, route: str) -> str:
    """Return a column that the table lets in, so that bad input gets as far as it can."""
    marks = TABLES[service][route]
    return next(column for column in CALLERS if not marks[column].isdigit())


async def send(world: World, route: str, call: Call, *, headers: dict[str, Any] | None = None) -> httpx.Response:
    """Send a call as somebody who may."""
    token = world.token(caller_of(world.name, route))
    sent: dict[str, Any] = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **call.headers}
    content = call.content if call.body is None else json.dumps(call.body).encode()
    return await world.client.request(route.split()[0], call.path, headers={**sent, **(headers or {})}, content=content)


def fault(answer: httpx.Response) -> str:
    """Return what is wrong with an answer to bad input; empty when it is as it must be.

    Never 5xx; from 400 on a problem document (RFC 9457) that names its rule; no internals in it.
    """
    if answer.status_code >= 500:
        return f"{answer.status_code} {answer.text[:200]}"
    if answer.status_code < 400:
        return ""
    if answer.headers.get("content-type") != PROBLEM:
        return f"{answer.status_code} is no problem document: {answer.text[:200]}"
    document = answer.json()
    if not document.get("rule") or document.get("status") != answer.status_code or not document.get("detail"):
        return f"{answer.status_code} lacks rule, status or detail: {answer.text[:200]}"
    if len(answer.content) > 20_000:
        return f"{answer.status_code} repeats the input: {len(answer.content)} bytes"
    if any(word in answer.text for word in ("Traceback", "asyncpg", "sqlalchemy", "SELECT ")):
        return f"{answer.status_code} tells internals: {answer.text[:300]}"
    return ""


def with_body(call: Call, content: bytes) -> Call:
    """Return the call with another body."""
    return replace(call, body=None, content=content)


def leaves(body: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of every field in a body, also of those that hold others."""
    children = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in children:
        yield (*place, key)
        yield from leaves(value, (*place, key))


def value_at(body: Any, place: tuple[Any, ...]) -> Any:
    """Return what stands at that place."""
    for key in place:
        body = body[key]
    return body


def with_value(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of the body with another value at that place."""
    changed = copy.deepcopy(body)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return changed
