"""Events as the notifier hears them."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.clock import now
from shared.contracts import EventType, Snapshot, Version
from shared.contracts.matching import (
    Answer,
    Evidence,
    SuggestionSnapshot,
    SuggestionState,
)
from shared.contracts.mobility import VisitKind, VisitSnapshot, VisitState, VoucherKind, VoucherSnapshot, VoucherState
from shared.contracts.money import Money
from shared.contracts.profiles import (
    OrganisationKind,
    OrganisationSnapshot,
)
from shared.ids import new_id
from shared.messaging import Event


def event(kind: EventType[Any], body: Snapshot) -> Event[Any]:
    """Wrap a body as the consumer would."""
    return Event(id=new_id(), type=kind, source="test", time=now(), body=body, sequence=1)


def organisation(
    name: str, country: str = "AT", *, n: int = 1, languages: tuple[str, ...] = ("en",)
) -> OrganisationSnapshot:
    """An organisation as profiles tells it."""
    return OrganisationSnapshot(
        version=Version(epoch=1, n=n),
        organisation_id=new_id(),
        kind=OrganisationKind.SME,
        name=name,
        country=country,
        languages=languages,
        updated_at=now(),
        source="CORDIS",
    )


def suggestion(first: UUID, second: UUID, **overrides: Any) -> SuggestionSnapshot:
    """A proposed pair, with the evidence of a need that meets an offer."""
    need_of, offer_of = sorted((first, second))
    evidence = Evidence(
        need_statement_id=new_id(),
        need_organisation_id=need_of,
        need_text="We need laser welding of thin sheets.",
        need_language="en",
        offer_statement_id=new_id(),
        offer_organisation_id=offer_of,
        offer_text="Wir bieten Laserschweißen dünner Bleche.",
        offer_language="de",
        similarity=0.8,
    )
    values: dict[str, Any] = {
        "version": Version(epoch=1, n=1),
        "suggestion_id": new_id(),
        "first_id": need_of,
        "second_id": offer_of,
        "state": SuggestionState.PROPOSED,
        "score": 0.8,
        "reason": "A need meets an offer.",
        "evidence": (evidence,),
        "model_version": "test",
        "proposed_at": now(),
    }
    return SuggestionSnapshot(**(values | overrides))


def connected(proposed: SuggestionSnapshot) -> SuggestionSnapshot:
    """The same pair after both sides said that they are interested."""
    return proposed.model_copy(
        update={
            "version": Version(epoch=1, n=proposed.version.n + 1),
            "state": SuggestionState.CONNECTED,
            "first_answer": Answer.INTERESTED,
            "second_answer": Answer.INTERESTED,
            "connected_at": now(),
        }
    )


def visit(visitor: UUID, host: UUID, visitor_person: UUID, **overrides: Any) -> VisitSnapshot:
    """A requested visit; hubs are ids of their own unless given."""
    values: dict[str, Any] = {
        "version": Version(epoch=1, n=1),
        "visit_id": new_id(),
        "kind": VisitKind.BUSINESS_EXPLORATORY,
        "state": VisitState.REQUESTED,
        "visitor_person_id": visitor_person,
        "visitor_id": visitor,
        "visitor_hub_id": new_id(),
        "host_id": host,
        "host_hub_id": new_id(),
        "starts_on": date(2027, 3, 1),
        "ends_on": date(2027, 3, 5),
        "changed_at": now(),
    }
    return VisitSnapshot(**(values | overrides))


def voucher(funder: UUID, beneficiary: UUID, applicant: UUID, **overrides: Any) -> VoucherSnapshot:
    """An applied travel voucher."""
    values: dict[str, Any] = {
        "version": Version(epoch=1, n=1),
        "voucher_id": new_id(),
        "programme_id": new_id(),
        "funder_id": funder,
        "beneficiary_id": beneficiary,
        "applicant_person_id": applicant,
        "kind": VoucherKind.TRAVEL,
        "state": VoucherState.APPLIED,
        "amount": Money(amount=Decimal("780.00"), currency="EUR"),
        "changed_at": now(),
    }
    return VoucherSnapshot(**(values | overrides))
