"""Statements on notices: what waits for one recipient, and in which mail it is told."""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.notifier import audience
from services.notifier.bundling import Bundle
from services.notifier.models import Notice, Occasion, PersonRole, Suggestion
from services.notifier.repository.occasions import Recipient
from shared.ids import new_id


async def add(session: AsyncSession, recipients: Iterable[Recipient], now: datetime) -> None:
    """Put occasions into their recipients' waiting lists. The caller has claimed each one's business key."""
    rows = [
        {
            "notice_id": new_id(), "key": each.key, "occasion_key": each.occasion_key, "template": each.template,
            "subject_id": each.subject_id, "person_id": each.person_id, "organisation_id": each.organisation_id,
            "state": "waiting", "created_at": now, "look_at": now,
        }
        for each in recipients
    ]  # fmt: skip
    if rows:
        await session.execute(sa.insert(Notice), rows)


async def waiting_suggestions(session: AsyncSession, now: datetime, limit: int) -> list[tuple[UUID, Bundle]]:
    """Return people with suggestions to look at, longest waiting first, and how these came in.

    A bundle is whole when it holds all that its rounds have for her organisation. Of somebody who acts for several that
    is never known: what the round has for the others may not have begun to come in.
    """
    organisations = (
        sa.select(sa.func.count(col(PersonRole.organisation_id).distinct()))
        .where(col(PersonRole.person_id) == col(Notice.person_id))
        .correlate(Notice)
        .scalar_subquery()
    )
    by_round = (
        sa.select(
            col(Notice.person_id),
            sa.func.min(col(Notice.created_at)).label("oldest"),
            sa.func.max(col(Notice.created_at)).label("newest"),
            sa.and_(sa.func.count() >= sa.func.max(_told_by_round()), organisations == 1).label("whole"),
        )
        .join(Occasion, col(Occasion.key) == col(Notice.occasion_key))
        .where(col(Notice.state) == "waiting", col(Notice.look_at) <= now, col(Notice.template) == audience.SUGGESTION)
        .group_by(col(Notice.person_id), col(Notice.organisation_id), col(Occasion.facts)["round"].astext)
        .subquery()
    )
    oldest = sa.func.min(by_round.c.oldest)
    rows = await session.execute(
        sa.select(
            by_round.c.person_id,
            oldest,
            sa.func.max(by_round.c.newest),
            sa.func.bool_and(sa.func.coalesce(by_round.c.whole, sa.false())),
        )
        .group_by(by_round.c.person_id)
        .order_by(oldest)
        .limit(limit)
    )
    return [(person_id, Bundle(*times_and_whole)) for person_id, *times_and_whole in rows]


def _told_by_round() -> sa.ColumnElement[int]:
    """How many suggestions a notice's round has for its organisation; null when the event did not say."""
    size = col(Occasion.facts)["sizes"][sa.cast(col(Notice.organisation_id), sa.Text)].astext
    return sa.cast(size, sa.Integer)


async def waiting_others(session: AsyncSession, now: datetime, limit: int) -> list[UUID]:
    """Return ids of notices of all other kinds that are to be looked at."""
    found = await session.scalars(
        sa.select(col(Notice.notice_id))
        .where(col(Notice.state) == "waiting", col(Notice.look_at) <= now, col(Notice.template) != audience.SUGGESTION)
        .order_by(col(Notice.created_at))
        .limit(limit)
    )
    return list(found)


async def lock_suggestions(session: AsyncSession, person_id: UUID) -> list[Notice]:
    """Return all suggestions waiting for a person, locked, oldest first."""
    found = await session.scalars(
        sa.select(Notice)
        .where(
            col(Notice.person_id) == person_id,
            col(Notice.state) == "waiting",
            col(Notice.template) == audience.SUGGESTION,
        )
        .order_by(col(Notice.created_at), col(Notice.notice_id))
        .with_for_update()
    )
    return list(found)


async def lock_notice(session: AsyncSession, notice_id: UUID) -> Notice | None:
    """Return a notice if it still waits, locked."""
    notice: Notice | None = await session.scalar(
        sa.select(Notice)
        .where(col(Notice.notice_id) == notice_id, col(Notice.state) == "waiting")
        .with_for_update(skip_locked=True)
    )
    return notice


async def put_off(session: AsyncSession, ids: Iterable[UUID], until: datetime) -> None:
    """Have notices looked at again later."""
    if chosen := set(ids):
        await session.execute(sa.update(Notice).where(col(Notice.notice_id).in_(chosen)).values(look_at=until))


async def make_moot(session: AsyncSession, ids: Iterable[UUID]) -> None:
    """Note that there is nothing to tell any more."""
    if chosen := set(ids):
        await session.execute(sa.update(Notice).where(col(Notice.notice_id).in_(chosen)).values(state="moot"))


async def revive(session: AsyncSession, suggestion_id: UUID, now: datetime) -> None:
    """Let a suggestion that is proposed again wait again where it was dropped before anybody had been told."""
    await session.execute(
        sa.update(Notice)
        .where(
            col(Notice.subject_id) == suggestion_id,
            col(Notice.template) == audience.SUGGESTION,
            col(Notice.state) == "moot",
            sa.exists().where(col(Suggestion.suggestion_id) == suggestion_id, col(Suggestion.state) == "proposed"),
        )
        .values(state="waiting", created_at=now, look_at=now)
    )


async def put_into(session: AsyncSession, ids: Iterable[UUID], delivery_id: UUID) -> None:
    """Note in which mail these notices are told; each is in exactly one."""
    if chosen := set(ids):
        changed = sa.update(Notice).where(col(Notice.notice_id).in_(chosen))
        await session.execute(changed.values(state="mailed", delivery_id=delivery_id))


async def release_untold(session: AsyncSession, delivery_id: UUID, told: Collection[str], now: datetime) -> None:
    """Let suggestions wait again that were meant for a mail but are not in it: they are judged anew."""
    await session.execute(
        sa.update(Notice)
        .where(
            col(Notice.delivery_id) == delivery_id,
            col(Notice.template) == audience.SUGGESTION,
            col(Notice.key).not_in(tuple(told)),
        )
        .values(state="waiting", delivery_id=None, look_at=now)
    )
