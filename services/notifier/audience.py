"""From an event to its occasions: what there is to tell, and who is to be told. Pure: people appear by id."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.contracts import Version
from shared.contracts.matching import SuggestionSnapshot
from shared.contracts.mobility import Party, VisitSnapshot, VoucherSnapshot

SUGGESTION = "suggestion"
CONNECTION = "connection"
VISIT = "visit"
VOUCHER = "voucher"
SIGN_IN = "sign_in"
NOTICE = "notice"
"""Templates of mails, as deliveries name them."""

ACTING = ("sme_contact", "hub_manager")
"""Who acts for an organisation: its SME contacts, or the hub's team where the organisation is a cluster."""
HUB = ("hub_manager",)
FUNDER = ("voucher_administrator",)

FOR_THE_FUNDER = frozenset({"applied", "invoiced"})
"""Steps of a voucher after which the funder must act; all others are told to the beneficiary."""


@dataclass(frozen=True)
class Audience:
    """The holders of one of the roles for the organisation, now and (within bounds) later."""

    organisation_id: UUID
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Occasion:
    """One thing to tell. ``key`` and the recipient's id are the permanent key of the mail.

    ``facts`` is the snapshot that was current then: late events must tell what happened, not what is now.
    ``people``: named recipients with the organisation on whose behalf they are told.
    """

    key: str
    template: str
    verb: str
    subject_id: UUID
    version: Version
    audiences: tuple[Audience, ...]
    facts: dict[str, Any]
    occurred_at: datetime
    people: tuple[tuple[UUID, UUID], ...] = ()


def proposed(snapshot: SuggestionSnapshot) -> Occasion:
    """A suggestion is told to both sides. Its key has no version: mailed once to a person, however often it changes.

    Its facts are the round it comes from, and how many suggestions that round has for each side; none while more
    rounds are about to follow.
    """
    facts: dict[str, Any] = {}
    if (told := snapshot.round) and told.final:
        sizes = {str(snapshot.first_id): told.to_first, str(snapshot.second_id): told.to_second}
        facts = {"round": str(told.round_id), "sizes": sizes}
    return _suggestion(snapshot, SUGGESTION, "proposed", snapshot.proposed_at, facts)


def connected(snapshot: SuggestionSnapshot) -> Occasion:
    """A connection is told to both sides, once."""
    return _suggestion(snapshot, CONNECTION, "connected", snapshot.connected_at or snapshot.proposed_at, {})


def _suggestion(
    snapshot: SuggestionSnapshot, template: str, verb: str, at: datetime, facts: dict[str, Any]
) -> Occasion:
    return Occasion(
        key=f"{template}:{snapshot.suggestion_id}",
        template=template,
        verb=verb,
        subject_id=snapshot.suggestion_id,
        version=snapshot.version,
        audiences=(Audience(snapshot.first_id, ACTING), Audience(snapshot.second_id, ACTING)),
        facts=facts,
        occurred_at=at,
    )


def visit(snapshot: VisitSnapshot, verb: str) -> Occasion:
    """A requested visit is told to the parties that have to decide; every later step to all four."""
    parties = _undecided(snapshot) if verb == "requested" else tuple(Party)
    sides = {
        Party.VISITOR: Audience(snapshot.visitor_id, ACTING),
        Party.VISITOR_HUB: Audience(snapshot.visitor_hub_id, HUB),
        Party.HOST: Audience(snapshot.host_id, ACTING),
        Party.HOST_HUB: Audience(snapshot.host_hub_id, HUB),
    }
    return Occasion(
        key=f"visit-{verb}:{snapshot.visit_id}:{snapshot.version}",
        template=VISIT,
        verb=verb,
        subject_id=snapshot.visit_id,
        version=snapshot.version,
        audiences=tuple(sides[party] for party in parties),
        people=((snapshot.visitor_person_id, snapshot.visitor_id),) if Party.VISITOR in parties else (),
        facts=snapshot.model_dump(mode="json"),
        occurred_at=snapshot.changed_at,
    )


def _undecided(snapshot: VisitSnapshot) -> tuple[Party, ...]:
    decided = {each.party for each in snapshot.approvals if each.decision}
    return tuple(party for party in Party if party not in decided)


def voucher(snapshot: VoucherSnapshot, verb: str) -> Occasion:
    """Steps that wait for the funder go to its voucher administrators, all others to the applicant's side."""
    for_funder = verb in FOR_THE_FUNDER
    side = Audience(snapshot.funder_id, FUNDER) if for_funder else Audience(snapshot.beneficiary_id, ACTING)
    return Occasion(
        key=f"voucher-{verb}:{snapshot.voucher_id}:{snapshot.version}",
        template=VOUCHER,
        verb=verb,
        subject_id=snapshot.voucher_id,
        version=snapshot.version,
        audiences=(side,),
        people=() if for_funder else ((snapshot.applicant_person_id, snapshot.beneficiary_id),),
        facts=snapshot.model_dump(mode="json"),
        occurred_at=snapshot.changed_at,
    )


def delivery_key(occasion_key: str, person_id: UUID) -> str:
    """Return the permanent business key of one mail's occasion for one recipient."""
    return f"{occasion_key}:{person_id}"
