"""The state tables: what may follow what, and that nothing else may."""

import itertools

import pytest

from services.mobility import visit_states, voucher_states
from services.mobility.ledger import MOVES, Account, Occasion
from services.mobility.visit_states import VisitAction
from services.mobility.voucher_states import HOLDS_RESERVATION, POSTINGS, VoucherAction
from services.mobility.vouchers import EVENTS
from shared.contracts.mobility import Party, VisitState, VoucherState


def test_a_visit_is_approved_by_its_fourth_signature_in_whatever_order_they_come() -> None:
    for order in itertools.permutations(Party):
        state, signed = VisitState.REQUESTED, frozenset[Party]()
        seen = []
        for party in order:
            following = visit_states.after(state, visit_states.signature(signed, party))
            assert following is not None
            state, signed = following, signed | {party}
            seen.append(state)
        assert seen == [VisitState.REQUESTED] * 3 + [VisitState.APPROVED]


@pytest.mark.parametrize("state", [VisitState.REFUSED, VisitState.CANCELLED, VisitState.COMPLETED])
def test_nothing_follows_the_end_of_a_visit(state: VisitState) -> None:
    assert all(visit_states.after(state, action) is None for action in VisitAction)


def test_a_visit_is_reported_on_only_after_its_approval() -> None:
    allowed = {state for state in VisitState if visit_states.after(state, VisitAction.REPORT)}
    assert allowed == {VisitState.APPROVED}


@pytest.mark.parametrize(
    "state", [VoucherState.PAID, VoucherState.REFUSED, VoucherState.CANCELLED, VoucherState.EXPIRED]
)
def test_nothing_follows_the_end_of_a_voucher(state: VoucherState) -> None:
    assert all(voucher_states.after(state, action) is None for action in VoucherAction)


def test_a_voucher_is_paid_only_after_application_issue_invoice_and_approval() -> None:
    steps = (VoucherAction.ISSUE, VoucherAction.INVOICE, VoucherAction.APPROVE, VoucherAction.PAY)
    state: VoucherState | None = VoucherState.APPLIED
    for step in steps:
        assert state is not None
        state = voucher_states.after(state, step)
    assert state is VoucherState.PAID
    assert {s for s in VoucherState if voucher_states.after(s, VoucherAction.PAY)} == {VoucherState.APPROVED}


def test_every_step_moves_exactly_the_money_that_its_states_call_for() -> None:
    for (old, action), new in voucher_states.TRANSITIONS.items():
        occasion = POSTINGS.get((old, action))
        held_before, holds_after = old in HOLDS_RESERVATION, new in HOLDS_RESERVATION
        if held_before == holds_after:
            assert occasion is None, (old, action)
        elif holds_after:
            assert occasion is Occasion.RESERVED
        else:
            assert occasion is not None, (old, action)
            target = Account.PAID if new is VoucherState.PAID else Account.AVAILABLE
            assert MOVES[occasion] == (Account.RESERVED, target)


def test_every_step_but_the_staff_check_is_told_to_the_others() -> None:
    assert set(VoucherAction) - set(EVENTS) == {VoucherAction.CHECK}
