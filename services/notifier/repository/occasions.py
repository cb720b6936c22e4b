"""Statements on occasions: what is to be told, and to whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.notifier import audience
from services.notifier.models import Notice, Occasion, OccasionAudience, Person, PersonRole


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
