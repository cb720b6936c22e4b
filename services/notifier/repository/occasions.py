"""Statements on occasions and notices: what is to be told, to whom, and what waits."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.notifier import audience
from services.notifier.bundling import Bundle
from services.notifier.models import Notice, Occasion, OccasionAudience, Person, PersonRole, Suggestion
from shared.ids import new_id


@dataclass(frozen=True)
class Recipient:
    """A person an occasion is for, and the organisation on whose behalf."""

    occasion_key: str
    template: str
    subject_id: UUID
    person_id: UUID
    organisation_id: UUID

    @property
    def key(self) -> str:
        return audience.delivery_key(self.occasion_key, self.person_id)


async def record(session: AsyncSession, occasion: audience.Occasion, now: datetime) -> bool:
    """Store an occasion durably; returns whether it is new.

    One told again only has its recipients looked through again; a suggestion then comes from another round.
    """
    row = {
        "key": occasion.key, "template": occasion.template, "verb": occasion.verb, "subject_id": occasion.subject_id,
        "facts": occasion.facts, "occurred_at": occasion.occurred_at, "recorded_at": now, "resolved": False,
        "version_epoch": occasion.version.epoch, "version_n": occasion.version.n,
    }  # fmt: skip
    statement = insert(Occasion).values(row)
    again: dict[str, object] = {"resolved": False}
    if occasion.template == audience.SUGGESTION:
        again["facts"] = statement.excluded.facts
    # PostgreSQL's own sign of a row that was inserted, and not updated.
    inserted = sa.literal_column("(xmax = 0)", sa.Boolean)
    merging = statement.on_conflict_do_update(index_elements=["key"], set_=again).returning(inserted)
    is_new = bool(await session.scalar(merging))
    rows: list[dict[str, object]] = [
        {"occasion_key": occasion.key, "organisation_id": each.organisation_id, "role": role, "person_id": None}
        for each in occasion.audiences
        for role in each.roles
    ]
    rows += [
        {"occasion_key": occasion.key, "organisation_id": organisation_id, "role": "", "person_id": person_id}
        for person_id, organisation_id in occasion.people
    ]
    await session.execute(insert(OccasionAudience).values(rows).on_conflict_do_nothing())
    return is_new


async def unresolved(session: AsyncSession, limit: int) -> list[str]:
    """Return keys of occasions whose recipients have not been looked through yet, locked."""
    found = await session.scalars(
        sa.select(col(Occasion.key))
        .where(col(Occasion.resolved).is_(False))
        .order_by(col(Occasion.recorded_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list(found)


async def fresh_people(session: AsyncSession, limit: int) -> list[UUID]:
    """Return people whose card is new and for whom occasions have not been looked through yet, locked."""
    found = await session.scalars(
        sa.select(col(Person.person_id))
        .where(col(Person.fresh).is_(True))
        .order_by(col(Person.person_id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list(found)


async def recipients_of(session: AsyncSession, keys: Sequence[str], since: datetime) -> list[Recipient]:
    """Return everybody known now whom these occasions are for."""
    return await _recipients(session, col(Occasion.key).in_(keys), since)


async def occasions_for(session: AsyncSession, people: Sequence[UUID], since: datetime) -> list[Recipient]:
    """Return what these people are to be told; of each visit or voucher only the newest step."""
    newer = sa.orm.aliased(Occasion)
    overtaken = sa.exists().where(
        newer.subject_id == col(Occasion.subject_id),  # type: ignore[arg-type]
        newer.template == col(Occasion.template),  # type: ignore[arg-type]
        sa.tuple_(newer.version_epoch, newer.version_n)
        > sa.tuple_(col(Occasion.version_epoch), col(Occasion.version_n)),
    )
    holders = sa.or_(col(PersonRole.person_id).in_(people), col(OccasionAudience.person_id).in_(people))
    return await _recipients(session, sa.and_(holders, ~overtaken), since)


async def _recipients(session: AsyncSession, which: sa.ColumnElement[bool], since: datetime) -> list[Recipient]:
    # Suggestions have no age limit: whether one may still be told is seen from its present state.
    in_time = sa.or_(col(Occasion.template) == audience.SUGGESTION, col(Occasion.occurred_at) >= since)
    person = sa.func.coalesce(col(OccasionAudience.person_id), col(PersonRole.person_id))
    rows = await session.execute(
        sa.select(
            col(Occasion.key),
            col(Occasion.template),
            col(Occasion.subject_id),
            person,
            col(OccasionAudience.organisation_id),
        )
        .join(OccasionAudience, col(OccasionAudience.occasion_key) == col(Occasion.key))
        .outerjoin(
            PersonRole,
            sa.and_(
                col(PersonRole.organisation_id) == col(OccasionAudience.organisation_id),
                col(PersonRole.role) == col(OccasionAudience.role),
            ),
        )
        .where(which, in_time, person.is_not(None))
        .order_by(col(Occasion.recorded_at), col(Occasion.key), person, col(OccasionAudience.organisation_id))
    )
    return [Recipient(*row) for row in rows]


async def mark_resolved(session: AsyncSession, keys: Sequence[str]) -> None:
    """Note that these occasions' recipients were looked through."""
    await session.execute(sa.update(Occasion).where(col(Occasion.key).in_(keys)).values(resolved=True))


async def mark_settled(session: AsyncSession, people: Sequence[UUID]) -> None:
    """Note that occasions were looked through for these people."""
    await session.execute(sa.update(Person).where(col(Person.person_id).in_(people)).values(fresh=False))


async def add_notices(session: AsyncSession, recipients: Iterable[Recipient], now: datetime) -> None:
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

    A bundle is whole when it holds all that its rounds have for the organisations on whose behalf she is told.
    """
    by_round = (
        sa.select(
            col(Notice.person_id),
            sa.func.min(col(Notice.created_at)).label("oldest"),
            sa.func.max(col(Notice.created_at)).label("newest"),
            (sa.func.count() >= sa.func.max(_told_by_round())).label("whole"),
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


async def occasion(session: AsyncSession, key: str) -> Occasion | None:
    """Return a stored occasion."""
    return await session.get(Occasion, key)


async def occasion_of(session: AsyncSession, delivery_id: UUID) -> tuple[Occasion, Notice] | None:
    """Return what a (not bundled) delivery tells."""
    row = (
        await session.execute(
            sa.select(Occasion, Notice)
            .join(Notice, col(Notice.occasion_key) == col(Occasion.key))
            .where(col(Notice.delivery_id) == delivery_id)
            .limit(1)
        )
    ).first()
    return (row[0], row[1]) if row else None


async def keys_of(session: AsyncSession, delivery_id: UUID) -> list[str]:
    """Return the delivery keys of all occasions a delivery tells."""
    found = await session.scalars(
        sa.select(col(Notice.key)).where(col(Notice.delivery_id) == delivery_id).order_by(col(Notice.key))
    )
    return list(found)


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
