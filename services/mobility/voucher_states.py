"""The life of a voucher as a table, and what each step does to the ledger."""

from enum import StrEnum

from services.mobility.ledger import Occasion
from shared.contracts.mobility import VoucherState


class VoucherAction(StrEnum):
    """What can be done to a voucher. ``check`` is the first (staff) half of the two-step approval."""

    ISSUE = "issue"
    REFUSE = "refuse"
    CANCEL = "cancel"
    EXPIRE = "expire"
    INVOICE = "invoice"
    CHECK = "check"
    APPROVE = "approve"
    PAY = "pay"


TRANSITIONS: dict[tuple[VoucherState, VoucherAction], VoucherState] = {
    (VoucherState.APPLIED, VoucherAction.ISSUE): VoucherState.ISSUED,
    (VoucherState.APPLIED, VoucherAction.REFUSE): VoucherState.REFUSED,
    (VoucherState.APPLIED, VoucherAction.CANCEL): VoucherState.CANCELLED,
    (VoucherState.ISSUED, VoucherAction.CANCEL): VoucherState.CANCELLED,
    (VoucherState.ISSUED, VoucherAction.EXPIRE): VoucherState.EXPIRED,
    (VoucherState.ISSUED, VoucherAction.INVOICE): VoucherState.INVOICED,
    (VoucherState.INVOICED, VoucherAction.REFUSE): VoucherState.REFUSED,
    (VoucherState.INVOICED, VoucherAction.CANCEL): VoucherState.CANCELLED,
    (VoucherState.INVOICED, VoucherAction.CHECK): VoucherState.INVOICED,
    (VoucherState.INVOICED, VoucherAction.APPROVE): VoucherState.APPROVED,
    (VoucherState.APPROVED, VoucherAction.CANCEL): VoucherState.CANCELLED,
    (VoucherState.APPROVED, VoucherAction.PAY): VoucherState.PAID,
}

POSTINGS: dict[tuple[VoucherState, VoucherAction], Occasion] = {
    (VoucherState.APPLIED, VoucherAction.ISSUE): Occasion.RESERVED,
    (VoucherState.ISSUED, VoucherAction.CANCEL): Occasion.RELEASED,
    (VoucherState.ISSUED, VoucherAction.EXPIRE): Occasion.RELEASED,
    (VoucherState.INVOICED, VoucherAction.REFUSE): Occasion.RELEASED,
    (VoucherState.INVOICED, VoucherAction.CANCEL): Occasion.RELEASED,
    (VoucherState.APPROVED, VoucherAction.CANCEL): Occasion.RELEASED,
    (VoucherState.APPROVED, VoucherAction.PAY): Occasion.PAID,
}
"""Which step moves the voucher's whole amount; an invoice below the voucher releases only the remainder."""

HOLDS_RESERVATION = (VoucherState.ISSUED, VoucherState.INVOICED, VoucherState.APPROVED)
"""States in which the ledger must hold exactly the voucher's amount as reserved."""

ENDED = (VoucherState.REFUSED, VoucherState.CANCELLED, VoucherState.EXPIRED)
"""States in which nothing is reserved or paid, so that the same visit may be claimed again."""


def after(state: VoucherState, action: VoucherAction) -> VoucherState | None:
    """Return the state that follows, or ``None`` if the action is not allowed in ``state``."""
    return TRANSITIONS.get((state, action))
