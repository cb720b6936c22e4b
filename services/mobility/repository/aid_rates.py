"""Rates of currencies that operators entered: appended, never changed."""

from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.mobility.models import AidRate
from services.mobility.repository.pages import newest_first


async def add(session: AsyncSession, rate: AidRate) -> None:
    """Insert a rate."""
    session.add(rate)
    await session.flush()


async def in_force(session: AsyncSession, currency: str, base: str, on: date) -> AidRate | None:
    """Return the last rate entered for that day."""
    statement = (
        sa.select(AidRate)
        .where(
            col(AidRate.currency) == currency,
            col(AidRate.base) == base,
            col(AidRate.valid_from) <= on,
            col(AidRate.valid_to) >= on,
        )
        .order_by(col(AidRate.rate_id).desc())
        .limit(1)
    )
    return (await session.scalars(statement)).one_or_none()


async def page(
    session: AsyncSession, currency: str | None, limit: int, cursor: UUID | None
) -> tuple[list[AidRate], UUID | None]:
    """Return rates, newest first."""
    statement = sa.select(AidRate)
    if currency:
        statement = statement.where(col(AidRate.currency) == currency)
    return await newest_first(session, statement, AidRate.rate_id, limit, cursor)
