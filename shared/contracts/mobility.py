"""Events of the mobility service: visits, programmes and vouchers."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import EventType, Snapshot
from shared.contracts.money import Money
from shared.contracts.topics import PROGRAMMES, STATE_AID, VISITS, VOUCHERS


class VisitKind(StrEnum):
    """The four kinds of visit."""

    STAFF_EXCHANGE = "staff_exchange"
    BUSINESS_EXPLORATORY = "business_exploratory"
    AMBASSADOR = "ambassador"
    POLICY_MAKER = "policy_maker"


class Party(StrEnum):
    """The four parties who sign the commitment to quality."""

    VISITOR = "visitor"
    VISITOR_HUB = "visitor_hub"
    HOST = "host"
    HOST_HUB = "host_hub"


class VisitState(StrEnum):
    """``requested`` until all four parties approved, then ``approved``; ``completed`` after the report."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    COMPLETED = "completed"


class Approval(BaseModel):
    """One party's signature: who (person id), for which organisation, when."""

    model_config = ConfigDict(frozen=True)

    party: Party
    organisation_id: UUID
    person_id: UUID | None = None
    decision: str | None = None
    decided_at: datetime | None = None


class VisitSnapshot(Snapshot):
    """A visit between two organisations of different countries, with its four approvals. Dates are inclusive."""

    visit_id: UUID
    kind: VisitKind
    state: VisitState
    visitor_person_id: UUID
    visitor_id: UUID
    visitor_hub_id: UUID
    host_id: UUID
    host_hub_id: UUID
    starts_on: date
    ends_on: date
    connection_id: UUID | None = None
    approvals: tuple[Approval, ...] = ()
    changed_by: UUID | None = None
    changed_at: datetime

    @property
    def aggregate_id(self) -> UUID:
        return self.visit_id

    @property
    def organisations(self) -> tuple[UUID, ...]:
        return tuple(dict.fromkeys((self.visitor_id, self.visitor_hub_id, self.host_id, self.host_hub_id)))


class VoucherKind(StrEnum):
    """Travel vouchers pay a lump sum, innovation vouchers pay a provider."""

    TRAVEL = "travel"
    INNOVATION = "innovation"


class VoucherState(StrEnum):
    """``applied → issued → invoiced → approved → paid``, besides refused, cancelled and expired."""

    APPLIED = "applied"
    ISSUED = "issued"
    INVOICED = "invoiced"
    APPROVED = "approved"
    PAID = "paid"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class VoucherSnapshot(Snapshot):
    """A claim on a programme. The voucher's code never travels."""

    voucher_id: UUID
    programme_id: UUID
    funder_id: UUID
    beneficiary_id: UUID
    applicant_person_id: UUID
    kind: VoucherKind
    state: VoucherState
    amount: Money
    visit_id: UUID | None = None
    provider_id: UUID | None = None
    refusal_rule: str | None = None
    expires_on: date | None = None
    changed_at: datetime

    @property
    def aggregate_id(self) -> UUID:
        return self.voucher_id

    @property
    def organisations(self) -> tuple[UUID, ...]:
        return tuple(dict.fromkeys(i for i in (self.beneficiary_id, self.provider_id, self.funder_id) if i))


class StateAid(StrEnum):
    """Under which rules for small aid a programme grants; ``none``: what it pays is no state aid."""

    NONE = "none"
    DE_MINIMIS = "de_minimis"
    SGEI = "sgei"
    AGRICULTURE = "agriculture"


class ProgrammeSnapshot(Snapshot):
    """A funder's pot of money. ``available`` is derived from the ledger: budget less what is reserved or paid.

    ``granting_country``: the state whose ceiling its aid counts against, where it grants aid (``state_aid``).
    """

    programme_id: UUID
    funder_id: UUID
    name: str
    kind: VoucherKind
    budget: Money
    available: Money
    opens_on: date
    closes_on: date
    state_aid: StateAid = StateAid.NONE
    granting_country: str | None = None
    changed_at: datetime

    @property
    def aggregate_id(self) -> UUID:
        return self.programme_id

    @property
    def organisations(self) -> tuple[UUID, ...]:
        return (self.funder_id,)


class AidSnapshot(Snapshot):
    """Small state aid that a voucher granted, as it counts in the granting country's register.

    ``amount`` is what is left of the grant after releases and claw-backs; ``due_on`` is the last day to enter it in the
    register (``None``: no register asks for it), ``reported_at`` when that was done.
    """

    award_id: UUID
    voucher_id: UUID
    programme_id: UUID
    funder_id: UUID
    beneficiary_id: UUID
    country: str
    regulation: StateAid
    amount: Money
    granted_on: date
    due_on: date | None = None
    reported_at: datetime | None = None
    changed_at: datetime

    @property
    def aggregate_id(self) -> UUID:
        return self.award_id

    @property
    def organisations(self) -> tuple[UUID, ...]:
        return tuple(dict.fromkeys((self.beneficiary_id, self.funder_id)))


class AidDeclarationSnapshot(Snapshot):
    """An undertaking has signed what small state aid it received from elsewhere in one country; the newest counts."""

    declaration_id: UUID
    organisation_id: UUID
    country: str
    wording: str
    items: int
    declared_at: datetime

    @property
    def aggregate_id(self) -> UUID:
        return self.declaration_id

    @property
    def organisations(self) -> tuple[UUID, ...]:
        return (self.organisation_id,)


def _visit(verb: str) -> EventType[VisitSnapshot]:
    return EventType(f"org.intercluster.visit.{verb}.v1", VISITS, VisitSnapshot)


def _voucher(verb: str) -> EventType[VoucherSnapshot]:
    return EventType(f"org.intercluster.voucher.{verb}.v1", VOUCHERS, VoucherSnapshot)


def _aid(verb: str) -> EventType[AidSnapshot]:
    return EventType(f"org.intercluster.aid.{verb}.v1", STATE_AID, AidSnapshot)


VISIT_REQUESTED = _visit("requested")
VISIT_SIGNED = _visit("signed")
VISIT_APPROVED = _visit("approved")
VISIT_REFUSED = _visit("refused")
VISIT_CANCELLED = _visit("cancelled")
VISIT_COMPLETED = _visit("completed")
VOUCHER_APPLIED = _voucher("applied")
VOUCHER_ISSUED = _voucher("issued")
VOUCHER_INVOICED = _voucher("invoiced")
VOUCHER_APPROVED = _voucher("approved")
VOUCHER_PAID = _voucher("paid")
VOUCHER_REFUSED = _voucher("refused")
VOUCHER_CANCELLED = _voucher("cancelled")
VOUCHER_EXPIRED = _voucher("expired")
PROGRAMME_CHANGED = EventType("org.intercluster.programme.changed.v1", PROGRAMMES, ProgrammeSnapshot)
AID_GRANTED = _aid("granted")
AID_REDUCED = _aid("reduced")
AID_REPORTED = _aid("reported")
AID_DECLARED = EventType("org.intercluster.aid.declared.v1", STATE_AID, AidDeclarationSnapshot)

EVENT_TYPES = (
    VISIT_REQUESTED,
    VISIT_SIGNED,
    VISIT_APPROVED,
    VISIT_REFUSED,
    VISIT_CANCELLED,
    VISIT_COMPLETED,
    VOUCHER_APPLIED,
    VOUCHER_ISSUED,
    VOUCHER_INVOICED,
    VOUCHER_APPROVED,
    VOUCHER_PAID,
    VOUCHER_REFUSED,
    VOUCHER_CANCELLED,
    VOUCHER_EXPIRED,
    PROGRAMME_CHANGED,
    AID_GRANTED,
    AID_REDUCED,
    AID_REPORTED,
    AID_DECLARED,
)
