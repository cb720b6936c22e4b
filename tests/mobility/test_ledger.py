"""The ledger's arithmetic, searched by Hypothesis: no sequence of steps overspends or unbalances it."""

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.mobility.ledger import (
    ZERO,
    Account,
    Entry,
    LedgerRefusalError,
    Occasion,
    balances,
    check,
    held,
    lines,
    verify,
)
from services.mobility.voucher_states import HOLDS_RESERVATION, POSTINGS, VoucherAction, after
from shared.contracts.mobility import VoucherState
from shared.ids import new_id

CENTS = st.integers(1, 50_000).map(lambda cents: Decimal(cents) / 100)


class Book:
    """A ledger in memory, kept as the use cases keep it: check under the lock, then append."""

    def __init__(self, guarded: bool = True) -> None:
        self.entries: list[Entry] = []
        self.guarded = guarded

    def move(self, occasion: Occasion, amount: Decimal, voucher: UUID | None = None) -> None:
        if self.guarded:
            reserved = held(self.entries, Account.RESERVED).get(voucher, ZERO) if voucher else ZERO
            check(occasion, amount, balances(self.entries).available, reserved)
        movement = new_id()
        for account, signed in lines(occasion, amount):
            self.entries.append(Entry(len(self.entries), movement, account, signed, "EUR", occasion, voucher))


class Programme(RuleBasedStateMachine):
    """Clerks raise and lower the budget and take vouchers through their lives in any order."""

    guarded = True

    def __init__(self) -> None:
        super().__init__()
        self.book = Book(self.guarded)
        self.vouchers: dict[UUID, tuple[VoucherState, Decimal]] = {}

    @rule(amount=CENTS)
    def raise_budget(self, amount: Decimal) -> None:
        self.book.move(Occasion.BUDGETED, amount)

    @rule(amount=CENTS)
    def lower_budget(self, amount: Decimal) -> None:
        self.attempt(Occasion.BUDGET_LOWERED, amount)

    @rule(amount=CENTS)
    def apply(self, amount: Decimal) -> None:
        self.vouchers[new_id()] = (VoucherState.APPLIED, amount)

    @rule(choice=st.integers(0, 30), action=st.sampled_from(VoucherAction), part=st.integers(1, 100))
    def step(self, choice: int, action: VoucherAction, part: int) -> None:
        if not self.vouchers:
            return
        voucher = list(self.vouchers)[choice % len(self.vouchers)]
        state, amount = self.vouchers[voucher]
        new = after(state, action)
        if new is None:
            return
        occasion = POSTINGS.get((state, action))
        if occasion and not self.attempt(occasion, amount, voucher):
            return
        if action is VoucherAction.INVOICE:
            invoiced = max(Decimal("0.01"), (amount * part / 100).quantize(Decimal("0.01")))
            if invoiced < amount:
                assert self.attempt(Occasion.RELEASED, amount - invoiced, voucher)
            amount = invoiced
        self.vouchers[voucher] = (new, amount)

    def attempt(self, occasion: Occasion, amount: Decimal, voucher: UUID | None = None) -> bool:
        try:
            self.book.move(occasion, amount, voucher)
        except LedgerRefusalError:
            return False
        return True

    @invariant()
    def the_books_balance_and_agree_with_the_vouchers(self) -> None:
        reserved = {v: amount for v, (state, amount) in self.vouchers.items() if state in HOLDS_RESERVATION}
        paid = {v: amount for v, (state, amount) in self.vouchers.items() if state is VoucherState.PAID}
        verification = verify(self.book.entries, reserved, paid)
        assert verification.balanced, verification.problems
        found = verification.balances
        assert found.budget == found.available + found.reserved + found.paid
        assert min(found.available, found.reserved, found.paid) >= 0


TestProgramme = Programme.TestCase
TestProgramme.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


class Unguarded(Programme):
    """Negative control: the same clerks without the check."""

    guarded = False


def test_control_without_the_check_the_same_steps_overspend() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    quick = settings(max_examples=60, stateful_step_count=40, deadline=None, database=None, derandomize=True)
    with pytest.raises(AssertionError, match="overdraws"):
        run_state_machine_as_test(Unguarded, settings=quick)


@pytest.fixture
def book() -> Book:
    made = Book()
    voucher = new_id()
    made.move(Occasion.BUDGETED, Decimal("1000.00"))
    made.move(Occasion.RESERVED, Decimal("780.00"), voucher)
    made.move(Occasion.RELEASED, Decimal("80.00"), voucher)
    made.move(Occasion.PAID, Decimal("700.00"), voucher)
    return made


def test_balances_are_the_sums_of_their_entries(book: Book) -> None:
    found = balances(book.entries)
    assert (found.budget, found.available, found.reserved, found.paid, found.released) == tuple(
        map(Decimal, ("1000.00", "300.00", "0.00", "700.00", "80.00"))
    )
    assert verify(book.entries).balanced


def test_the_last_cent_can_be_reserved_and_not_one_more() -> None:
    check(Occasion.RESERVED, Decimal("10.00"), Decimal("10.00"), ZERO)
    with pytest.raises(LedgerRefusalError) as refusal:
        check(Occasion.RESERVED, Decimal("10.01"), Decimal("10.00"), ZERO)
    assert refusal.value.rule == "budget-available"


@pytest.mark.parametrize("amount", ["0", "-1.00", "0.001"])
def test_only_positive_whole_cents_move(amount: str) -> None:
    with pytest.raises(LedgerRefusalError) as refusal:
        lines(Occasion.RESERVED, Decimal(amount))
    assert refusal.value.rule == "positive-cents"


def test_verification_finds_a_lost_line(book: Book) -> None:
    assert "add up" in verify(book.entries[:-1]).problems[0]


def test_verification_finds_a_changed_amount(book: Book) -> None:
    book.entries[-1] = replace(book.entries[-1], amount=Decimal("700.01"))
    assert not verify(book.entries).balanced


def test_verification_finds_a_movement_into_the_wrong_account(book: Book) -> None:
    book.entries[-1] = replace(book.entries[-1], account=Account.AVAILABLE)
    assert any("occasion" in problem for problem in verify(book.entries).problems)


def test_verification_finds_mixed_currencies(book: Book) -> None:
    book.entries[0] = replace(book.entries[0], currency="GBP")
    assert "the ledger mixes currencies" in verify(book.entries).problems


def test_verification_finds_a_payment_beyond_its_reservation(book: Book) -> None:
    other = Book(guarded=False)
    other.entries = list(book.entries)
    other.move(Occasion.PAID, Decimal("1.00"), new_id())
    assert any("overdraws reserved" in problem for problem in verify(other.entries).problems)


def test_verification_finds_a_voucher_that_was_paid_without_saying_so(book: Book) -> None:
    problems = verify(book.entries, reserved={}, paid={}).problems
    assert len(problems) == 1
    assert "700.00 paid in the ledger, 0.00 by its state" in problems[0]
