"""Tables of the mobility database. The constraints are the second line of defence behind the use cases."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, ExcludeConstraint
from sqlmodel import Field

from services.mobility.ledger import Account, Occasion
from services.mobility.visit_states import LIVE
from services.mobility.voucher_states import ENDED
from shared.contracts import Version
from shared.contracts.mobility import Party, VisitKind, VisitState, VoucherKind, VoucherState
from shared.contracts.profiles import OrganisationKind
from shared.database import table_base

if TYPE_CHECKING:
    from sqlmodel import SQLModel as Base
else:
    Base = table_base()


def _words(kind: type[StrEnum]) -> Any:
    """Store the words of an enumeration as text with a check constraint."""
    return sa.Enum(
        kind, native_enum=False, length=30, create_constraint=True, values_callable=lambda e: [each.value for each in e]
    )


def _quoted(states: tuple[StrEnum, ...]) -> str:
    return ", ".join(f"'{state.value}'" for state in states)


AMOUNT = sa.Numeric(14, 2)
MOMENT: Any = sa.DateTime(timezone=True)
UUIDS: Any = ARRAY(sa.Uuid())


class Versioned(Base):
    """Columns of every aggregate and projection: the version as the pair (epoch, n)."""

    version_epoch: int
    version_n: int

    @property
    def version(self) -> Version:
        return Version(epoch=self.version_epoch, n=self.version_n)


class Organisation(Versioned, table=True):
    """Projection of profiles: what the rules and the pages of mobility need to know."""

    __tablename__ = "organisation"

    organisation_id: UUID = Field(primary_key=True)
    kind: OrganisationKind = Field(sa_type=_words(OrganisationKind))
    name: str
    country: str
    city: str | None = None
    clusters: list[UUID] = Field(default_factory=list, sa_type=UUIDS)
    active: bool


class Person(Versioned, table=True):
    """Projection of profiles: that a person exists and whom she works for; nothing about who she is."""

    __tablename__ = "person"

    person_id: UUID = Field(primary_key=True)
    organisation_ids: list[UUID] = Field(default_factory=list, sa_type=UUIDS)
    erased: bool = False


class Connection(Versioned, table=True):
    """Projection of matching: two organisations that agreed to meet; ``suggestion_id`` is the connection's id."""

    __tablename__ = "connection"

    suggestion_id: UUID = Field(primary_key=True)
    first_id: UUID
    second_id: UUID
    connected_at: datetime | None = Field(default=None, sa_type=MOMENT)


class Visit(Versioned, table=True):
    """A visit; ``working_days`` are those of the host's country when it was requested."""

    __tablename__ = "visit"
    __table_args__ = (
        ExcludeConstraint(
            (sa.column("visitor_person_id"), "="),
            (sa.func.daterange(sa.column("starts_on"), sa.column("ends_on"), "[]"), "&&"),
            where=sa.text(f"state IN ({_quoted(LIVE)})"),
            using="gist",
            name="visit_one_at_a_time",
        ),
        sa.CheckConstraint("starts_on <= ends_on", name="dates_in_order"),
    )

    visit_id: UUID = Field(primary_key=True)
    kind: VisitKind = Field(sa_type=_words(VisitKind))
    state: VisitState = Field(sa_type=_words(VisitState), index=True)
    visitor_person_id: UUID = Field(index=True)
    visitor_id: UUID = Field(index=True)
    visitor_hub_id: UUID = Field(index=True)
    host_id: UUID = Field(index=True)
    host_hub_id: UUID = Field(index=True)
    starts_on: date
    ends_on: date
    working_days: int
    connection_id: UUID | None = None
    verdict: list[dict[str, Any]] = Field(sa_type=JSONB)
    reason: str | None = None
    report_text: str | None = None
    report_evidence: list[dict[str, str]] = Field(default_factory=list, sa_type=JSONB)
    requested_by: UUID
    requested_at: datetime = Field(sa_type=MOMENT)
    changed_by: UUID | None = None
    changed_at: datetime = Field(sa_type=MOMENT)

    def organisation_of(self, party: Party) -> UUID:
        """Return the organisation that signs for ``party``."""
        return {
            Party.VISITOR: self.visitor_id,
            Party.VISITOR_HUB: self.visitor_hub_id,
            Party.HOST: self.host_id,
            Party.HOST_HUB: self.host_hub_id,
        }[party]


class Signature(Base, table=True):
    """What one party decided on a visit: one row per party, never changed."""

    __tablename__ = "visit_signature"

    visit_id: UUID = Field(primary_key=True, foreign_key="visit.visit_id")
    party: Party = Field(primary_key=True, sa_type=_words(Party))
    organisation_id: UUID
    person_id: UUID
    decision: str
    reason: str | None = None
    decided_at: datetime = Field(sa_type=MOMENT)


class Programme(Versioned, table=True):
    """A funder's pot of money. (``terms_epoch``, ``terms_n``) point to the terms in force; money is in the ledger."""

    __tablename__ = "programme"

    programme_id: UUID = Field(primary_key=True)
    funder_id: UUID = Field(index=True)
    name: str
    kind: VoucherKind = Field(sa_type=_words(VoucherKind))
    currency: str
    opens_on: date
    closes_on: date
    time_zone: str
    terms_epoch: int
    terms_n: int
    changed_at: datetime = Field(sa_type=MOMENT)

    @property
    def terms_version(self) -> Version:
        """Version of the terms: rises when a clerk changes them, not when money moves."""
        return Version(epoch=self.terms_epoch, n=self.terms_n)


class Terms(Base, table=True):
    """The terms of a programme as they were from one change to the next; a claim is judged by those of its day."""

    __tablename__ = "programme_terms"

    programme_id: UUID = Field(primary_key=True, foreign_key="programme.programme_id")
    epoch: int = Field(primary_key=True)
    n: int = Field(primary_key=True)
    name: str
    budget: Decimal = Field(sa_type=AMOUNT)
    opens_on: date
    closes_on: date
    rules: list[dict[str, Any]] = Field(sa_type=JSONB)
    made_by: UUID
    made_at: datetime = Field(sa_type=MOMENT)


class Voucher(Versioned, table=True):
    """A claim on a programme. ``amount`` is granted at first, payable once invoiced."""

    __tablename__ = "voucher"
    __table_args__ = (
        # Each exchange is paid once, whoever applies for it and however fast.
        sa.Index(
            "voucher_one_per_visit",
            "visit_id",
            unique=True,
            postgresql_where=sa.text(f"state NOT IN ({_quoted(ENDED)})"),
        ),
        sa.CheckConstraint("amount > 0", name="positive"),
        sa.ForeignKeyConstraint(
            ["programme_id", "terms_epoch", "terms_n"],
            ["programme_terms.programme_id", "programme_terms.epoch", "programme_terms.n"],
            name="fk_voucher_terms",
        ),
    )

    voucher_id: UUID = Field(primary_key=True)
    programme_id: UUID = Field(foreign_key="programme.programme_id", index=True)
    terms_epoch: int
    terms_n: int
    funder_id: UUID = Field(index=True)
    beneficiary_id: UUID = Field(index=True)
    applicant_person_id: UUID
    kind: VoucherKind = Field(sa_type=_words(VoucherKind))
    state: VoucherState = Field(sa_type=_words(VoucherState), index=True)
    amount: Decimal = Field(sa_type=AMOUNT)
    currency: str
    cost: Decimal | None = Field(default=None, sa_type=AMOUNT)
    visit_id: UUID | None = Field(default=None, foreign_key="visit.visit_id")
    provider_id: UUID | None = Field(default=None, index=True)
    verdict: list[dict[str, Any]] = Field(sa_type=JSONB)
    applied_on: date
    refusal_rule: str | None = None
    reason: str | None = None
    expires_on: date | None = None
    code_hmac: str | None = Field(default=None, unique=True)
    invoice_number: str | None = None
    invoice_amount: Decimal | None = Field(default=None, sa_type=AMOUNT)
    invoice_evidence: list[dict[str, str]] = Field(default_factory=list, sa_type=JSONB)
    invoiced_by: UUID | None = None
    checked_by: UUID | None = None
    checked_at: datetime | None = Field(default=None, sa_type=MOMENT)
    approved_by: UUID | None = None
    approved_at: datetime | None = Field(default=None, sa_type=MOMENT)
    bank_reference: str | None = None
    paid_by: UUID | None = None
    paid_at: datetime | None = Field(default=None, sa_type=MOMENT)
    applied_at: datetime = Field(sa_type=MOMENT)
    changed_at: datetime = Field(sa_type=MOMENT)

    @property
    def terms_version(self) -> Version:
        """Version of the terms by which this claim was judged."""
        return Version(epoch=self.terms_epoch, n=self.terms_n)


class LedgerEntry(Base, table=True):
    """One line of the ledger. Triggers refuse UPDATE, DELETE and TRUNCATE, and guard the balances."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        # A voucher's budget is reserved at most once and paid at most once, whatever the code above does.
        sa.Index(
            "ledger_entry_once_per_voucher",
            "voucher_id",
            "account",
            unique=True,
            postgresql_where=sa.text("(account = 'reserved' AND occasion = 'reserved') OR account = 'paid'"),
        ),
        sa.CheckConstraint("amount <> 0", name="not_nothing"),
        sa.Index("ledger_entry_by_account", "programme_id", "account"),
    )

    sequence: int | None = Field(
        default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    )
    movement_id: UUID = Field(index=True)
    programme_id: UUID = Field(foreign_key="programme.programme_id")
    voucher_id: UUID | None = Field(default=None, foreign_key="voucher.voucher_id", index=True)
    account: Account = Field(sa_type=_words(Account))
    amount: Decimal = Field(sa_type=AMOUNT)
    currency: str
    occasion: Occasion = Field(sa_type=_words(Occasion))
    made_by: UUID | None = None
    made_at: datetime = Field(sa_type=MOMENT)
