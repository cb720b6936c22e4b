"""Use cases of an applied voucher: issue, refuse, cancel, invoice, approve, pay, expire.

Locks are always taken in the order visit, voucher, programme; the programme's is held for the shortest time.
"""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility import budgets, codes, judging
from services.mobility.claims import in_currency
from services.mobility.ledger import Occasion
from services.mobility.models import Programme, Visit, Voucher
from services.mobility.programmes import local_moment, require_administrator, rules
from services.mobility.repository import programmes as programme_rows
from services.mobility.repository import visits as visit_rows
from services.mobility.repository import vouchers as rows
from services.mobility.schemas import Invoice, VoucherOut
from services.mobility.scopes import PARTY_ROLES, Scope, person_of, scope_of
from services.mobility.voucher_states import POSTINGS, VoucherAction, after
from services.mobility.voucher_views import snapshot, view, views
from shared.audit import audit
from shared.auth import Principal
from shared.clock import now
from shared.contracts import EventType
from shared.contracts.mobility import (
    VOUCHER_APPROVED,
    VOUCHER_CANCELLED,
    VOUCHER_EXPIRED,
    VOUCHER_INVOICED,
    VOUCHER_ISSUED,
    VOUCHER_PAID,
    VOUCHER_REFUSED,
    VisitState,
    VoucherKind,
    VoucherSnapshot,
    VoucherState,
)
from shared.database import next_version
from shared.messaging import publish
from shared.problems import Problem, conflict, forbidden, not_found, unprocessable

EVENTS: dict[VoucherAction, EventType[VoucherSnapshot]] = {
    VoucherAction.ISSUE: VOUCHER_ISSUED,
    VoucherAction.REFUSE: VOUCHER_REFUSED,
    VoucherAction.CANCEL: VOUCHER_CANCELLED,
    VoucherAction.EXPIRE: VOUCHER_EXPIRED,
    VoucherAction.INVOICE: VOUCHER_INVOICED,
    VoucherAction.APPROVE: VOUCHER_APPROVED,
    VoucherAction.PAY: VOUCHER_PAID,
}
"""What is told to the others; the staff half of the approval changes nothing that they see."""


async def issue(session: AsyncSession, caller: Principal, voucher_id: UUID) -> VoucherOut:
    """Reserve the money and issue the voucher. A travel voucher needs its visit approved by all four parties."""
    voucher, visit = await _locked(session, caller, voucher_id)
    require_administrator(caller, voucher.funder_id)
    _next_state(voucher, VoucherAction.ISSUE)
    _require_impartial(caller, voucher)
    if visit and visit.state not in (VisitState.APPROVED, VisitState.COMPLETED):
        raise conflict("approved-visit", f"The visit is {visit.state.value}; all four parties must have signed first.")
    programme, terms = await _terms(session, voucher)
    expires_on = judging.expires_on(local_moment(programme).date(), voucher.applied_on, terms)
    await _step(session, voucher, VoucherAction.ISSUE, person_of(caller), expires_on=expires_on)
    return await _done(session, caller, voucher, "voucher.issue")


async def refuse(session: AsyncSession, caller: Principal, voucher_id: UUID, reason: str) -> VoucherOut:
    """Refuse an application or an invoice, with a reason; what was reserved is available again."""
    voucher, _ = await _locked(session, caller, voucher_id)
    require_administrator(caller, voucher.funder_id)
    values = {"refusal_rule": "administrator-decision", "reason": reason}
    await _step(session, voucher, VoucherAction.REFUSE, person_of(caller), **values)
    return await _done(session, caller, voucher, "voucher.refuse")


async def cancel(session: AsyncSession, caller: Principal, voucher_id: UUID, reason: str | None) -> VoucherOut:
    """Cancel before payment, by the beneficiary or the funder; what was reserved is available again."""
    voucher, _ = await _locked(session, caller, voucher_id)
    if voucher.beneficiary_id not in caller.organisations(*PARTY_ROLES):
        require_administrator(caller, voucher.funder_id)
    await _step(session, voucher, VoucherAction.CANCEL, person_of(caller), reason=reason)
    return await _done(session, caller, voucher, "voucher.cancel")


async def take_code(session: AsyncSession, caller: Principal, voucher_id: UUID, key: bytes) -> str:
    """Make the issued voucher's code and return it, this once, to the beneficiary; only its HMAC is kept."""
    voucher, _ = await _locked(session, caller, voucher_id)
    if voucher.beneficiary_id not in caller.organisations(*PARTY_ROLES):
        raise forbidden("Only the beneficiary's own contacts may see the code.")
    person_of(caller)
    if voucher.state is not VoucherState.ISSUED:
        raise _wrong_state(voucher, "show the code")
    if voucher.code_hmac:
        raise conflict("code-shown-once", "The code was shown before; it can't be shown again.")
    code = codes.new_code()
    stored = codes.fingerprint(code, key)
    await rows.change(session, voucher, voucher.state, voucher.state, voucher.version, code_hmac=stored)
    await audit(session, caller, "voucher.take-code", voucher.beneficiary_id, voucher_id)
    return code


async def invoice(session: AsyncSession, caller: Principal, voucher_id: UUID, body: Invoice, key: bytes) -> VoucherOut:
    """Hand in the invoice. What the programme pays of it stays reserved, the remainder is available again.

    By the beneficiary, or by the provider who proves with the voucher's code that it was given to it.
    """
    voucher, _ = await _locked(session, caller, voucher_id)
    person = person_of(caller)
    _require_invoicer(caller, voucher, body.code, key)
    _next_state(voucher, VoucherAction.INVOICE)
    programme, terms = await _terms(session, voucher)
    today = local_moment(programme).date()
    if voucher.expires_on and today > voucher.expires_on:
        raise conflict("voucher-expired", f"The voucher could be used until {voucher.expires_on}.")
    if voucher.kind is VoucherKind.INNOVATION and not body.evidence:
        raise unprocessable("evidence-before-payment", "An invoice needs at least one piece of evidence.")
    invoiced = in_currency(body.amount, voucher.currency)
    payable = judging.payable(invoiced, voucher.amount, voucher.applied_on, terms)
    if payable is None or payable <= 0:
        detail = f"Of an invoice of {invoiced} nothing above the voucher's {voucher.amount} {voucher.currency} is paid."
        raise unprocessable("invoice-within-voucher", detail)
    remainder = voucher.amount - payable
    values = {
        "amount": payable,
        "invoice_number": body.number,
        "invoice_amount": invoiced,
        "invoice_evidence": [each.model_dump() for each in body.evidence],
        "invoiced_by": person,
    }
    await _step(session, voucher, VoucherAction.INVOICE, person, **values)
    if remainder:
        await budgets.move_for_voucher(session, voucher, Occasion.RELEASED, remainder, person)
    return await _done(session, caller, voucher, "voucher.invoice")


async def approve(session: AsyncSession, caller: Principal, voucher_id: UUID) -> VoucherOut:
    """Approve the invoice in two steps by two people: the first call is the staff's, the second finance's."""
    voucher, _ = await _locked(session, caller, voucher_id)
    require_administrator(caller, voucher.funder_id)
    person = person_of(caller)
    action = VoucherAction.APPROVE if voucher.checked_by else VoucherAction.CHECK
    _next_state(voucher, action)
    _require_impartial(caller, voucher)
    if person == voucher.checked_by:
        raise conflict("two-people", "You have checked this invoice; a second person must approve it.")
    if action is VoucherAction.CHECK:
        checked = {"checked_by": person, "checked_at": now()}
        await rows.change(session, voucher, voucher.state, voucher.state, voucher.version, **checked)
    else:
        await _step(session, voucher, action, person, approved_by=person, approved_at=now())
    return await _done(session, caller, voucher, f"voucher.{action.value}")


async def pay(session: AsyncSession, caller: Principal, voucher_id: UUID, bank_reference: str) -> VoucherOut:
    """Record the payment by its bank reference. A second payment is refused (409), never booked.

    A travel voucher is paid after its visit's report, whatever the programme's rules say: a completed visit can't be
    cancelled any more, so its days are never paid twice.
    """
    voucher, visit = await _locked(session, caller, voucher_id)
    require_administrator(caller, voucher.funder_id)
    person = person_of(caller)
    _next_state(voucher, VoucherAction.PAY)
    _require_impartial(caller, voucher)
    if visit and visit.state is not VisitState.COMPLETED:
        raise conflict(
            "completed-visit-before-payment", f"The visit is {visit.state.value}; its report must come first."
        )
    values = {"bank_reference": bank_reference, "paid_by": person, "paid_at": now()}
    await _step(session, voucher, VoucherAction.PAY, person, **values)
    return await _done(session, caller, voucher, "voucher.pay")


async def expire(session: AsyncSession, voucher_id: UUID) -> bool:
    """Expire an issued voucher whose last day has passed in its funder's time zone; ``False`` if it has not."""
    voucher, _ = await _lock_rows(session, voucher_id, None)
    programme = (await programme_rows.by_ids(session, [voucher.programme_id]))[voucher.programme_id]
    lapsed = voucher.expires_on is not None and local_moment(programme).date() > voucher.expires_on
    if voucher.state is not VoucherState.ISSUED or not lapsed:
        return False
    await _step(session, voucher, VoucherAction.EXPIRE, None, reason=f"Not used until {voucher.expires_on}.")
    return True


async def cancel_for_visit(session: AsyncSession, visit_id: UUID, person: UUID) -> None:
    """Cancel what claims a visit that was called off just now; the visit's row is locked by the caller.

    Raises 409 ``visit-paid`` when a claim was paid: the same days could be claimed again.
    """
    for voucher in await rows.lock_for_visit(session, visit_id):
        if voucher.state is VoucherState.PAID:
            raise conflict("visit-paid", "This visit was paid for; it can't be cancelled any more.")
        if after(voucher.state, VoucherAction.CANCEL):
            await _step(session, voucher, VoucherAction.CANCEL, person, reason="The visit was cancelled.")


async def read(session: AsyncSession, caller: Principal, voucher_id: UUID) -> VoucherOut:
    """Return one voucher; 404 if the caller may not see it."""
    voucher = await rows.get(session, voucher_id, scope_of(caller))
    if voucher is None:
        raise not_found("voucher", voucher_id)
    return await view(session, voucher)


async def page(
    session: AsyncSession, scope: Scope, limit: int, cursor: UUID | None, **filters: Any
) -> tuple[list[VoucherOut], UUID | None]:
    """Return the vouchers that the caller may see, newest first."""
    found, following = await rows.page(session, scope, limit, cursor, **filters)
    return await views(session, found), following


async def _locked(session: AsyncSession, caller: Principal, voucher_id: UUID) -> tuple[Voucher, Visit | None]:
    """Lock a voucher that the caller may see, after its visit; 404 otherwise."""
    seen = await rows.get(session, voucher_id, scope_of(caller))
    if seen is None:
        raise not_found("voucher", voucher_id)
    return await _lock_rows(session, voucher_id, seen.visit_id)


async def _lock_rows(session: AsyncSession, voucher_id: UUID, visit_id: UUID | None) -> tuple[Voucher, Visit | None]:
    visit = await visit_rows.lock(session, visit_id, Scope(everything=True), share=True) if visit_id else None
    return await rows.lock(session, voucher_id), visit


async def _terms(session: AsyncSession, voucher: Voucher) -> tuple[Programme, Any]:
    """Return the programme and the rules by which this voucher was judged."""
    programme = (await programme_rows.by_ids(session, [voucher.programme_id]))[voucher.programme_id]
    return programme, rules(await programme_rows.terms(session, voucher.programme_id, voucher.terms_version))


def _require_impartial(caller: Principal, voucher: Voucher) -> None:
    """Raise 409 for whoever has a part in the claim: she neither issues nor approves nor pays it.

    That is who applied or invoiced, and whoever also acts for the beneficiary or the provider.
    """
    own = caller.organisations(*PARTY_ROLES)
    parties = {voucher.beneficiary_id, voucher.provider_id}
    if person_of(caller) in (voucher.applicant_person_id, voucher.invoiced_by) or own & parties:
        raise conflict("not-own-voucher", "Who has a part in this claim neither issues nor approves nor pays it.")


def _wrong_state(voucher: Voucher, step: str) -> Problem:
    detail = f"A voucher that is {voucher.state.value} can't take the step '{step}'."
    return conflict("voucher-state", detail, state=voucher.state.value, action=step)


def _next_state(voucher: Voucher, action: VoucherAction) -> VoucherState:
    new = after(voucher.state, action)
    if new is None:
        raise _wrong_state(voucher, action.value)
    return new


def _require_invoicer(caller: Principal, voucher: Voucher, code: str | None, key: bytes) -> None:
    own = caller.organisations(*PARTY_ROLES)
    if voucher.beneficiary_id in own:
        return
    if voucher.provider_id not in own:
        raise forbidden("Only the beneficiary or the provider may invoice.")
    if not code or not voucher.code_hmac or not codes.matches(code, voucher.code_hmac, key):
        raise Problem(403, "voucher-code", "The provider must give the voucher's code; this one does not fit.")


async def _step(
    session: AsyncSession, voucher: Voucher, action: VoucherAction, person: UUID | None, **values: Any
) -> None:
    """Move the locked voucher on, tell the others, and move its money; the programme's lock comes last."""
    old, granted = voucher.state, voucher.amount
    new = _next_state(voucher, action)
    version = await next_version(session, voucher.version)
    if not await rows.change(session, voucher, old, new, version, changed_at=now(), **values):
        raise conflict("voucher-state", "Somebody else changed the voucher just now.", state=old.value)
    await publish(session, EVENTS[action], snapshot(voucher))
    if occasion := POSTINGS.get((old, action)):
        await budgets.move_for_voucher(session, voucher, occasion, granted, person)


async def _done(session: AsyncSession, caller: Principal, voucher: Voucher, action: str) -> VoucherOut:
    await audit(session, caller, action, voucher.funder_id, voucher.voucher_id, {"amount": str(voucher.amount)})
    return await view(session, voucher)
