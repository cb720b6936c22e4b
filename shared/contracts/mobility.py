"""Events of the mobility service: visits, programmes and vouchers."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import EventType, Snapshot
from shared.contracts.money import Money
from shared.contracts.topics import PROGRAMMES, VISITS, VOUCHERS


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


class ProgrammeSnapshot(Snapshot):
    """A funder's pot of money. ``available`` is derived from the ledger: budget less what is reserved or paid."""

    programme_id: UUID
    funder_id: UUID
    name: str
    kind: VoucherKind
    budget: Money
    available: Money
    opens_on: date
    closes_on: date
    changed_at: datetime

    @property
    def aggregate_id(self) -> UUID:
        return self.programme_id

    @property
    def organisations(self) -> tuple[UUID, ...]:
        return (self.funder_id,)


def _visit(verb: str) -> EventType[VisitSnapshot]:
    return EventType(f"org.intercluster.visit.{verb}.v1", VISITS, VisitSnapshot)


def _voucher(verb: str) -> EventType[VoucherSnapshot]:
    return EventType(f"org.intercluster.voucher.{verb}.v1", VOUCHERS, VoucherSnapshot)


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
)
