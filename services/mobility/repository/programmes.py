"""Programmes and the terms they had from one change to the next."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.mobility.models import Programme, Terms
from services.mobility.repository.pages import newest_first
from shared.contracts import Version


async def add(session: AsyncSession, programme: Programme) -> None:
    """Insert a programme."""
    session.add(programme)
    await session.flush()


async def add_terms(session: AsyncSession, terms: Terms) -> None:
    """Insert the terms of a programme's new version; terms are never changed (trigger)."""
    session.add(terms)
    await session.flush()


async def get(session: AsyncSession, programme_id: UUID) -> Programme | None:
    """Return a programme; what it offers is public to everybody who signed in."""
    return await session.get(Programme, programme_id)


async def by_ids(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, Programme]:
    """Return programmes by id."""
    statement = sa.select(Programme).where(col(Programme.programme_id).in_(set(ids)))
    return {each.programme_id: each for each in await session.scalars(statement)}


async def terms(session: AsyncSession, programme_id: UUID, version: Version) -> Terms:
    """Return the terms of that version."""
    found = await session.get(Terms, (programme_id, version.epoch, version.n))
    assert found is not None, "foreign keys keep terms"
    return found


async def current_terms(session: AsyncSession, programmes: list[Programme]) -> dict[UUID, Terms]:
    """Return the terms in force of each programme."""
    keys = [(each.programme_id, each.terms_epoch, each.terms_n) for each in programmes]
    key = sa.tuple_(col(Terms.programme_id), col(Terms.epoch), col(Terms.n))
    return {each.programme_id: each for each in await session.scalars(sa.select(Terms).where(key.in_(keys)))}


async def lock(session: AsyncSession, programme_id: UUID) -> Programme:
    """Return the programme, locked: all movements of its money queue up here. Lock it last, for the shortest time."""
    statement = sa.select(Programme).where(col(Programme.programme_id) == programme_id).with_for_update(key_share=True)
    return (await session.scalars(statement, execution_options={"populate_existing": True})).one()


async def change(session: AsyncSession, programme_id: UUID, version: Version, **values: Any) -> Programme:
    """Write a locked programme's new version and return it."""
    statement = (
        sa.update(Programme)
        .where(col(Programme.programme_id) == programme_id)
        .values(version_epoch=version.epoch, version_n=version.n, **values)
        .returning(Programme)
    )
    return (await session.scalars(statement, execution_options={"populate_existing": True})).one()


async def page(
    session: AsyncSession,
    limit: int,
    cursor: UUID | None,
    *,
    funder_id: UUID | None = None,
    open_at: datetime | None = None,
) -> tuple[list[Programme], UUID | None]:
    """Return programmes, newest first; ``open_at``: those that take applications on the funder's day of that moment."""
    statement = sa.select(Programme)
    if funder_id:
        statement = statement.where(col(Programme.funder_id) == funder_id)
    if open_at:
        days = await _days(session, open_at)
        statement = statement.where(
            sa.or_(
                sa.false(),
                *(
                    sa.and_(
                        col(Programme.time_zone).in_(zones),
                        col(Programme.opens_on) <= day,
                        col(Programme.closes_on) >= day,
                    )
                    for day, zones in days.items()
                ),
            )
        )
    return await newest_first(session, statement, Programme.programme_id, limit, cursor)


async def _days(session: AsyncSession, moment: datetime) -> dict[date, list[str]]:
    """Return the days on which a moment falls and the programmes' time zones where it does: three days at most.

    PostgreSQL knows other zones than Python does and refuses the whole statement for one it does not know, so it is not
    asked. A zone that this machine does not know either has no day: nothing can be judged there.
    """
    found: defaultdict[date, list[str]] = defaultdict(list)
    for name in await session.scalars(sa.select(col(Programme.time_zone)).distinct()):
        try:
            found[moment.astimezone(ZoneInfo(name)).date()].append(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return found
