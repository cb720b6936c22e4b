"""Negative controls: a scope check that is taken away, or a route that is forgotten, does not go unnoticed."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.routing import Mount

from deploy.local.keys import Keys
from services.matching.repository.suggestions import Scope as MatchingScope
from services.mobility.scopes import Scope as MobilityScope
from shared.context import Context
from tests.security.checking import World, violations
from tests.security.routes import routes_of
from tests.security.tables import TABLES
from tests.security.worlds import world


def nothing(*_: Any, **__: Any) -> None:
    """Checks nothing."""


def yes(*_: Any, **__: Any) -> bool:
    """Allows everything."""
    return True


BROKEN: list[tuple[str, str, str, Any, str]] = [
    ("profiles", "GET /organisations/{}", "services.profiles.access.sees_contacts", yes, "as SME: read"),
    ("profiles", "PUT /organisations/{}", "services.profiles.access.may_edit", yes, "as non: refused with 200, but"),
    ("matching", "GET /suggestions/{}", "services.matching.endpoints.suggestions.scope_of",
     lambda _: MatchingScope(everything=True), "as SME: 404 expected, got 200"),
    ("mobility", "GET /vouchers", "services.mobility.endpoints.vouchers.scope_of",
     lambda _: MobilityScope(everything=True), "as SME: read"),
    ("mobility", "POST /vouchers/{}/issue", "services.mobility.vouchers.require_administrator", nothing,
     "as aud: refused with 200, but"),
    ("notifier", "PUT /people/{}/preferences", "services.notifier.endpoints._people_only", nothing,
     "as con: 403 expected, got 404"),
    ("notifier", "GET /operations/status", "shared.http.require", nothing, "as hub: 403 expected, got 200"),
]  # fmt: skip


@pytest.fixture
async def of(
    request: pytest.FixtureRequest, context: Callable[..., Context], keys: Keys, token: Callable[..., str]
) -> AsyncIterator[World]:
    """The furnished world of the service that the test names."""
    async with world(request.param, context(request.param), keys, token) as made:
        yield made


@pytest.mark.parametrize(("of", "route", "check", "broken", "report"), BROKEN, indirect=["of"])
async def test_a_check_that_is_taken_away_is_reported(
    of: World, route: str, check: str, broken: Any, report: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, broken)
    found = await violations(of, TABLES[of.name], [route])
    assert any(report in each for each in found), "\n".join(found)


def test_every_kind_of_route_is_found() -> None:
    app, router, inner = FastAPI(), APIRouter(prefix="/outer"), APIRouter(prefix="/inner")

    @app.get("/plain/{name}")
    @app.post("/hidden", include_in_schema=False)
    @inner.put("/nested/{name}")
    @inner.delete("/nested-hidden", include_in_schema=False)
    def nothing_much() -> None: ...

    @app.websocket("/socket")
    async def socket() -> None: ...

    router.include_router(inner)
    app.include_router(router)
    app.router.routes.append(Mount("/files", app=FastAPI()))
    wanted = {
        "GET /plain/{}",
        "POST /hidden",
        "PUT /outer/inner/nested/{}",
        "DELETE /outer/inner/nested-hidden",
        "WEBSOCKET /socket",
        "MOUNT /files",
    }
    assert wanted <= routes_of(app)
