"""Vouchers as they leave the service: in events and in responses. The code is in neither."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility.models import Programme, Voucher
from services.mobility.repository import organisations as organisation_rows
from services.mobility.repository import programmes as programme_rows
from services.mobility.schemas import Evidence, InvoiceOut, VoucherOut
from services.mobility.verdict import Finding
from shared.contracts.mobility import VoucherSnapshot
from shared.contracts.money import Money


def _fields(voucher: Voucher) -> dict[str, Any]:
    stored = {name: getattr(voucher, name) for name in VoucherSnapshot.model_fields if name in Voucher.model_fields}
    amount = Money(amount=voucher.amount, currency=voucher.currency)
    return {**stored, "version": voucher.version, "amount": amount}


def snapshot(voucher: Voucher) -> VoucherSnapshot:
    """Return the body of the voucher's event."""
    return VoucherSnapshot(**_fields(voucher))


async def view(session: AsyncSession, voucher: Voucher) -> VoucherOut:
    """Return one voucher as the API shows it."""
    return (await views(session, [voucher]))[0]


async def views(session: AsyncSession, vouchers: list[Voucher]) -> list[VoucherOut]:
    """Return vouchers as the API shows them, with two queries however many they are."""
    ids = {
        each
        for voucher in vouchers
        for each in (voucher.beneficiary_id, voucher.provider_id, voucher.funder_id)
        if each is not None
    }
    names = await organisation_rows.names(session, ids)
    programmes = await programme_rows.by_ids(session, (voucher.programme_id for voucher in vouchers))
    return [_out(voucher, names, programmes[voucher.programme_id]) for voucher in vouchers]


def _out(voucher: Voucher, names: dict[UUID, str], programme: Programme) -> VoucherOut:
    parties = {"beneficiary": voucher.beneficiary_id, "provider": voucher.provider_id, "funder": voucher.funder_id}
    return VoucherOut(
        **_fields(voucher),
        names={role: names.get(each, "") for role, each in parties.items() if each},
        programme_name=programme.name,
        terms_version=str(voucher.terms_version),
        verdict=tuple(Finding(**each) for each in voucher.verdict),
        cost=Money(amount=voucher.cost, currency=voucher.currency) if voucher.cost is not None else None,
        reason=voucher.reason,
        code_taken=voucher.code_hmac is not None,
        invoice=_invoice(voucher),
        checked_by=voucher.checked_by,
        approved_by=voucher.approved_by,
        bank_reference=voucher.bank_reference,
        paid_at=voucher.paid_at,
        applied_at=voucher.applied_at,
    )


def _invoice(voucher: Voucher) -> InvoiceOut | None:
    if voucher.invoice_number is None or voucher.invoice_amount is None:
        return None
    return InvoiceOut(
        number=voucher.invoice_number,
        amount=Money(amount=voucher.invoice_amount, currency=voucher.currency),
        evidence=[Evidence(**each) for each in voucher.invoice_evidence],
        invoiced_by=voucher.invoiced_by,
    )
