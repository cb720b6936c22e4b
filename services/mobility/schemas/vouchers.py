"""Bodies of vouchers."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.mobility.schemas.base import (
    Body,
    Evidence,
    Line,
    MoneyOrAmount,
    Proofs,
)
from services.mobility.verdict import Finding
from shared.contracts.mobility import VoucherSnapshot
from shared.contracts.money import Money


class Application(Body):
    """A claim: travel vouchers name a visit, innovation vouchers a provider and its price.

    ``distance_km`` is the declared length of the journey, one way.
    """

    programme_id: UUID
    beneficiary_id: UUID
    visit_id: UUID | None = None
    provider_id: UUID | None = None
    amount: MoneyOrAmount | None = None
    distance_km: int | None = Field(default=None, ge=0, le=40_000)


class Invoice(Body):
    """What is asked for. ``code``: the voucher's code, needed from a provider who invoices itself."""

    number: Line
    amount: MoneyOrAmount
    evidence: Proofs = Field(default_factory=list)
    code: Line | None = None


class Payment(Body):
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
