"""Tables of vouchers."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.mobility.models.base import AMOUNT, MOMENT, Versioned, quoted, words
from services.mobility.voucher_states import ENDED
from shared.contracts import Version
from shared.contracts.mobility import VoucherKind, VoucherState


class Voucher(Versioned, table=True):
    """A claim on a programme. ``amount`` is granted at first, payable once invoiced."""

    __tablename__ = "voucher"
    __table_args__ = (
        # Each exchange is paid once, whoever applies for it and however fast.
        sa.Index(
            "voucher_one_per_visit",
            "visit_id",
            unique=True,
            postgresql_where=sa.text(f"state NOT IN ({quoted(ENDED)})"),
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
    kind: VoucherKind = Field(sa_type=words(VoucherKind))
    state: VoucherState = Field(sa_type=words(VoucherState), index=True)
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
