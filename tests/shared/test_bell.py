"""The bell: heard once there is something to see, by whoever listens, and never instead of a cancellation."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from shared.bell import Bell, heard


async def test_it_rings_when_the_transaction_is_committed_and_not_before(context: Callable[..., Any]) -> None:
    bell = Bell("test")
    listening = bell.listen()
    async with context("profiles").database.transaction() as session:
        bell.ring_after_commit(session)
        bell.ring_after_commit(session)
        await session.execute(sa.text("SELECT 1"))
        assert not listening.is_set()
    assert listening.is_set()


async def test_it_does_not_ring_for_what_was_rolled_back(context: Callable[..., Any]) -> None:
    bell = Bell("test")
    listening = bell.listen()
    async with context("profiles").database.session() as session:
        bell.ring_after_commit(session)
        await session.execute(sa.text("SELECT 1"))
        await session.rollback()
    assert not listening.is_set()


async def test_all_that_listen_hear_it_and_nobody_else() -> None:
    bell, other = Bell("one"), Bell("other")
    first, second, elsewhere = bell.listen(), bell.listen(), other.listen()
    bell.ring()
    assert (first.is_set(), second.is_set(), elsewhere.is_set()) == (True, True, False)
    await heard(first, 60)
    await heard(elsewhere, 0.01)


async def test_a_cancellation_that_comes_with_the_ring_is_not_lost() -> None:
    bell = Bell("test")
    listening = bell.listen()

    async def work() -> None:
        await heard(listening, 60)
        await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    bell.ring()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)
