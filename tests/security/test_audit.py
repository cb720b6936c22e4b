"""Who did what is on record: one row per mutating route, in the mutation's transaction, never changed afterwards."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from deploy.local.keys import Keys
from shared.context import Context
from shared.messaging.tables import audit_entry
from tests.security.checking import SAFE, World
from tests.security.tables import COLUMNS, TABLES
from tests.security.worlds import FURNISH, world


@pytest.fixture
async def of(
    request: pytest.FixtureRequest, context: Callable[..., Context], keys: Keys, token: Callable[..., str]
) -> AsyncIterator[World]:
    """The furnished world of the service that the test names."""
    async with world(request.param, context(request.param), keys, token) as made:
        yield made


async def trail(of: World) -> list[Any]:
    """Return the audit rows so far, oldest first."""
    async with of.context.database.session() as session:
        return list(await session.execute(sa.select(audit_entry).order_by(audit_entry.c.id)))


async def unrecorded(of: World) -> list[str]:
    """Do each thing once that a route can do; return a line for each that left no row, or a wrong one."""
    found = []
    for route, marks in TABLES[of.name].items():
        column = next((each for each in COLUMNS if marks[each] == "ok"), None)
        if route.split()[0] in SAFE or column is None:
            continue
        call = await of.makers[route]()
        before = {row.id for row in await trail(of)}
        answer = await of.send_as(column, route.split()[0], call)
        assert answer.is_success, (route, answer.text)
        rows = [row for row in await trail(of) if row.id not in before]
        caller = of.callers[column]
        actor = f"service:{caller.service}" if caller.service else str(caller.person_id)
        if [row.actor for row in rows] != [actor]:
            found.append(f"{route}: rows {[(row.actor, row.action) for row in rows]}, one by {actor} expected")
    return found


@pytest.mark.parametrize("of", FURNISH, indirect=True)
async def test_every_mutating_route_leaves_one_row_that_names_who_did_it(of: World) -> None:
    found = await unrecorded(of)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("of", ["matching"], indirect=True)
async def test_control_a_route_that_forgets_to_record_is_reported(of: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forget(*_: Any, **__: Any) -> None: ...

    monkeypatch.setattr("services.matching.endpoints.suggestions.audit", forget)
    assert any("answers: rows []" in each for each in await unrecorded(of))


@pytest.mark.parametrize("of", ["notifier"], indirect=True)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET actor = 'nobody'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "DELETE FROM journal",
        "TRUNCATE journal",
    ],
)
async def test_the_trail_is_never_changed(of: World, statement: str) -> None:
    before = await trail(of)
    assert before
    with pytest.raises(DBAPIError, match="append-only"):
        async with of.context.database.transaction() as session:
            await session.execute(sa.text(statement))
    assert await trail(of) == before
