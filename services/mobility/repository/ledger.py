"""The append-only ledger: balances are sums, computed when asked."""

from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.mobility.ledger import CENT, ZERO, Account, Balances, Entry, Occasion
from services.mobility.models import LedgerEntry


async def freeze(session: AsyncSession) -> None:
    """Make the transaction, at its very start, see one moment: entries and vouchers are read in two statements."""
    await session.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))


async def append(session: AsyncSession, entries: Iterable[LedgerEntry]) -> None:
    """Append the lines of one movement; triggers check that nothing is overdrawn."""
    session.add_all(list(entries))
    await session.flush()


async def balances(session: AsyncSession, programme_ids: Iterable[UUID]) -> dict[UUID, Balances]:
    """Return the balances of each programme; zeros for one without entries."""
    ids = set(programme_ids)
    amount, account = col(LedgerEntry.amount), col(LedgerEntry.account)
    returned = sa.and_(account == Account.AVAILABLE, col(LedgerEntry.occasion) == Occasion.RELEASED)

    def total(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[Decimal]:
        return sa.func.coalesce(sa.func.sum(amount).filter(condition), 0)

    statement = (
        sa.select(
            col(LedgerEntry.programme_id),
            total(account == Account.FUNDER),
            total(account == Account.AVAILABLE),
            total(account == Account.RESERVED),
            total(account == Account.PAID),
            total(returned),
        )
        .where(col(LedgerEntry.programme_id).in_(ids))
        .group_by(col(LedgerEntry.programme_id))
    )
    found = dict.fromkeys(ids, Balances())
    for programme_id, funder, available, reserved, paid, released in await session.execute(statement):
        sums = (-funder, available, reserved, paid, released)
        found[programme_id] = Balances(*(each.quantize(CENT) for each in sums))
    return found


async def reserved_for(session: AsyncSession, voucher_id: UUID) -> Decimal:
    """Return what is reserved for one voucher."""
    statement = sa.select(sa.func.sum(col(LedgerEntry.amount))).where(
        col(LedgerEntry.voucher_id) == voucher_id, col(LedgerEntry.account) == Account.RESERVED
    )
    return await session.scalar(statement) or ZERO


async def rows(
    session: AsyncSession, programme_id: UUID, limit: int | None = None, after: int | None = None
) -> list[LedgerEntry]:
    """Return a programme's entries, oldest first."""
    statement = sa.select(LedgerEntry).where(col(LedgerEntry.programme_id) == programme_id)
    if after is not None:
        statement = statement.where(col(LedgerEntry.sequence) > after)
    return list(await session.scalars(statement.order_by(col(LedgerEntry.sequence)).limit(limit)))


def entry(row: LedgerEntry) -> Entry:
    """Return a row as the pure ledger knows it."""
    assert row.sequence is not None, "stored rows have a place"
    return Entry(row.sequence, row.movement_id, row.account, row.amount, row.currency, row.occasion, row.voucher_id)
