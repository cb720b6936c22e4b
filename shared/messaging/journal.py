"""The journal is the outbox: events are appended in the business transaction and stay for replay, trace and audit."""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import now
from shared.contracts import EventType, Snapshot, topics
from shared.ids import new_id
from shared.messaging.broker import MAX_RECORD_BYTES
from shared.messaging.tables import dead_letter, journal, parked_event, unsent
from shared.observability import current_traceparent
from shared.problems import unprocessable

MAX_BODY_BYTES = MAX_RECORD_BYTES - 2_000
"""The rest is for the record's key and headers."""

QUOTING = (topics.SUGGESTIONS, topics.ROADMAPS)
"""Topics whose bodies quote organisations' statements under keys of their own."""


def _row(event_type: EventType[Any], snapshot: Snapshot) -> dict[str, Any]:
    if not isinstance(snapshot, event_type.body):
        raise TypeError(f"{event_type.name} carries {event_type.body.__name__}, not {type(snapshot).__name__}")
    body = snapshot.model_dump(mode="json")
    # What was committed but can't be sent would hold back its key for ever, so it is refused while that is possible.
    if len(json.dumps(body, ensure_ascii=False).encode()) > MAX_BODY_BYTES:
        raise unprocessable("too-large", f"This is too large to be told to others (over {MAX_BODY_BYTES:,} bytes).")
    return {
        "event_id": new_id(),
        "type": event_type.name,
        "topic": event_type.topic,
        "key": str(snapshot.aggregate_id),
        "epoch": snapshot.version.epoch,
        "n": snapshot.version.n,
        "body": body,
        "organisations": list(snapshot.organisations),
        "traceparent": current_traceparent(),
        "time": now(),
    }


async def publish(session: AsyncSession, event_type: EventType[Any], snapshot: Snapshot) -> None:
    """Append one event to the journal, in the caller's transaction.

    The aggregate's row must be locked and its version raised before (``next_version``): versions of a key then
    become visible in order. A version published twice raises ``IntegrityError``, a body that no record
    holds a 422 problem.
    """
    await session.execute(sa.insert(journal), [_row(event_type, snapshot)])


async def publish_all(session: AsyncSession, events: Iterable[tuple[EventType[Any], Snapshot]]) -> None:
    """Append many events at once; the same conditions as for :func:`publish`."""
    rows = [_row(event_type, snapshot) for event_type, snapshot in events]
    if rows:
        await session.execute(sa.insert(journal), rows)


async def redact(session: AsyncSession, organisation_id: UUID) -> int:
    """Empty all journal bodies that concern an organisation, and delete what is parked or dead with its words.

    Called when the organisation is erased, before the events that say so are published. Returns the number of rows.
    """
    result = await session.execute(
        sa.update(journal)
        .where(journal.c.organisations.contains([organisation_id]), journal.c.redacted_at.is_(None))
        .values(body=None, redacted_at=sa.func.now())
        .returning(journal.c.seq)
    )
    redacted = len(result.all())
    await forget_failed(session, organisation_id)
    return redacted


async def forget_failed(session: AsyncSession, organisation_id: UUID) -> int:
    """Delete parked events and dead letters that hold an erased organisation's words; return how many.

    Those are its own snapshots, and suggestions and roadmaps that may quote it. For services that keep no words of it
    in their own journals; :func:`redact` does this too.
    """
    gone = 0
    for table in (parked_event, dead_letter):
        quotes = sa.and_(table.c.topic.in_(QUOTING), _contains(table.c.body, str(organisation_id).encode()))
        deleting = sa.delete(table).where(sa.or_(table.c.key == str(organisation_id), quotes)).returning(table.c.id)
        gone += len((await session.execute(deleting)).all())
    return gone


def _contains(column: sa.ColumnElement[Any], needle: bytes) -> sa.ColumnElement[bool]:
    return sa.func.position(sa.literal(needle, sa.LargeBinary).op("IN")(column)) > 0


async def mark_for_replay(session: AsyncSession, topic: str | None = None, group: str | None = None) -> int:
    """Have the relay send the journal again, all of it or one topic, for all services or one. Returns the rows.

    Safe at any time: projections ignore older versions and reactions know their business keys.
    """
    chosen = sa.select(journal.c.seq, journal.c.topic, journal.c.key, sa.literal(group, sa.Text))
    chosen = chosen.where(journal.c.redacted_at.is_(None))
    if topic:
        chosen = chosen.where(journal.c.topic == topic)
    statement = insert(unsent).from_select(["seq", "topic", "key", "replay_for"], chosen)
    # A row that waits for all services already goes to all; one that waits for another service goes to all, too.
    wider = sa.case((unsent.c.replay_for == statement.excluded.replay_for, unsent.c.replay_for), else_=sa.null())
    merging = statement.on_conflict_do_update(index_elements=["seq"], set_={"replay_for": wider})
    result = await session.execute(merging.returning(unsent.c.seq))
    await session.execute(sa.text("SELECT pg_notify('journal', '')"))
    return len(result.all())
