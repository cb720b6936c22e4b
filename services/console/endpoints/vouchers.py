"""Vouchers: applications, decisions, invoices, payments. Every step is mobility's to allow; pages only offer them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response

from services.console import repository
from services.console.asking import act, ask_one, names_of
from services.console.identity import Visitor
from services.console.schemas import Code, Voucher, cursor_of, many, one
from services.console.web import Page, SignedIn, page, see
from shared.auth import RoleName
from shared.clock import today
from shared.contracts.mobility import VisitState, VoucherKind, VoucherState
from shared.http import Ctx

APPLICANTS = (RoleName.SME_CONTACT, RoleName.HUB_MANAGER)
READERS = (*APPLICANTS, RoleName.VOUCHER_ADMINISTRATOR, RoleName.AUDITOR, RoleName.OPERATOR)
CLAIMABLE = (VisitState.REQUESTED, VisitState.APPROVED, VisitState.COMPLETED)
LINES = 25
MAIN_PATH = (
    VoucherState.APPLIED,
    VoucherState.ISSUED,
    VoucherState.INVOICED,
    VoucherState.APPROVED,
    VoucherState.PAID,
)

router = APIRouter(route_class=Page)


@router.get("/vouchers")
async def vouchers(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    state: Annotated[VoucherState | None, Query()] = None,
    cursor: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """List the vouchers of one's organisations: as beneficiary, provider or funder."""
    visitor.needs(*READERS)
    answer = await ask_one(context, visitor, "mobility", "/vouchers", state=state, limit=LINES, cursor=cursor)
    return page(
        request,
        "vouchers.html",
        vouchers=many(Voucher, answer),
        cursor=cursor_of(answer),
        state=state,
        states=list(VoucherState),
        may_apply=visitor.has(*APPLICANTS),
    )


@router.get("/vouchers/new")
async def application_form(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    organisation_id: Annotated[UUID | None, Query()] = None,
    visit_id: Annotated[UUID | None, Query()] = None,
) -> Response:
    """Ask for the programme, and for the visit or the provider and price."""
    ours = visitor.acts_for(organisation_id, *APPLICANTS)
    async with context.database.session() as session:
        open_now = await repository.programmes(session, open_on=today())
        visits = await repository.visits(session, visitor.organisations(*APPLICANTS), CLAIMABLE)
        partners = await repository.connections(session, [ours], limit=100)
    providers = [each.second_id if ours == each.first_id else each.first_id for each in partners]
    known = [*visitor.organisations(*APPLICANTS), *providers, *(each.funder_id for each in open_now)]
    known += [side for each in visits for side in (each.visitor_id, each.host_id)]
    return page(
        request,
        "voucher_new.html",
        ours=ours,
        choices=visitor.organisations(*APPLICANTS),
        travel=[each for each in open_now if each.kind == VoucherKind.TRAVEL],
        innovation=[each for each in open_now if each.kind == VoucherKind.INNOVATION],
        visits=[each for each in visits if each.visitor_id == ours],
        chosen_visit=visit_id,
        providers=providers,
        names=await names_of(context, known),
    )


@router.post("/vouchers")
async def apply(
    context: Ctx,
    visitor: SignedIn,
    programme_id: Annotated[UUID, Form()],
    beneficiary_id: Annotated[UUID, Form()],
    visit_id: Annotated[str, Form(max_length=40)] = "",
    provider_id: Annotated[str, Form(max_length=40)] = "",
    amount: Annotated[str, Form(max_length=20)] = "",
    distance_km: Annotated[str, Form(max_length=6)] = "",
) -> Response:
    """Apply for a voucher; a refusal names its rule."""
    optional = {"visit_id": visit_id, "provider_id": provider_id, "amount": amount, "distance_km": distance_km}
    body = {"programme_id": str(programme_id), "beneficiary_id": str(beneficiary_id)}
    body |= {name: value.strip() for name, value in optional.items() if value.strip()}
    made = one(Voucher, await act(context, visitor, "mobility", "/vouchers", body))
    return see(f"/vouchers/{made.voucher_id}", done="applied")


@router.get("/vouchers/{voucher_id}")
async def voucher(request: Request, context: Ctx, visitor: SignedIn, voucher_id: UUID) -> Response:
    """Show one voucher: where it stands, the rules that were judged, and what this person may do next."""
    found = one(Voucher, await ask_one(context, visitor, "mobility", f"/vouchers/{voucher_id}"))
    steps = steps_for(visitor, found)
    return page(request, "voucher.html", voucher=found, main_path=MAIN_PATH, steps=steps)


def steps_for(visitor: Visitor, voucher: Voucher) -> set[str]:
    """Which buttons to offer. Mobility decides again when one is pressed."""
    administers = voucher.funder_id in visitor.organisations(RoleName.VOUCHER_ADMINISTRATOR)
    benefits = voucher.beneficiary_id in visitor.organisations(*APPLICANTS)
    provides = bool(voucher.provider_id) and voucher.provider_id in visitor.organisations(*APPLICANTS)
    steps: dict[VoucherState, dict[str, bool]] = {
        VoucherState.APPLIED: {"issue": administers, "refuse": administers, "cancel": benefits},
        VoucherState.ISSUED: {
            "invoice": benefits or provides,
            "code": benefits and bool(voucher.provider_id) and not voucher.code_taken,
            "cancel": benefits or administers,
        },
        VoucherState.INVOICED: {
            "approve": administers and visitor.person_id != voucher.checked_by,
            "refuse": administers,
            "cancel": benefits,
        },
        VoucherState.APPROVED: {"pay": administers},
    }
    return {step for step, offered in steps.get(voucher.state, {}).items() if offered}


async def _step(context: Any, visitor: Visitor, voucher_id: UUID, step: str, done: str, **body: Any) -> Response:
    await act(context, visitor, "mobility", f"/vouchers/{voucher_id}/{step}", body)
    return see(f"/vouchers/{voucher_id}", done=done)


@router.post("/vouchers/{voucher_id}/issue")
async def issue(context: Ctx, visitor: SignedIn, voucher_id: UUID) -> Response:
    """Issue the voucher; its amount is reserved."""
    return await _step(context, visitor, voucher_id, "issue", "issued")


@router.post("/vouchers/{voucher_id}/refuse")
async def refuse(
    context: Ctx, visitor: SignedIn, voucher_id: UUID, reason: Annotated[str, Form(max_length=2000)]
) -> Response:
    """Refuse an application or an invoice."""
    return await _step(context, visitor, voucher_id, "refuse", "refused", reason=reason)


@router.post("/vouchers/{voucher_id}/cancel")
async def cancel(
    context: Ctx, visitor: SignedIn, voucher_id: UUID, reason: Annotated[str, Form(max_length=2000)] = ""
) -> Response:
    """Cancel before payment."""
    said = {"reason": reason} if reason.strip() else {}
    return await _step(context, visitor, voucher_id, "cancel", "cancelled", **said)


@router.post("/vouchers/{voucher_id}/invoice")
async def invoice(
    context: Ctx,
    visitor: SignedIn,
    voucher_id: UUID,
    number: Annotated[str, Form(max_length=200)],
    amount: Annotated[str, Form(max_length=20)],
    evidence_kind: Annotated[str, Form(max_length=200)] = "",
    evidence_reference: Annotated[str, Form(max_length=200)] = "",
    code: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Hand in the invoice."""
    body: dict[str, Any] = {"number": number, "amount": amount.strip()}
    if evidence_kind.strip() and evidence_reference.strip():
        body["evidence"] = [{"kind": evidence_kind, "reference": evidence_reference}]
    if code.strip():
        body["code"] = code
    return await _step(context, visitor, voucher_id, "invoice", "invoiced", **body)


@router.post("/vouchers/{voucher_id}/code")
async def code(request: Request, context: Ctx, visitor: SignedIn, voucher_id: UUID) -> Response:
    """Show the code, this once: it is in no list, no mail and no later page."""
    told = one(Code, await act(context, visitor, "mobility", f"/vouchers/{voucher_id}/code", {}))
    return page(request, "voucher_code.html", voucher_id=voucher_id, code=told.code)


@router.post("/vouchers/{voucher_id}/approve")
async def approve(context: Ctx, visitor: SignedIn, voucher_id: UUID) -> Response:
    """Approve the invoice: the first approval is the staff's, the second, by somebody else, is finance's."""
    return await _step(context, visitor, voucher_id, "approve", "approved")


@router.post("/vouchers/{voucher_id}/pay")
async def pay(
    context: Ctx, visitor: SignedIn, voucher_id: UUID, bank_reference: Annotated[str, Form(max_length=200)]
) -> Response:
    """Record the payment with the bank's reference."""
    return await _step(context, visitor, voucher_id, "pay", "paid", bank_reference=bank_reference)
