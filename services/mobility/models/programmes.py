"""Tables of programmes and their terms."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.mobility.models.base import AMOUNT, MOMENT, Base, Versioned, words
from shared.contracts import Version
from shared.contracts.mobility import StateAid, VoucherKind


class Programme(Versioned, table=True):
    """A funder's pot of money. (``terms_epoch``, ``terms_n``) point to the terms in force; money is in the ledger."""

    __tablename__ = "programme"

    programme_id: UUID = Field(primary_key=True)
    funder_id: UUID = Field(index=True)
    name: str
    kind: VoucherKind = Field(sa_type=words(VoucherKind))
    currency: str
    opens_on: date
    closes_on: date
    time_zone: str
    terms_epoch: int
    terms_n: int
    state_aid: StateAid = Field(default=StateAid.NONE, sa_type=words(StateAid))
    granting_country: str | None = None
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
