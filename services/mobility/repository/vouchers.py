"""Vouchers."""

from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.mobility.models import Voucher
from services.mobility.repository.pages import newest_first
from services.mobility.scopes import Scope
from shared.contracts import Version
from shared.contracts.mobility import VoucherState


def _visible(scope: Scope) -> sa.ColumnElement[bool]:
    """The vouchers a caller may see: as beneficiary, as provider, or for the funder."""
    if scope.everything:
        return sa.true()
    return sa.or_(
        col(Voucher.beneficiary_id).in_(scope.parties),
        col(Voucher.provider_id).in_(scope.parties),
        col(Voucher.funder_id).in_(scope.funders),
    )


async def add(session: AsyncSession, voucher: Voucher) -> None:
    """Insert; raises ``IntegrityError`` (``voucher_one_per_visit``) when the visit is claimed already."""
    session.add(voucher)
    await session.flush()


async def get(session: AsyncSession, voucher_id: UUID, scope: Scope) -> Voucher | None:
    """Return a voucher that the caller may see."""
    statement = sa.select(Voucher).where(col(Voucher.voucher_id) == voucher_id, _visible(scope))
    return (await session.scalars(statement)).one_or_none()


async def lock(session: AsyncSession, voucher_id: UUID) -> Voucher:
    """Return a voucher whose visibility was checked before, locked and fresh."""
    statement = sa.select(Voucher).where(col(Voucher.voucher_id) == voucher_id).with_for_update()
    return (await session.scalars(statement, execution_options={"populate_existing": True})).one()


async def lock_for_visit(session: AsyncSession, visit_id: UUID) -> list[Voucher]:
    """Return the vouchers that claim a visit, locked."""
    statement = (
        sa.select(Voucher).where(col(Voucher.visit_id) == visit_id).order_by(col(Voucher.voucher_id)).with_for_update()
    )
    return list(await session.scalars(statement, execution_options={"populate_existing": True}))


async def change(
    session: AsyncSession, voucher: Voucher, old: VoucherState, new: VoucherState, version: Version, **values: Any
) -> bool:
    """Move a voucher from ``old`` to ``new``; ``False`` if it is in ``old`` no more."""
    statement = (
        sa.update(Voucher)
        .where(col(Voucher.voucher_id) == voucher.voucher_id, col(Voucher.state) == old)
        .values(state=new, version_epoch=version.epoch, version_n=version.n, **values)
        .returning(Voucher)
    )
    changed = await session.scalars(statement, execution_options={"populate_existing": True})
    return changed.one_or_none() is not None


async def page(
    session: AsyncSession,
    scope: Scope,
    limit: int,
    cursor: UUID | None,
    *,
    organisation_id: UUID | None = None,
    programme_id: UUID | None = None,
    state: VoucherState | None = None,
) -> tuple[list[Voucher], UUID | None]:
    """Return vouchers, newest first; ``organisation_id``: as beneficiary, provider or funder."""
    statement = sa.select(Voucher).where(_visible(scope))
    if organisation_id:
        columns = (col(Voucher.beneficiary_id), col(Voucher.provider_id), col(Voucher.funder_id))
        statement = statement.where(sa.or_(*(column == organisation_id for column in columns)))
    if programme_id:
        statement = statement.where(col(Voucher.programme_id) == programme_id)
    if state:
        statement = statement.where(col(Voucher.state) == state)
    return await newest_first(session, statement, Voucher.voucher_id, limit, cursor)


async def lapsed(session: AsyncSession, day: date, limit: int) -> list[UUID]:
    """Return ids of issued vouchers whose last day lies before ``day``."""
    statement = (
        sa.select(col(Voucher.voucher_id))
        .where(col(Voucher.state) == VoucherState.ISSUED, col(Voucher.expires_on) < day)
        .order_by(col(Voucher.expires_on))
        .limit(limit)
    )
    return list(await session.scalars(statement))


async def of_programme(session: AsyncSession, programme_id: UUID) -> list[Voucher]:
    """Return all vouchers of a programme, for reconciling them with the ledger."""
    return list(await session.scalars(sa.select(Voucher).where(col(Voucher.programme_id) == programme_id)))
