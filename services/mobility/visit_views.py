"""Visits as they leave the service: in events and in responses."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility.models import Signature, Visit
from services.mobility.repository import organisations as organisation_rows
from services.mobility.repository import visits as rows
from services.mobility.schemas import Evidence, Report, VisitOut
from services.mobility.verdict import Finding
from shared.contracts.mobility import Approval, Party, VisitSnapshot, VisitState


def snapshot(visit: Visit, decided: Sequence[Signature]) -> VisitSnapshot:
    """Return the body of the visit's event: no name of a person, no report."""
    return VisitSnapshot(**_fields(visit, decided))


async def view(session: AsyncSession, visit: Visit) -> VisitOut:
    """Return one visit as the API shows it."""
    return (await views(session, [visit]))[0]


async def views(session: AsyncSession, visits: list[Visit]) -> list[VisitOut]:
    """Return visits as the API shows them, with two queries however many they are."""
    decisions = await rows.signatures(session, (visit.visit_id for visit in visits))
    names = await organisation_rows.names(session, (v.organisation_of(party) for v in visits for party in Party))
    return [_out(visit, decisions.get(visit.visit_id, []), names) for visit in visits]


def _approvals(visit: Visit, decided: Sequence[Signature]) -> tuple[Approval, ...]:
    by_party = {each.party: each for each in decided}
    return tuple(
        Approval(
            party=party,
            organisation_id=visit.organisation_of(party),
            person_id=by_party[party].person_id if party in by_party else None,
            decision=by_party[party].decision if party in by_party else None,
            decided_at=by_party[party].decided_at if party in by_party else None,
        )
        for party in Party
    )


def _fields(visit: Visit, decided: Sequence[Signature]) -> dict[str, Any]:
    stored = {name: getattr(visit, name) for name in VisitSnapshot.model_fields if name in Visit.model_fields}
    return {**stored, "version": visit.version, "approvals": _approvals(visit, decided)}


def _out(visit: Visit, decided: list[Signature], names: dict[UUID, str]) -> VisitOut:
    signed = {each.party for each in decided}
    waiting = tuple(p for p in Party if p not in signed) if visit.state is VisitState.REQUESTED else ()
    reasons = {each.party.value: each.reason for each in decided if each.reason}
    if visit.reason:
        reasons["cancelled"] = visit.reason
    evidence = [Evidence(**each) for each in visit.report_evidence]
    return VisitOut(
        **_fields(visit, decided),
        names={party.value: names.get(visit.organisation_of(party), "") for party in Party},
        working_days=visit.working_days,
        waiting_for=waiting,
        reasons=reasons,
        verdict=tuple(Finding(**each) for each in visit.verdict),
        report=Report(text=visit.report_text, evidence=evidence) if visit.report_text else None,
        requested_at=visit.requested_at,
    )
