"""The table of the ledger."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from services.mobility.ledger import Account, Occasion
from services.mobility.models.base import AMOUNT, MOMENT, Base, words


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
    account: Account = Field(sa_type=words(Account))
    amount: Decimal = Field(sa_type=AMOUNT)
    currency: str
    occasion: Occasion = Field(sa_type=words(Occasion))
    made_by: UUID | None = None
    made_at: datetime = Field(sa_type=MOMENT)
