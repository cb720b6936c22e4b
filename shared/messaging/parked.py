"""Parked events: retried in order per key, with ever longer pauses, until they work or become dead letters."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.messaging.consumer import Processor, database_is_away
from shared.messaging.events import Record, Unprocessable
from shared.messaging.tables import dead_letter, parked_event
from shared.observability import fault_of

log = structlog.get_logger()

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=10)
MAX_ATTEMPTS = 40
"""About five hours; after that a person has to look: the event becomes a dead letter."""
HEADS_PER_ROUND = 100

_FIELDS = ("origin", "topic", "partition", "offset", "key", "headers", "body")


def _record(row: Any) -> Record:
    return Record(**{name: getattr(row, name) for name in _FIELDS})


async def retry_parked(processor: Processor) -> int:
    """Retry the oldest parked event of every key whose pause is over; return how many worked."""
    heads = (
        sa.select(parked_event.c.id, parked_event.c.next_attempt_at)
        .ext(distinct_on(parked_event.c.topic, parked_event.c.key))
        .order_by(parked_event.c.topic, parked_event.c.key, parked_event.c.id)
        .subquery()
    )
    due = sa.select(heads.c.id).where(heads.c.next_attempt_at <= sa.func.now()).limit(HEADS_PER_ROUND)
    async with processor.database.session() as session:
        ids: Sequence[int] = (await session.scalars(due)).all()
    worked = 0
    for each in ids:
        worked += await _retry(processor, each)
    return worked


async def _retry(processor: Processor, row_id: int) -> bool:
    async with processor.database.transaction() as session:
        query = sa.select(parked_event).where(parked_event.c.id == row_id).with_for_update(skip_locked=True)
        row = (await session.execute(query)).one_or_none()
        if row is None:  # another replica has it, or has done it
            return False
        record = _record(row)
        try:
            async with session.begin_nested():
                await processor.dispatch(session, record)
        except Exception as error:
            if database_is_away(error):
                raise
            fault = fault_of(error)
            if isinstance(error, Unprocessable) or row.attempts + 1 >= MAX_ATTEMPTS:
                await processor.bury(session, record, fault)
            else:
                pause = min(FIRST_PAUSE * 2 ** min(row.attempts, 20), LONGEST_PAUSE)
                await session.execute(
                    sa.update(parked_event)
                    .where(parked_event.c.id == row_id)
                    .values(attempts=row.attempts + 1, next_attempt_at=sa.func.now() + pause, error=fault)
                )
                return False
        await session.execute(sa.delete(parked_event).where(parked_event.c.id == row_id))
        return True


async def redrive(session: AsyncSession, ids: Sequence[UUID] | None) -> list[UUID]:
    """Park dead letters again (all that were not redriven, or the named ones) so that they are tried anew, in order.

    Returns the ids that were really taken.
    """
    query = sa.select(dead_letter).where(dead_letter.c.redriven_at.is_(None))
    if ids is not None:
        query = query.where(dead_letter.c.id.in_(ids))
    taken = []
    for row in await session.execute(query.order_by(dead_letter.c.failed_at, dead_letter.c.id).with_for_update()):
        values = {name: getattr(row, name) for name in _FIELDS} | {"error": "redriven"}
        await session.execute(insert(parked_event).values(values).on_conflict_do_nothing(index_elements=["origin"]))
        taken.append(row.id)
    if taken:
        # The row goes, so that the same letter may die again; its event in the journal is the lasting trace.
        await session.execute(sa.delete(dead_letter).where(dead_letter.c.id.in_(taken)))
    return taken
