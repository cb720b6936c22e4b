"""An erasure while a round is written: whichever comes first, nothing of the erased organisation stays."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.repository import history
from tests.matching.conftest import Matching, organisation
from tests.matching.stored import everything_stored

SECRET = "holographic beekeeping instruments"
WAITING = sa.text(
    "SELECT EXISTS (SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database"
    " WHERE d.datname = current_database() AND NOT granted)"
)


async def erase_while_a_round_is_written(matching: Matching, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Let a round propose a pair, and erase one side when the round has looked who is unchanged, before it commits.

    The round goes on when the erasure has ended or waits for it; returns whether it had to wait.
    """
    await matching.hear(organisation("Bienen", "DE", needs=[SECRET]), organisation("Abeilles", "FR", offers=[SECRET]))
    await matching.read()
    erasures: list[asyncio.Task[None]] = []
    waited: list[bool] = []
    keep = history.keep_profiles

    async def in_the_middle(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
        assert len(rows) == 2, "the round proposes the pair"
        erasures.append(asyncio.create_task(matching.erase("Bienen")))
        async with matching.context.database.session() as looking:
            while not erasures[0].done() and not await looking.scalar(WAITING):
                await asyncio.sleep(0.005)
        waited.append(not erasures[0].done())
        await keep(session, rows)

    with monkeypatch.context() as patched:
        patched.setattr(history, "keep_profiles", in_the_middle)
        await matching.settle()
    await asyncio.gather(*erasures)
    await matching.hear(organisation("Abeilles", "FR", n=2))  # its own words are the same
    await matching.settle()
    return waited == [True]


async def test_an_erasure_during_a_round_leaves_no_word(matching: Matching, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await erase_while_a_round_is_written(matching, monkeypatch)
    stored = await everything_stored(matching)
    assert "beekeeping" not in stored
    assert "Bienen" not in stored


async def test_without_the_lock_words_would_be_left_in_the_history(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the erasure does not see what the round is about to keep, and no later round mends it."""

    async def unlocked(session: AsyncSession) -> None:
        pass

    monkeypatch.setattr(history, "one_at_a_time", unlocked)
    assert not await erase_while_a_round_is_written(matching, monkeypatch)
    async with matching.context.database.session() as session:
        kept = (await session.scalars(sa.text("SELECT facts ->> 'name' FROM profile_version"))).all()
    assert "Bienen" in kept
    assert "beekeeping" in await everything_stored(matching)
