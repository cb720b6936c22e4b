"""Bodies of requests and responses. Every text is bounded and free of control characters."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.mobility.programme_rules import ProgrammeRule, check_complete
from services.mobility.verdict import Finding
from shared.contracts.mobility import (
    Party,
    ProgrammeSnapshot,
    VisitKind,
    VisitSnapshot,
    VoucherKind,
    VoucherSnapshot,
)
from shared.contracts.money import Money
from shared.reference import is_time_zone

EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)
LONGEST_VISIT = timedelta(days=400)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")
_BREAKS = re.compile(r"[\t\n]")


def _no_control(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("control characters are not allowed")
    return text


def _one_line(text: str) -> str:
    if _BREAKS.search(text):
        raise ValueError("must be one line")
    return _no_control(text)


def _time_zone(name: str) -> str:
    if not is_time_zone(name):
        raise ValueError("is not an IANA time zone")
    return name


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_one_line)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)]
Prose = Annotated[Text, AfterValidator(_no_control)]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000), AfterValidator(_no_control)
]
Day = Annotated[date, Field(ge=EARLIEST, le=LATEST)]
TimeZone = Annotated[str, Field(max_length=60), AfterValidator(_time_zone)]
Cents = Annotated[Decimal, Field(gt=0, max_digits=14, decimal_places=2)]
MoneyOrAmount = Money | Cents
"""Money with its currency, or a bare amount in the programme's currency."""

ItemT = TypeVar("ItemT")


class _Body(BaseModel):
    """A request body: a misspelt field is an error, not silence."""

    model_config = ConfigDict(extra="forbid")


class Page(BaseModel, Generic[ItemT]):
    """One page of a list; ``next_cursor`` leads to the next, ``None`` at the end."""

    items: list[ItemT]
    next_cursor: str | None = None


class Evidence(_Body):
    """A piece of evidence: what it is (ticket, photo, invoice …) and where it lies or its number."""

    kind: Line
    reference: Line


Proofs = Annotated[list[Evidence], Field(max_length=50)]


class VisitRequest(_Body):
    """Who visits whom and when. Dates are inclusive. The parties never change afterwards."""

    kind: VisitKind
    visitor_person_id: UUID
    visitor_id: UUID
    visitor_hub_id: UUID
    host_id: UUID
    host_hub_id: UUID
    starts_on: Day
    ends_on: Day
    connection_id: UUID | None = None

    @model_validator(mode="after")
    def _possible(self) -> "VisitRequest":
        if self.ends_on < self.starts_on:
            raise ValueError("the visit ends before it starts")
        if self.ends_on - self.starts_on > LONGEST_VISIT:
            raise ValueError(f"no visit lasts more than {LONGEST_VISIT.days} days")
        return self

    def organisation_of(self, party: Party) -> UUID:
        """Return the organisation that signs for ``party``."""
        return UUID(str(getattr(self, f"{party.value}_id")))


class Decision(_Body):
    """One party's decision; a refusal needs a reason."""

    party: Party
    decision: Literal["approve", "refuse"]
    reason: Reason | None = None

    @model_validator(mode="after")
    def _reasoned(self) -> "Decision":
        if self.decision == "refuse" and not self.reason:
            raise ValueError("a refusal needs a reason")
        return self


class WithReason(_Body):
    """Why something is refused or called off."""

    reason: Reason


class MaybeReason(_Body):
    """Why a voucher is cancelled, if one wants to say."""

    reason: Reason | None = None


class Report(_Body):
    """The report on a visit with at least one piece of evidence."""

    text: Prose
    evidence: Annotated[list[Evidence], Field(min_length=1, max_length=50)]


class VisitOut(VisitSnapshot):
    """A visit with names, the judged rules, the report, and the parties whose signature is missing."""

    model_config = ConfigDict(frozen=True)

    names: dict[str, str]
    working_days: int
    waiting_for: tuple[Party, ...]
    reasons: dict[str, str]
    verdict: tuple[Finding, ...]
    report: Report | None = None
    requested_at: datetime


class ProgrammeIn(_Body):
    """A programme's terms. Kind, currency and funder stay as they were once it exists."""

    funder_id: UUID
    name: Line
    kind: VoucherKind
    budget: Money
    opens_on: Day
    closes_on: Day
    time_zone: TimeZone = "Europe/Brussels"
    rules: tuple[ProgrammeRule, ...] = Field(max_length=100)

    @model_validator(mode="after")
    def _sound(self) -> "ProgrammeIn":
        if self.closes_on < self.opens_on:
            raise ValueError("the programme closes before it opens")
        if self.budget.amount <= 0:
            raise ValueError("the budget must be positive")
        check_complete(self.rules)
        return self


class ProgrammeOut(ProgrammeSnapshot):
    """A programme with its rules and balances. ``terms_version`` is what ``If-Match`` must name."""

    model_config = ConfigDict(frozen=True)

    funder_name: str
    time_zone: str
    terms_version: str
    rules: list[dict[str, Any]]
    balances: dict[str, Money]


class Application(_Body):
    """A claim: travel vouchers name a visit, innovation vouchers a provider and its price.

    ``distance_km`` is the declared length of the journey, one way.
    """

    programme_id: UUID
    beneficiary_id: UUID
    visit_id: UUID | None = None
    provider_id: UUID | None = None
    amount: MoneyOrAmount | None = None
    distance_km: int | None = Field(default=None, ge=0, le=40_000)


class Invoice(_Body):
    """What is asked for. ``code``: the voucher's code, needed from a provider who invoices itself."""

    number: Line
    amount: MoneyOrAmount
    evidence: Proofs = Field(default_factory=list)
    code: Line | None = None


class Payment(_Body):
    """The bank's reference of the transfer."""

    bank_reference: Line


class InvoiceOut(BaseModel):
    """The invoice as it was handed in; the voucher's amount is what is paid of it."""

    number: str
    amount: Money
    evidence: list[Evidence]
    invoiced_by: UUID | None


class VoucherOut(VoucherSnapshot):
    """A voucher with names, the judged rules, and who did which step. The code is never among them."""

    model_config = ConfigDict(frozen=True)

    names: dict[str, str]
    programme_name: str
    terms_version: str
    verdict: tuple[Finding, ...]
    cost: Money | None = None
    reason: str | None = None
    code_taken: bool = False
    invoice: InvoiceOut | None = None
    checked_by: UUID | None = None
    approved_by: UUID | None = None
    bank_reference: str | None = None
    paid_at: datetime | None = None
    applied_at: datetime


class CodeOut(BaseModel):
    """The voucher's code, shown this once."""

    code: str


class LedgerLine(BaseModel):
    """One line of the ledger; lines of one movement add up to zero."""

    sequence: int
    movement_id: UUID
    voucher_id: UUID | None
    account: str
    amount: Money
    occasion: str
    made_by: UUID | None
    made_at: datetime


class LedgerOut(BaseModel):
    """A page of entries with the balances of the whole ledger.

    The first page says whether the whole ledger adds up (``problems``: what does not), later ones say nothing of it.
    """

    programme_id: UUID
    entries: list[LedgerLine]
    next_cursor: str | None
    balances: dict[str, Money]
    balanced: bool | None
    problems: list[str]
