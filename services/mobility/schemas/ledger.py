"""Bodies of the ledger."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from shared.contracts.money import Money


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
