"""Visits, programmes, vouchers and ledgers as mobility tells of them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import Field

from services.console.schemas.base import Reading
from shared.contracts.mobility import Party, ProgrammeSnapshot, VisitSnapshot, VoucherSnapshot
from shared.contracts.money import Money


class Finding(Reading):
    """One rule as it was judged, in plain words, with where its figure comes from."""

    rule: str
    passed: bool
    detail: str
    source: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None


class Evidence(Reading):
    """A ticket, an invoice, a photo: what it is and where it lies."""

    kind: str
    reference: str


class Report(Reading):
    """What the visitor reported."""

    text: str
    evidence: tuple[Evidence, ...] = ()


class Visit(VisitSnapshot):
    """A visit with names by party, the judged rules, the report, and whose signature is missing."""

    names: dict[str, str] = Field(default_factory=dict)
    working_days: int | None = None
    waiting_for: tuple[Party, ...] = ()
    reasons: dict[str, str] = Field(default_factory=dict)
    verdict: tuple[Finding, ...] = ()
    report: Report | None = None
    requested_at: datetime | None = None

    def organisation_of(self, party: Party) -> UUID:
        """Return the organisation that signs for a party."""
        return UUID(str(getattr(self, f"{party.value}_id")))


class Programme(ProgrammeSnapshot):
    """A programme with its rules as data and its balances."""

    funder_name: str = ""
    time_zone: str = "UTC"
    terms_version: str = ""
    rules: tuple[dict[str, Any], ...] = ()
    balances: dict[str, Money] = Field(default_factory=dict)

    def balance(self, name: str) -> Decimal:
        """Return one balance of the ledger, zero if it is not told."""
        found = self.balances.get(name)
        return found.amount if found else Decimal(0)


class Invoice(Reading):
    """The invoice as it was handed in."""

    number: str
    amount: Money
    evidence: tuple[Evidence, ...] = ()


class Voucher(VoucherSnapshot):
    """A voucher with names by role, the judged rules, and who did which step."""

    names: dict[str, str] = Field(default_factory=dict)
    programme_name: str = ""
    verdict: tuple[Finding, ...] = ()
    cost: Money | None = None
    reason: str | None = None
    code_taken: bool = False
    invoice: Invoice | None = None
    checked_by: UUID | None = None
    approved_by: UUID | None = None
    bank_reference: str | None = None
    paid_at: datetime | None = None
    applied_at: datetime | None = None


class Code(Reading):
    """A voucher's code, told once."""

    code: str


class LedgerLine(Reading):
    """One line of the ledger; the lines of one movement add up to zero."""

    sequence: int
    voucher_id: UUID | None = None
    account: str
    amount: Money
    occasion: str
    made_by: UUID | None = None
    made_at: datetime


class Ledger(Reading):
    """A page of a programme's ledger with the balances over all of it; the first page also says if it adds up."""

    entries: tuple[LedgerLine, ...]
    next_cursor: str | None = None
    balances: dict[str, Money] = Field(default_factory=dict)
    balanced: bool | None = None
    problems: tuple[str, ...] = ()
