"""SQL for learning: what was shown and what was told of it, and the rankers that stand, under lock."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.matching.models import Outcome, RankerRow, Scoring
from services.matching.ranking.examples import Memory, Shown, Told

ACTIVE, SHADOW, RETIRED, REFUSED = "active", "shadow", "retired", "refused"


async def lock_standing(session: AsyncSession) -> dict[str, RankerRow]:
    """Return the active and the shadow ranker by state, locked: of two who compare them, one finds it done."""
    query = sa.select(RankerRow).where(col(RankerRow.state).in_((ACTIVE, SHADOW))).order_by(col(RankerRow.version))
    locked = await session.scalars(query.with_for_update().execution_options(populate_existing=True))
    return {row.state: row for row in locked}


async def active_version(session: AsyncSession) -> str | None:
    """Return the version of the active ranker, ``None`` before there is one."""
    return await session.scalar(sa.select(col(RankerRow.version)).where(col(RankerRow.state) == ACTIVE))


async def is_round_owed(session: AsyncSession) -> bool:
    """Whether no round has been held with the active ranker, though there are suggestions to be scored again."""
    query = sa.text(
        "SELECT EXISTS (SELECT 1 FROM ranker WHERE state = 'active' AND NOT jsonb_exists(report, 'applied_at'))"
        " AND EXISTS (SELECT 1 FROM suggestion)"
    )
    return bool(await session.scalar(query))


async def mark_applied(session: AsyncSession, version: str, at: datetime) -> None:
    """Note when the first round was held with a ranker."""
    held = sa.func.jsonb_exists(col(RankerRow.report), "applied_at")
    first = sa.and_(col(RankerRow.version) == version, sa.not_(held))
    said = sa.cast({"applied_at": at.isoformat()}, JSONB)
    await session.execute(sa.update(RankerRow).where(first).values(report=col(RankerRow.report).concat(said)))


async def judged_until(session: AsyncSession) -> datetime | None:
    """Return until when answers have already decided between two rankers, ``None`` if none have."""
    until = sa.cast(col(RankerRow.report)["judged_until"].astext, sa.DateTime(timezone=True))
    return await session.scalar(sa.select(sa.func.max(until)))


async def page(session: AsyncSession, limit: int, before: tuple[datetime, str] | None = None) -> Sequence[RankerRow]:
    """Return rankers of all states, newest first; ``before`` is the last one of the page before."""
    key = sa.tuple_(col(RankerRow.made_at), col(RankerRow.version))
    query = sa.select(RankerRow)
    if before is not None:
        query = query.where(key < sa.tuple_(*before))
    return (await session.scalars(query.order_by(key.desc()).limit(limit))).all()


async def memory(session: AsyncSession) -> Memory:
    """Return what came of all pairs, and the scorings of those pairs. An erased organisation is in neither."""
    told = await session.execute(
        sa.select(
            col(Outcome.first_id), col(Outcome.second_id), col(Outcome.kind), col(Outcome.at),
            col(Outcome.organisation_id),
        ).order_by(col(Outcome.at), col(Outcome.id))
    )  # fmt: skip
    same = sa.and_(col(Outcome.first_id) == col(Scoring.first_id), col(Outcome.second_id) == col(Scoring.second_id))
    shown = await session.execute(
        sa.select(
            col(Scoring.first_id), col(Scoring.second_id), col(Scoring.at), col(Scoring.factors),
            col(Scoring.propensity), col(Scoring.explored),
        )
        .where(sa.exists().where(same))
        .order_by(col(Scoring.at), col(Scoring.suggestion_id))
    )  # fmt: skip
    return Memory(
        [Shown((row[0], row[1]), *row[2:]) for row in shown],
        [Told((row[0], row[1]), *row[2:]) for row in told],
    )
