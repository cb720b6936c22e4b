"""Slow work: reading statements and calls, matching rounds (one leader), drafting roadmaps (the durable queue)."""

import time
from typing import Any
from uuid import UUID

from services.matching.encoder.errors import ModelUnavailableError
from services.matching.engine import Engine, engine_of
from services.matching.exploration import week_of
from services.matching.judging import install_start_ranker
from services.matching.reading import read_batch, read_calls
from services.matching.repository import calls, encoders, rankers
from services.matching.repository import suggestions as rows
from services.matching.roadmaps import DRAFT, draft_roadmap
from services.matching.rounds import run_round
from services.matching.succession import FORGET_EVERY_SECONDS, follow, forget_former_vectors, read_ahead
from services.matching.training import LOOK_EVERY_SECONDS, train_when_due
from shared.bell import heard
from shared.clock import now, today
from shared.context import Context
from shared.messaging import Jobs
from shared.service import Periodic

LOOK_SECONDS = 0.2
"""How often the leader looks for work when nobody wakes it."""

TURN_SECONDS = 2.0
"""After so long the caller looks whether this process is still the leader."""

MANY_ATTEMPTS = 1000
"""A roadmap whose members' statements wait to be read (no model is there, an import is running) is tried for days."""

jobs = Jobs()


@jobs.job(DRAFT, max_attempts=MANY_ATTEMPTS, lease_seconds=300.0)
async def draft(context: Context, payload: dict[str, Any]) -> None:
    """Find the themes of a roadmap."""
    await draft_roadmap(context.database, engine_of(context), UUID(payload["roadmap_id"]))


async def read_and_match(context: Context) -> None:
    """The leader's turn: read statements and hold rounds as they are due, then read calls, else wait."""
    engine = engine_of(context)
    if not engine.checked_readers:
        await begin_to_lead(context)
    until = time.monotonic() + TURN_SECONDS
    while time.monotonic() < until:
        engine.woken.clear()
        if not await one_step(context, engine):
            await heard(engine.woken, LOOK_SECONDS)


async def begin_to_lead(context: Context) -> None:
    """Once in a process that leads: note which encoder is chosen, and see to the ranker."""
    engine = engine_of(context)
    async with context.database.transaction() as session:
        if engine.fault is None:
            await encoders.begin(session, engine.chosen, engine.recipe, now())
        await install_start_ranker(session)
    engine.checked_readers = True


async def one_step(context: Context, engine: Engine) -> bool:
    """Read what waits and hold a round that is due; returns whether there may be more to do at once."""
    await follow(context.database, engine)
    try:
        read = await read_batch(context.database, engine)
    except ModelUnavailableError:
        read = 0  # logged by the engine; what needs no reading is matched all the same
    async with context.database.session() as session:
        waiting = await rows.anything_to_read(session)
    waiting = waiting and await engine.reads(engine.shown)  # what nobody here can read is not waited for
    async with context.database.session() as session:
        owed = await rows.is_round_owed(session) or await rankers.is_round_owed(session)
        owed = owed or await encoders.is_round_owed(session)
        change = await rows.newest_change(session)
        owed = owed or (not waiting and await calls.is_round_owed(session, today()))
        owed = owed or (not waiting and await rows.is_week_owed(session, week_of(today())))
    engine.last_change = engine.last_change.then(change, time.monotonic())
    if owed and is_due(engine, time.monotonic(), waiting):
        await run_round(context.database, engine)
        engine.last_round_ended = time.monotonic()
        return True
    if not (read or owed or waiting):
        await _read_calls(context, engine)  # between two batches of calls everything else has its turn
    return read > 0 or await _read_ahead(context, engine)


async def _read_calls(context: Context, engine: Engine) -> None:
    try:
        await read_calls(context.database, engine)
    except ModelUnavailableError:
        return  # logged by the engine


async def _read_ahead(context: Context, engine: Engine) -> bool:
    try:
        return await read_ahead(context.database, engine)
    except ModelUnavailableError:
        return False  # logged by the engine


def is_due(engine: Engine, moment: float, waiting: bool) -> bool:
    """Whether a round that is owed may start: at once when idle, every few seconds while changes keep coming.

    Idle is: nothing waits to be read, and the newest change came alone or has been the newest for a moment.
    """
    settings, change = engine.settings, engine.last_change
    if moment - engine.last_round_ended >= settings.round_every_seconds:
        return True
    alone = change.pause >= settings.round_alone_seconds
    return not waiting and (alone or moment - change.noticed >= settings.round_quiet_seconds)


PERIODIC = (
    Periodic("matching", seconds=0.0, run=read_and_match, leader=True),
    Periodic("learning", seconds=LOOK_EVERY_SECONDS, run=train_when_due, leader=True),
    Periodic("former-vectors", seconds=FORGET_EVERY_SECONDS, run=forget_former_vectors, leader=True),
)
