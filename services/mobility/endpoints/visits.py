"""Routes of visits."""

from uuid import UUID

from fastapi import APIRouter, Response

from services.mobility import visits
from services.mobility.endpoints.lists import DEFAULT_LIMIT, Cursor, Limit, text
from services.mobility.schemas import Decision, Page, Report, VisitOut, VisitRequest, WithReason
from services.mobility.scopes import require_any_role, scope_of
from shared.contracts.mobility import Party, VisitState
from shared.http import Caller, Session

router = APIRouter(prefix="/visits", tags=["visits"])


@router.post("", status_code=201)
async def request_visit(body: VisitRequest, caller: Caller, session: Session, response: Response) -> VisitOut:
    """Request a visit. 422 names the rule that refuses and lists all that were judged in `verdict`."""
    made = await visits.request(session, caller, body)
    response.headers["Location"] = f"/visits/{made.visit_id}"
    return made


@router.get("")
async def list_visits(
    caller: Caller,
    session: Session,
    organisation_id: UUID | None = None,
    state: VisitState | None = None,
    waiting_for: UUID | Party | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[VisitOut]:
    """Visits in which the caller's organisations are a party, newest first.

    `waiting_for`: an organisation whose signature is missing, or a party (`visitor_hub` …) for which the caller signs.
    """
    require_any_role(caller)
    filters = {"organisation_id": organisation_id, "state": state, "waiting_for": waiting_for}
    items, following = await visits.page(session, scope_of(caller), limit, cursor, **filters)
    return Page(items=items, next_cursor=text(following))


@router.get("/{visit_id}")
async def read_visit(visit_id: UUID, caller: Caller, session: Session, response: Response) -> VisitOut:
    """One visit with its four approvals, judged rules and report."""
    found = await visits.read(session, caller, visit_id)
    response.headers["ETag"] = f'"{found.version}"'
    return found


@router.post("/{visit_id}/decisions")
async def decide(visit_id: UUID, body: Decision, caller: Caller, session: Session) -> VisitOut:
    """Sign or refuse for one party."""
    return await visits.decide(session, caller, visit_id, body)


@router.post("/{visit_id}/cancel")
async def cancel(visit_id: UUID, body: WithReason, caller: Caller, session: Session) -> VisitOut:
    """Call the visit off; vouchers for it are cancelled with it."""
    return await visits.cancel(session, caller, visit_id, body.reason)


@router.post("/{visit_id}/report")
async def report(visit_id: UUID, body: Report, caller: Caller, session: Session) -> VisitOut:
    """Complete the visit by its report with evidence, on its last day at the earliest."""
    return await visits.report(session, caller, visit_id, body)
