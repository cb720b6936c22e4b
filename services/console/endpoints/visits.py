"""Visits: the list, the request, the four approvals, the report."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response

from services.console import repository
from services.console.asking import act, ask_one, names_of
from services.console.identity import Visitor
from services.console.schemas import Visit, cursor_of, many, one
from services.console.web import Page, SignedIn, page, see
from shared.auth import RoleName
from shared.contracts.mobility import Party, VisitKind, VisitState
from shared.contracts.profiles import OrganisationKind
from shared.http import Ctx
from shared.problems import not_found

ROLES = (RoleName.SME_CONTACT, RoleName.HUB_MANAGER)
READERS = (*ROLES, RoleName.VOUCHER_ADMINISTRATOR, RoleName.AUDITOR, RoleName.OPERATOR)
HUB_PARTIES = (Party.VISITOR_HUB, Party.HOST_HUB)
LINES = 25

router = APIRouter(route_class=Page)


@router.get("/visits")
async def visits(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    waiting: Annotated[bool, Query()] = False,
    state: Annotated[VisitState | None, Query()] = None,
    organisation_id: Annotated[UUID | None, Query()] = None,
    cursor: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """List visits; ``waiting`` shows those whose approval by one's own organisation is missing."""
    visitor.needs(*READERS)
    ours = visitor.acts_for(organisation_id, *ROLES) if visitor.has(*ROLES) else None
    query = {"organisation_id": ours, "state": state, "limit": LINES, "cursor": cursor}
    if waiting:
        query["waiting_for"] = ours
    answer = await ask_one(context, visitor, "mobility", "/visits", **query)
    return page(
        request,
        "visits.html",
        visits=many(Visit, answer),
        cursor=cursor_of(answer),
        ours=ours,
        waiting=waiting,
        state=state,
        states=list(VisitState),
        choices=visitor.organisations(*ROLES),
        names=await names_of(context, visitor.organisations(*ROLES)),
    )


@router.get("/visits/new")
async def request_form(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    connection_id: Annotated[UUID, Query()],
    organisation_id: Annotated[UUID | None, Query()] = None,
) -> Response:
    """Ask what a visit needs beyond the connection: the kind, the days and the two hubs."""
    ours = visitor.acts_for(organisation_id, *ROLES)
    async with context.database.session() as session:
        connection = await repository.suggestion(session, connection_id)
        if connection is None or ours not in (connection.first_id, connection.second_id):
            raise not_found("connection", connection_id)
        partner = connection.second_id if ours == connection.first_id else connection.first_id
        sides = await repository.organisations(session, (ours, partner))
    hubs = {side.id: [side.id] if side.kind == OrganisationKind.CLUSTER else side.clusters for side in sides.values()}
    names = await names_of(context, [ours, partner, *(hub for found in hubs.values() for hub in found)])
    return page(
        request,
        "visit_new.html",
        connection_id=connection_id,
        ours=ours,
        partner=partner,
        our_hubs=hubs.get(ours, []),
        partner_hubs=hubs.get(partner, []),
        names=names,
        kinds=list(VisitKind),
    )


@router.post("/visits")
async def request_visit(
    context: Ctx,
    visitor: SignedIn,
    kind: Annotated[VisitKind, Form()],
    visitor_id: Annotated[UUID, Form()],
    visitor_hub_id: Annotated[UUID, Form()],
    host_id: Annotated[UUID, Form()],
    host_hub_id: Annotated[UUID, Form()],
    starts_on: Annotated[date, Form()],
    ends_on: Annotated[date, Form()],
    connection_id: Annotated[UUID, Form()],
) -> Response:
    """Request a visit in which the signed-in person herself travels."""
    body = {
        "kind": str(kind),
        "connection_id": str(connection_id),
        "visitor_person_id": str(visitor.person_id),
        "visitor_id": str(visitor_id),
        "visitor_hub_id": str(visitor_hub_id),
        "host_id": str(host_id),
        "host_hub_id": str(host_hub_id),
        "starts_on": starts_on.isoformat(),
        "ends_on": ends_on.isoformat(),
    }
    made = one(Visit, await act(context, visitor, "mobility", "/visits", body))
    return see(f"/visits/{made.visit_id}", done="requested")


@router.get("/visits/{visit_id}")
async def visit(request: Request, context: Ctx, visitor: SignedIn, visit_id: UUID) -> Response:
    """Show one visit, with what this person may do next."""
    found = one(Visit, await ask_one(context, visitor, "mobility", f"/visits/{visit_id}"))
    return page(
        request,
        "visit.html",
        visit=found,
        parties=list(Party),
        approvals={each.party: each for each in found.approvals},
        may_sign=[party for party in found.waiting_for if may_sign(visitor, found, party)],
        is_party=bool(set(visitor.organisations(*ROLES)) & set(found.organisations)),
        may_report=found.state == VisitState.APPROVED and may_report(visitor, found),
    )


def may_sign(visitor: Visitor, visit: Visit, party: Party) -> bool:
    """Whether to offer the button; mobility decides. Hubs sign by their managers."""
    roles = (RoleName.HUB_MANAGER,) if party in HUB_PARTIES else ROLES
    return visit.organisation_of(party) in visitor.organisations(*roles)


def may_report(visitor: Visitor, visit: Visit) -> bool:
    """Whether to offer the report: to the traveller and her organisation."""
    return visitor.person_id == visit.visitor_person_id or visit.visitor_id in visitor.organisations(*ROLES)


@router.post("/visits/{visit_id}/decisions")
async def decide(
    context: Ctx,
    visitor: SignedIn,
    visit_id: UUID,
    party: Annotated[Party, Form()],
    decision: Annotated[str, Form(pattern="^(approve|refuse)$")],
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Approve or refuse for one party."""
    body = {"party": str(party), "decision": decision} | ({"reason": reason} if reason.strip() else {})
    await act(context, visitor, "mobility", f"/visits/{visit_id}/decisions", body)
    return see(f"/visits/{visit_id}", done=decision)


@router.post("/visits/{visit_id}/cancel")
async def cancel(
    context: Ctx, visitor: SignedIn, visit_id: UUID, reason: Annotated[str, Form(max_length=2000)]
) -> Response:
    """Call a visit off."""
    await act(context, visitor, "mobility", f"/visits/{visit_id}/cancel", {"reason": reason})
    return see(f"/visits/{visit_id}", done="cancelled")


@router.post("/visits/{visit_id}/report")
async def report(
    context: Ctx,
    visitor: SignedIn,
    visit_id: UUID,
    text: Annotated[str, Form(max_length=20_000)],
    kind: Annotated[list[str], Form()],
    reference: Annotated[list[str], Form()],
) -> Response:
    """Report on a visit, with its evidence; that completes it."""
    pairs = zip(kind, reference, strict=False)
    evidence = [{"kind": what, "reference": where} for what, where in pairs if what.strip() and where.strip()]
    await act(context, visitor, "mobility", f"/visits/{visit_id}/report", {"text": text, "evidence": evidence})
    return see(f"/visits/{visit_id}", done="reported")
