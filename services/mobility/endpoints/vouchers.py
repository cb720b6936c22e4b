"""Routes of vouchers."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Response

from services.mobility import claims, vouchers
from services.mobility.endpoints.lists import DEFAULT_LIMIT, Cursor, Limit, text
from services.mobility.schemas import Application, CodeOut, Invoice, MaybeReason, Page, Payment, VoucherOut, WithReason
from services.mobility.scopes import require_any_role, scope_of
from services.mobility.settings import Settings
from shared.contracts.mobility import VoucherState
from shared.http import Caller, Ctx, Session

router = APIRouter(prefix="/vouchers", tags=["vouchers"])


def _code_key(context: Ctx) -> bytes:
    assert isinstance(context.settings, Settings)
    return context.settings.code_key()


@router.post("", status_code=201)
async def apply(body: Application, caller: Caller, session: Session, response: Response) -> VoucherOut:
    """Apply for a voucher. 422 names the rule that refuses and lists all that were judged in `verdict`."""
    made = await claims.apply(session, caller, body)
    response.headers["Location"] = f"/vouchers/{made.voucher_id}"
    return made


@router.get("")
async def list_vouchers(
    caller: Caller,
    session: Session,
    organisation_id: UUID | None = None,
    programme_id: UUID | None = None,
    state: VoucherState | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[VoucherOut]:
    """Vouchers of the caller's organisations (beneficiary, provider, funder), newest first."""
    require_any_role(caller)
    filters = {"organisation_id": organisation_id, "programme_id": programme_id, "state": state}
    items, following = await vouchers.page(session, scope_of(caller), limit, cursor, **filters)
    return Page(items=items, next_cursor=text(following))


@router.get("/{voucher_id}")
async def read_voucher(voucher_id: UUID, caller: Caller, session: Session, response: Response) -> VoucherOut:
    """One voucher with the rules that were judged."""
    found = await vouchers.read(session, caller, voucher_id)
    response.headers["ETag"] = f'"{found.version}"'
    return found


@router.post("/{voucher_id}/issue")
async def issue(voucher_id: UUID, caller: Caller, session: Session) -> VoucherOut:
    """Reserve the money and issue the voucher; 409 `budget-available` when the budget does not suffice."""
    return await vouchers.issue(session, caller, voucher_id)


@router.post("/{voucher_id}/code")
async def take_code(voucher_id: UUID, caller: Caller, session: Session, context: Ctx) -> CodeOut:
    """Show the issued voucher's code to the beneficiary, once."""
    return CodeOut(code=await vouchers.take_code(session, caller, voucher_id, _code_key(context)))


@router.post("/{voucher_id}/refuse")
async def refuse(voucher_id: UUID, body: WithReason, caller: Caller, session: Session) -> VoucherOut:
    """Refuse an application or an invoice."""
    return await vouchers.refuse(session, caller, voucher_id, body.reason)


@router.post("/{voucher_id}/cancel")
async def cancel(
    voucher_id: UUID, caller: Caller, session: Session, body: Annotated[MaybeReason | None, Body()] = None
) -> VoucherOut:
    """Cancel before payment."""
    return await vouchers.cancel(session, caller, voucher_id, body.reason if body else None)


@router.post("/{voucher_id}/invoice")
async def invoice(voucher_id: UUID, body: Invoice, caller: Caller, session: Session, context: Ctx) -> VoucherOut:
    """Hand in the invoice; the programme's share of it stays reserved."""
    return await vouchers.invoice(session, caller, voucher_id, body, _code_key(context))


@router.post("/{voucher_id}/approve")
async def approve(voucher_id: UUID, caller: Caller, session: Session) -> VoucherOut:
    """First call: the staff's check. Second call, by another person: finance's approval."""
    return await vouchers.approve(session, caller, voucher_id)


@router.post("/{voucher_id}/pay")
async def pay(voucher_id: UUID, body: Payment, caller: Caller, session: Session) -> VoucherOut:
    """Record the payment."""
    return await vouchers.pay(session, caller, voucher_id, body.bank_reference)
