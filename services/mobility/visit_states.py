"""The life of a visit as a table: this is the documentation of what may follow what."""

from enum import StrEnum

from shared.contracts.mobility import Party, VisitState


class VisitAction(StrEnum):
    """What can be done to a visit. ``sign_last`` is the fourth of the four signatures."""

    SIGN = "sign"
    SIGN_LAST = "sign_last"
    REFUSE = "refuse"
    CANCEL = "cancel"
    REPORT = "report"


TRANSITIONS: dict[tuple[VisitState, VisitAction], VisitState] = {
    (VisitState.REQUESTED, VisitAction.SIGN): VisitState.REQUESTED,
    (VisitState.REQUESTED, VisitAction.SIGN_LAST): VisitState.APPROVED,
    (VisitState.REQUESTED, VisitAction.REFUSE): VisitState.REFUSED,
    (VisitState.REQUESTED, VisitAction.CANCEL): VisitState.CANCELLED,
    (VisitState.APPROVED, VisitAction.CANCEL): VisitState.CANCELLED,
    (VisitState.APPROVED, VisitAction.REPORT): VisitState.COMPLETED,
}

LIVE = (VisitState.REQUESTED, VisitState.APPROVED, VisitState.COMPLETED)
"""States in which the visit takes, or took, the visitor's time."""


def after(state: VisitState, action: VisitAction) -> VisitState | None:
    """Return the state that follows, or ``None`` if the action is not allowed in ``state``."""
    return TRANSITIONS.get((state, action))


def signature(signed: frozenset[Party], party: Party) -> VisitAction:
    """Return which kind of signature ``party`` gives when ``signed`` have signed before."""
    return VisitAction.SIGN_LAST if signed | {party} == frozenset(Party) else VisitAction.SIGN
