"""Use cases of visits: request, sign, refuse, cancel, report. Each change is one event, in the same transaction."""

from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility import facts, visit_rules, vouchers
from services.mobility.models import Signature, Visit
from services.mobility.repository import organisations as organisation_rows
from services.mobility.repository import visits as rows
from services.mobility.schemas import Decision, Report, VisitOut, VisitRequest
from services.mobility.scopes import PARTY_ROLES, Scope, person_of, refused, scope_of
from services.mobility.visit_states import VisitAction, after, signature
from services.mobility.visit_views import snapshot, view, views
from services.mobility.working_days import working_days
from shared.audit import audit
from shared.auth import Principal, RoleName
from shared.clock import now, today
from shared.contracts import EventType
from shared.contracts.mobility import (
    VISIT_APPROVED,
    VISIT_CANCELLED,
    VISIT_COMPLETED,
    VISIT_REFUSED,
    VISIT_REQUESTED,
    VISIT_SIGNED,
    Party,
    VisitSnapshot,
    VisitState,
)
from shared.database import next_version
from shared.ids import new_id
from shared.messaging import publish
from shared.problems import conflict, forbidden, not_found, unprocessable

EVENTS: dict[VisitAction, EventType[VisitSnapshot]] = {
    VisitAction.SIGN: VISIT_SIGNED,
    VisitAction.SIGN_LAST: VISIT_APPROVED,
    VisitAction.REFUSE: VISIT_REFUSED,
    VisitAction.CANCEL: VISIT_CANCELLED,
    VisitAction.REPORT: VISIT_COMPLETED,
}

SIGNING_ROLES: dict[Party, tuple[RoleName, ...]] = {
    Party.VISITOR: PARTY_ROLES,
    Party.VISITOR_HUB: (RoleName.HUB_MANAGER,),
    Party.HOST: PARTY_ROLES,
    Party.HOST_HUB: (RoleName.HUB_MANAGER,),
}
"""Who signs for each party, with the role in the party's own organisation."""


async def request(session: AsyncSession, caller: Principal, body: VisitRequest) -> VisitOut:
    """Request a visit: judged by the rules of its kind, then waiting for four signatures.

    Raises 403 unless the caller is of the visitor's side, 422 with the verdict when a rule refuses,
    409 ``one-visit-at-a-time`` when the visitor is away on one of these days.
    """
    parties = {party: body.organisation_of(party) for party in Party}
    await _require_visitors_side(session, caller, body)
    person = person_of(caller)
    verdict_facts = await _facts(session, body, parties)
    verdict = visit_rules.judge(verdict_facts, visit_rules.shipped_rules()[body.kind])
    findings = [each.model_dump(mode="json") for each in verdict.findings]
    if refusal := verdict.refusal:
        raise refused(refusal.rule, refusal.detail, findings)
    version = await next_version(session, None)
    visit = Visit(
        visit_id=new_id(),
        **body.model_dump(),
        state=VisitState.REQUESTED,
        working_days=verdict_facts.working_days,
        verdict=findings,
        requested_by=person,
        requested_at=now(),
        changed_by=person,
        changed_at=now(),
        version_epoch=version.epoch,
        version_n=version.n,
    )
    try:
        async with session.begin_nested():
            await rows.add(session, visit)
    except IntegrityError as error:
        if "visit_one_at_a_time" not in str(error.orig):
            raise
        raise conflict("one-visit-at-a-time", "This person has another visit on some of these days.") from error
    await publish(session, VISIT_REQUESTED, snapshot(visit, []))
    await audit(session, caller, "visit.request", body.visitor_id, visit.visit_id, {"kind": body.kind.value})
    return await view(session, visit)


async def decide(session: AsyncSession, caller: Principal, visit_id: UUID, body: Decision) -> VisitOut:
    """Sign or refuse for one party. Whoever holds several parties' roles signs for each of them separately.

    Raises 403 for another's party, 409 ``signed-once`` for a second decision of the party, 409 ``visit-state``.
    """
    visit = await _locked(session, caller, visit_id)
    organisation_id = visit.organisation_of(body.party)
    _require(caller, SIGNING_ROLES[body.party], organisation_id, f"sign for the {body.party.value.replace('_', ' ')}")
    decided = (await rows.signatures(session, [visit_id])).get(visit_id, [])
    signed = frozenset(each.party for each in decided)
    action = VisitAction.REFUSE if body.decision == "refuse" else signature(signed, body.party)
    new = _next_state(visit, action)
    if body.party in signed:
        raise conflict("signed-once", f"The {body.party.value.replace('_', ' ')} has decided already.")
    made = Signature(
        visit_id=visit_id,
        party=body.party,
        organisation_id=organisation_id,
        person_id=person_of(caller),
        decision=body.decision,
        reason=body.reason,
        decided_at=now(),
    )
    await rows.sign(session, made)
    await _change(session, caller, visit, action, new, [*decided, made])
    detail = {"party": body.party.value, "decision": body.decision}
    await audit(session, caller, "visit.decide", organisation_id, visit_id, detail)
    return await view(session, visit)


async def cancel(session: AsyncSession, caller: Principal, visit_id: UUID, reason: str) -> VisitOut:
    """Call a visit off, by any side at any point before its report; its vouchers return their money."""
    visit = await _locked(session, caller, visit_id)
    acting = caller.organisations(*PARTY_ROLES) & {visit.organisation_of(party) for party in Party}
    if not acting:
        raise forbidden("Only one of the four parties may cancel this visit.")
    new = _next_state(visit, VisitAction.CANCEL)
    await _change(session, caller, visit, VisitAction.CANCEL, new, None, reason=reason)
    await vouchers.cancel_for_visit(session, visit_id, person_of(caller))
    await audit(session, caller, "visit.cancel", min(acting), visit_id)
    return await view(session, visit)


async def report(session: AsyncSession, caller: Principal, visit_id: UUID, body: Report) -> VisitOut:
    """Complete a visit by its report with evidence, on its last day at the earliest."""
    visit = await _locked(session, caller, visit_id)
    if caller.person_id != visit.visitor_person_id or not caller.roles:
        _require(caller, PARTY_ROLES, visit.visitor_id, "report on this visit")
    new = _next_state(visit, VisitAction.REPORT)
    if today() < visit.ends_on:
        raise conflict("report-after-visit", f"The visit ends on {visit.ends_on}; report on it then.")
    evidence = [each.model_dump() for each in body.evidence]
    changed = {"report_text": body.text, "report_evidence": evidence}
    await _change(session, caller, visit, VisitAction.REPORT, new, None, **changed)
    await audit(session, caller, "visit.report", visit.visitor_id, visit_id, {"evidence": len(evidence)})
    return await view(session, visit)


async def read(session: AsyncSession, caller: Principal, visit_id: UUID) -> VisitOut:
    """Return one visit; 404 if the caller may not see it."""
    visit = await rows.get(session, visit_id, scope_of(caller))
    if visit is None:
        raise not_found("visit", visit_id)
    return await view(session, visit)


async def page(
    session: AsyncSession, scope: Scope, limit: int, cursor: UUID | None, **filters: Any
) -> tuple[list[VisitOut], UUID | None]:
    """Return the visits that the caller may see, newest first."""
    found, following = await rows.page(session, scope, limit, cursor, **filters)
    return await views(session, found), following


async def _require_visitors_side(session: AsyncSession, caller: Principal, body: VisitRequest) -> None:
    """Raise 403 for anybody but the visiting organisation and its own hub: a request takes the person's days."""
    if body.visitor_id in caller.organisations(*PARTY_ROLES):
        return
    visitor = (await organisation_rows.known(session, [body.visitor_id])).get(body.visitor_id)
    own_hub = visitor is not None and body.visitor_hub_id in visitor.clusters
    if not own_hub or body.visitor_hub_id not in caller.organisations(RoleName.HUB_MANAGER):
        raise forbidden("Only the visiting organisation or its own hub may request a visit.")


async def _facts(session: AsyncSession, body: VisitRequest, parties: dict[Party, UUID]) -> facts.VisitFacts:
    """Gather what the rules are judged on; the person stays locked, so that her visits are counted once."""
    person = await organisation_rows.lock_person(session, body.visitor_person_id)
    known = await organisation_rows.known(session, parties.values())
    for party, organisation_id in parties.items():
        if organisation_id not in known:
            field = f"{party.value}_id"
            raise unprocessable("known-organisation", f"{field}: no organisation {organisation_id} is known here.")
    connected = None
    if body.connection_id:
        connection = await organisation_rows.connection(session, body.connection_id)
        pair = {connection.first_id, connection.second_id} if connection else set()
        connected = pair == {body.visitor_id, body.host_id}
    return facts.VisitFacts(
        kind=body.kind,
        parties={party: organisation_rows.fact(known[organisation_id]) for party, organisation_id in parties.items()},
        starts_on=body.starts_on,
        ends_on=body.ends_on,
        requested_on=today(),
        working_days=working_days(body.starts_on, body.ends_on, known[body.host_id].country),
        earlier_visits=await rows.live_visits_of(session, body.visitor_person_id, body.kind),
        connected=connected,
        person_known=person is not None and not person.erased,
        person_belongs=person is not None and body.visitor_id in person.organisation_ids,
    )


async def _locked(session: AsyncSession, caller: Principal, visit_id: UUID) -> Visit:
    visit = await rows.lock(session, visit_id, scope_of(caller))
    if visit is None:
        raise not_found("visit", visit_id)
    return visit


def _require(caller: Principal, roles: tuple[RoleName, ...], organisation_id: UUID, what: str) -> None:
    if organisation_id not in caller.organisations(*roles):
        raise forbidden(f"Only a {' or '.join(roles)} of that organisation may {what}.")


def _next_state(visit: Visit, action: VisitAction) -> VisitState:
    new = after(visit.state, action)
    if new is None:
        detail = f"A visit that is {visit.state.value} can't take the step '{action.value.replace('_', ' ')}'."
        raise conflict("visit-state", detail, state=visit.state.value, action=action.value)
    return new


async def _change(
    session: AsyncSession,
    caller: Principal,
    visit: Visit,
    action: VisitAction,
    new: VisitState,
    decided: list[Signature] | None,
    **values: Any,
) -> None:
    """Move the locked visit on and publish what it became."""
    old = visit.state
    version = await next_version(session, visit.version)
    values |= {"changed_by": person_of(caller), "changed_at": now()}
    if not await rows.change(session, visit, old, new, version, **values):
        raise conflict("visit-state", "Somebody else changed the visit just now.", state=old.value)
    if decided is None:
        decided = (await rows.signatures(session, [visit.visit_id])).get(visit.visit_id, [])
    await publish(session, EVENTS[action], snapshot(visit, decided))
