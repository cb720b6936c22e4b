"""The books of a programme, open to its funder's administrators and auditors: ledger, balances, check, export."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility import ledger
from services.mobility.ledger import Balances, Verification
from services.mobility.models import LedgerEntry, Programme
from services.mobility.repository import aid as aid_rows
from services.mobility.repository import ledger as entries
from services.mobility.repository import organisations as organisation_rows
from services.mobility.repository import programmes as rows
from services.mobility.repository import vouchers as voucher_rows
from services.mobility.schemas import LedgerLine, LedgerOut
from services.mobility.scopes import scope_of
from services.mobility.voucher_states import HOLDS_RESERVATION
from shared.auth import Principal
from shared.contracts.mobility import VoucherState
from shared.contracts.money import Money
from shared.problems import forbidden, not_found


async def read_ledger(
    session: AsyncSession, caller: Principal, programme_id: UUID, limit: int, after: int | None
) -> LedgerOut:
    """Return a page of the ledger with balances over all of it, and on the first page the check of all of it."""
    await entries.freeze(session)
    programme = await _auditable(session, caller, programme_id)
    verification = await _verified(session, programme) if after is None else None
    found = (await entries.balances(session, [programme_id]))[programme_id]
    rest = await entries.rows(session, programme_id, limit + 1, after)
    lines = [_line(row) for row in rest[:limit]]
    return LedgerOut(
        programme_id=programme_id,
        entries=lines,
        next_cursor=str(lines[-1].sequence) if len(rest) > limit else None,
        balances=money(found, programme.currency),
        balanced=verification.balanced if verification else None,
        problems=list(verification.problems) if verification else [],
    )


async def export_ledger(session: AsyncSession, caller: Principal, programme_id: UUID) -> list[dict[str, Any]]:
    """Return the whole ledger, one record per line, with what an auditor looks for beside it."""
    await entries.freeze(session)
    programme = await _auditable(session, caller, programme_id)
    vouchers = {each.voucher_id: each for each in await voucher_rows.of_programme(session, programme_id)}
    names = await organisation_rows.names(session, (each.beneficiary_id for each in vouchers.values()))
    records = []
    for row in await entries.rows(session, programme_id):
        record: dict[str, Any] = _line(row).model_dump(mode="json", exclude={"amount"})
        voucher = vouchers.get(row.voucher_id) if row.voucher_id else None
        records.append(
            {
                "programme": programme.name,
                **record,
                "amount": row.amount,
                "currency": row.currency,
                "beneficiary": names.get(voucher.beneficiary_id, "") if voucher else "",
                "invoice_number": voucher.invoice_number if voucher else "",
                "bank_reference": voucher.bank_reference if voucher else "",
            }
        )
    return records


def money(found: Balances, currency: str) -> dict[str, Money]:
    """Return balances by name, with their currency."""
    amounts: dict[str, Decimal] = vars(found)
    return {name: Money(amount=amount, currency=currency) for name, amount in amounts.items()}


async def _auditable(session: AsyncSession, caller: Principal, programme_id: UUID) -> Programme:
    """Return a programme whose books the caller may see: the funder's administrators and auditors, operators."""
    programme = await rows.get(session, programme_id)
    if programme is None:
        raise not_found("programme", programme_id)
    scope = scope_of(caller)
    if not scope.everything and programme.funder_id not in scope.funders:
        raise forbidden("Only administrators and auditors of this funder may see its books.")
    return programme


async def _verified(session: AsyncSession, programme: Programme) -> Verification:
    """Read the whole ledger and hold it against the states of the vouchers and the register of state aid."""
    found = await entries.rows(session, programme.programme_id)
    vouchers = await voucher_rows.of_programme(session, programme.programme_id)
    reserved = {each.voucher_id: each.amount for each in vouchers if each.state in HOLDS_RESERVATION}
    paid = {each.voucher_id: each.amount for each in vouchers if each.state is VoucherState.PAID}
    verified = ledger.verify([entries.entry(row) for row in found], reserved, paid)
    aid = await aid_rows.mismatches(session, programme.programme_id)
    return Verification(verified.balances, (*verified.problems, *aid))


def _line(row: LedgerEntry) -> LedgerLine:
    return LedgerLine(
        sequence=row.sequence or 0,
        movement_id=row.movement_id,
        voucher_id=row.voucher_id,
        account=row.account.value,
        amount=Money(amount=row.amount, currency=row.currency),
        occasion=row.occasion.value,
        made_by=row.made_by,
        made_at=row.made_at,
    )
