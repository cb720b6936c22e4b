"""The ``/operations`` endpoints every service has: what operators and the command line look at and do."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import psutil
import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from shared.audit import audit
from shared.clock import now
from shared.contracts.topics import TOPICS
from shared.http import Caller, Ctx, Session, operator_only
from shared.messaging.journal import mark_for_replay
from shared.messaging.parked import redrive
from shared.messaging.tables import (
    consumed_position,
    dead_letter,
    head,
    job,
    job_dead_letter,
    journal,
    parked_event,
    service_epoch,
    unsent,
)
from shared.problems import unprocessable

router = APIRouter(prefix="/operations", tags=["operations"], dependencies=[Depends(operator_only)])

Limit = Annotated[int, Query(ge=1, le=1000)]


async def _count(session: AsyncSession, table: sa.Table, *conditions: Any) -> int:
    return int(await session.scalar(sa.select(sa.func.count()).select_from(table).where(*conditions)) or 0)


@router.get("/status")
async def status(context: Ctx, session: Session, request: Request) -> dict[str, Any]:
    """Return how the service is: readiness, journal, parked events, dead letters, jobs, memory."""
    oldest = await session.scalar(
        sa.select(sa.func.min(journal.c.time)).join_from(unsent, journal, journal.c.seq == unsent.c.seq)
    )
    faults = await request.app.state.faults()
    return {
        "service": context.name,
        "ready": not faults,
        "faults": faults,
        "epoch": await session.scalar(sa.select(service_epoch.c.epoch)),
        "broker_epoch": request.app.state.messaging.broker_epoch,
        "journal": {
            "rows": await _count(session, journal),
            "unpublished": await _count(session, unsent),
            "failing": await _count(session, unsent, unsent.c.retry_at.is_not(None)),
            "oldest_unpublished_seconds": (now() - oldest).total_seconds() if oldest else 0.0,
        },
        "parked": await _count(session, parked_event),
        "dead_letters": await _count(session, dead_letter),
        "jobs": {"waiting": await _count(session, job), "dead": await _count(session, job_dead_letter)},
        "events_handled": request.app.state.messaging.processor.handled,
        "memory_bytes": psutil.Process().memory_info().rss,
    }


@router.get("/streams")
async def streams(context: Ctx, session: Session, request: Request) -> dict[str, Any]:
    """Return the heads of the topics this service writes and its positions on those it reads.

    Lag of a reader on a partition = the writer's head less the reader's offset, in records, while both speak of the
    same broker epoch; a reader that has read nothing of the writer's epoch lags by everything. Journal sequences would
    not do: a row that had to be tried again stands behind younger ones, and the last record is then not the newest row.
    """
    return {
        "service": context.name,
        "types_consumed": sorted(each.name for each in request.app.state.messaging.handlers.event_types),
        "heads": [
            {
                "topic": row.topic,
                "partition": row.partition,
                "broker_epoch": row.broker_epoch,
                "offset": row.offset,
                "sequence": row.sequence,
                "time": row.sent_at,
            }
            for row in await session.execute(sa.select(head))
        ],
        "positions": [
            {
                "topic": row.topic,
                "partition": row.partition,
                "offset": row.offset,
                "sequence": row.sequence,
                "broker_epoch": row.broker_epoch,
                "processed_at": row.processed_at,
            }
            for row in await session.execute(sa.select(consumed_position))
        ],
    }


_LETTER_FIELDS = ("topic", "partition", "offset", "key", "error")


@router.get("/parked")
async def parked(session: Session, limit: Limit = 100) -> list[dict[str, Any]]:
    """Return parked events, oldest first, without their bodies."""
    rows = await session.execute(sa.select(parked_event).order_by(parked_event.c.id).limit(limit))
    return [
        {
            "id": row.id,
            "type": row.headers.get("ce_type"),
            "attempts": row.attempts,
            "next_attempt_at": row.next_attempt_at,
            **{name: getattr(row, name) for name in _LETTER_FIELDS},
        }
        for row in rows
    ]


@router.get("/dead-letters")
async def dead_letters(session: Session, limit: Limit = 100) -> list[dict[str, Any]]:
    """Return dead letters, oldest first, without their bodies."""
    rows = await session.execute(sa.select(dead_letter).order_by(dead_letter.c.failed_at).limit(limit))
    return [
        {
            "id": row.id,
            "type": row.headers.get("ce_type"),
            "failed_at": row.failed_at,
            **{name: getattr(row, name) for name in _LETTER_FIELDS},
        }
        for row in rows
    ]


class Redrive(BaseModel):
    """Which dead letters to try again: the named ones, or ``all``; ``dry_run`` only counts."""

    ids: Annotated[list[UUID], Field(max_length=1000)] | None = None
    all: bool = False
    dry_run: bool = True


@router.post("/dead-letters/redrive")
async def redrive_dead_letters(wanted: Redrive, session: Session, caller: Caller) -> dict[str, Any]:
    """Try dead letters again through the parking lot; answers with what was really taken."""
    if wanted.ids is None and not wanted.all:
        raise unprocessable("nothing-named", "Name the ids, or say all.")
    if wanted.dry_run:
        named = dead_letter.c.id.in_(wanted.ids) if wanted.ids is not None else sa.true()
        return {"dry_run": True, "count": await _count(session, dead_letter, named)}
    taken = await redrive(session, wanted.ids)
    await audit(session, caller, "dead-letters.redrive", detail={"ids": [str(each) for each in taken]})
    return {"dry_run": False, "count": len(taken), "ids": taken}


class Replay(BaseModel):
    """Which part of the journal to send again: one topic or all; to one service or all."""

    topic: str | None = None
    group: str | None = None
    dry_run: bool = False


@router.post("/replay")
async def replay(wanted: Replay, context: Ctx, session: Session, caller: Caller) -> dict[str, Any]:
    """Send the journal again. Safe at any time: projections and reactions ignore what they know."""
    own = {each.name for each in TOPICS if each.producer == context.name}
    if wanted.topic is not None and wanted.topic not in own:
        raise unprocessable("foreign-topic", f"{context.name} writes {', '.join(sorted(own))}, not {wanted.topic}.")
    if wanted.dry_run:
        chosen = journal.c.topic == wanted.topic if wanted.topic else sa.true()
        return {"dry_run": True, "count": await _count(session, journal, chosen, journal.c.redacted_at.is_(None))}
    count = await mark_for_replay(session, wanted.topic, wanted.group)
    await audit(session, caller, "journal.replay", detail={**wanted.model_dump(), "rows": count})
    return {"dry_run": False, "count": count}


class TraceEntry(BaseModel):
    """One event that concerns an organisation."""

    time: datetime
    service: str
    sequence: int
    type: str
    key: str
    version: str
    trace_id: str | None
    published: bool
    redacted: bool


@router.get("/trace")
async def trace(
    organisation_id: UUID,
    context: Ctx,
    session: Session,
    limit: Limit = 500,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    newest: bool = False,
) -> list[TraceEntry]:
    """Return this service's events that concern the organisation, in the journal's order.

    The first ``limit`` of those with a sequence ``after`` that one (a full page has a next one), or with ``newest``
    the last ``limit`` of them.
    """
    waiting = sa.exists().where(unsent.c.seq == journal.c.seq).label("waiting")
    query = sa.select(journal, waiting).where(
        journal.c.organisations.contains([organisation_id]), journal.c.seq > after
    )
    order = journal.c.seq.desc() if newest else journal.c.seq
    rows = list(await session.execute(query.order_by(order).limit(limit)))
    if newest:
        rows.reverse()
    return [
        TraceEntry(
            time=row.time,
            service=context.name,
            sequence=row.seq,
            type=row.type,
            key=row.key,
            version=f"{row.epoch}.{row.n}",
            trace_id=row.traceparent.split("-")[1] if row.traceparent else None,
            published=not row.waiting,
            redacted=row.redacted_at is not None,
        )
        for row in rows
    ]
