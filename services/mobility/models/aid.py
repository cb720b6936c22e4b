"""Tables of small state aid: awards with their lines, and declarations of aid from elsewhere."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.mobility.models.base import AMOUNT, MOMENT, Base, Versioned, words
from shared.contracts.mobility import StateAid


class AidAward(Versioned, table=True):
    """Small aid granted with a voucher; what is left of it is the sum of its lines.

    ``undertaking``: the group that the beneficiary belonged to, so that its aid still counts once it is erased.
    ``rate``: units of ``currency`` for one of ``ceiling_currency`` on the day of the grant.
    ``reported_amount``: what the country's register says; where it differs from what is left, a correction is due.
    """

    __tablename__ = "aid_award"
    __table_args__ = (
        sa.Index("aid_award_counted", "country", "beneficiary_id", "granted_on"),
        sa.CheckConstraint("rate > 0", name="positive_rate"),
    )

    award_id: UUID = Field(primary_key=True)
    voucher_id: UUID = Field(foreign_key="voucher.voucher_id", unique=True)
    programme_id: UUID = Field(foreign_key="programme.programme_id")
    funder_id: UUID = Field(index=True)
    beneficiary_id: UUID = Field(index=True)
    undertaking: str | None = Field(default=None, index=True)
    country: str
    regulation: StateAid = Field(sa_type=words(StateAid))
    currency: str
    ceiling_currency: str
    rate: Decimal = Field(sa_type=sa.Numeric(18, 8))
    granted_on: date
    due_on: date | None = None
    reported_amount: Decimal | None = Field(default=None, sa_type=AMOUNT)
    reported_at: datetime | None = Field(default=None, sa_type=MOMENT)
    reported_by: UUID | None = None
    register_reference: str | None = None
    changed_at: datetime = Field(sa_type=MOMENT)


class AidLine(Base, table=True):
    """One line of the register: a grant, or what was taken back of it. Triggers refuse UPDATE, DELETE and TRUNCATE.

    ``amount`` is in the award's currency, ``counted`` in the ceiling's; both are signed.
    """

    __tablename__ = "aid_line"
    __table_args__ = (
        sa.CheckConstraint("amount <> 0", name="not_nothing"),
        # A voucher grants its aid once, whatever the code above does.
        sa.Index("aid_line_granted_once", "award_id", unique=True, postgresql_where=sa.text("amount > 0")),
    )

    sequence: int | None = Field(
        default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    )
    award_id: UUID = Field(foreign_key="aid_award.award_id", index=True)
    amount: Decimal = Field(sa_type=AMOUNT)
    counted: Decimal = Field(sa_type=AMOUNT)
    occasion: str
    made_by: UUID | None = None
    made_at: datetime = Field(sa_type=MOMENT)


class AidDeclaration(Versioned, table=True):
    """What an organisation has signed for its undertaking in one country; never changed, the newest counts.

    ``items``: regulation, day, amount as given, ``counted`` in the ceiling's currency, authority, reference.
    """

    __tablename__ = "aid_declaration"
    __table_args__ = (sa.Index("aid_declaration_newest", "organisation_id", "country", "declaration_id"),)

    declaration_id: UUID = Field(primary_key=True)
    organisation_id: UUID
    undertaking: str | None = Field(default=None, index=True)
    country: str
    wording: str
    items: list[dict[str, Any]] = Field(sa_type=JSONB)
    declared_by: UUID
    declared_on: date
    declared_at: datetime = Field(sa_type=MOMENT)


class AidRate(Base, table=True):
    """So many units of ``currency`` were one of ``base`` from the first to the last day; as an operator entered it."""

    __tablename__ = "aid_rate"
    __table_args__ = (
        sa.Index("aid_rate_by_day", "currency", "base", "valid_from"),
        sa.CheckConstraint("rate > 0", name="positive_rate"),
        sa.CheckConstraint("valid_from <= valid_to", name="days_in_order"),
    )

    rate_id: UUID = Field(primary_key=True)
    currency: str
    base: str
    rate: Decimal = Field(sa_type=sa.Numeric(18, 8))
    source: str
    valid_from: date
    valid_to: date
    made_by: UUID
    made_at: datetime = Field(sa_type=MOMENT)
