"""The ledger's arithmetic: double entries, derived balances, and the check that an auditor can repeat.

Every movement takes an amount from one account and puts it into another, so all entries of one movement add up
to zero. Nothing is ever changed or deleted; a balance is the sum of its entries and is stored nowhere.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

ZERO = Decimal("0.00")
CENT = Decimal("0.01")


class Account(StrEnum):
    """``funder`` is where the budget comes from: its balance is the budget with a minus sign."""

    FUNDER = "funder"
    AVAILABLE = "available"
    RESERVED = "reserved"
    PAID = "paid"


class Occasion(StrEnum):
    """Why money moves."""

    BUDGETED = "budgeted"
    BUDGET_LOWERED = "budget_lowered"
    RESERVED = "reserved"
    RELEASED = "released"
    PAID = "paid"


MOVES: dict[Occasion, tuple[Account, Account]] = {
    Occasion.BUDGETED: (Account.FUNDER, Account.AVAILABLE),
    Occasion.BUDGET_LOWERED: (Account.AVAILABLE, Account.FUNDER),
    Occasion.RESERVED: (Account.AVAILABLE, Account.RESERVED),
    Occasion.RELEASED: (Account.RESERVED, Account.AVAILABLE),
    Occasion.PAID: (Account.RESERVED, Account.PAID),
}
"""occasion → (from account, to account)"""


@dataclass(frozen=True)
class Entry:
    """One line: ``amount`` is signed; the lines of one ``movement_id`` add up to zero."""

    sequence: int
    movement_id: UUID
    account: Account
    amount: Decimal
    currency: str
    occasion: Occasion
    voucher_id: UUID | None = None


@dataclass(frozen=True)
class Balances:
    """Sums derived from the entries; ``released`` is what returned from reservations to ``available``."""

    budget: Decimal = ZERO
    available: Decimal = ZERO
    reserved: Decimal = ZERO
    paid: Decimal = ZERO
    released: Decimal = ZERO


@dataclass(frozen=True)
class Verification:
    """Result of :func:`verify`: ``problems`` says in words what does not add up."""

    balances: Balances
    problems: tuple[str, ...]

    @property
    def balanced(self) -> bool:
        return not self.problems


class LedgerRefusalError(Exception):
    """A movement that would break the ledger; ``rule`` names why."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule
        self.detail = detail


def lines(occasion: Occasion, amount: Decimal) -> tuple[tuple[Account, Decimal], ...]:
    """Return the two lines of a movement of a positive ``amount`` with at most two decimals."""
    if amount <= 0 or amount != amount.quantize(CENT):
        raise LedgerRefusalError("positive-cents", f"{amount} is not a positive amount in whole cents.")
    source, target = MOVES[occasion]
    return ((source, -amount), (target, amount))


def check(occasion: Occasion, amount: Decimal, available: Decimal, reserved_for_voucher: Decimal) -> None:
    """Raise :class:`LedgerRefusalError` if the movement would overspend, given balances read under the lock."""
    source, _ = MOVES[occasion]
    if source is Account.AVAILABLE and amount > available:
        raise LedgerRefusalError("budget-available", f"Only {available} is left of the budget, {amount} is needed.")
    if source is Account.RESERVED and amount > reserved_for_voucher:
        raise LedgerRefusalError(
            "reservation-covers", f"Only {reserved_for_voucher} is reserved for this voucher, {amount} is needed."
        )


def balances(entries: Iterable[Entry]) -> Balances:
    """Add up the entries."""
    sums: dict[Account, Decimal] = defaultdict(lambda: ZERO)
    released = ZERO
    for entry in entries:
        sums[entry.account] += entry.amount
        if entry.occasion is Occasion.RELEASED and entry.account is Account.AVAILABLE:
            released += entry.amount
    return Balances(
        budget=-sums[Account.FUNDER],
        available=sums[Account.AVAILABLE],
        reserved=sums[Account.RESERVED],
        paid=sums[Account.PAID],
        released=released,
    )


def held(entries: Iterable[Entry], account: Account) -> dict[UUID, Decimal]:
    """Return what each voucher holds in ``account``, without those that hold nothing."""
    sums: dict[UUID, Decimal] = defaultdict(Decimal)
    for entry in entries:
        if entry.account is account and entry.voucher_id:
            sums[entry.voucher_id] += entry.amount
    return {voucher: amount for voucher, amount in sums.items() if amount}


def verify(
    entries: Sequence[Entry],
    reserved: Mapping[UUID, Decimal] | None = None,
    paid: Mapping[UUID, Decimal] | None = None,
) -> Verification:
    """Check one programme's whole ledger, oldest entry first.

    ``reserved`` and ``paid`` are the amounts that the vouchers' states call for; when given, they must agree with
    what the ledger holds for each voucher.
    """
    problems = [*_movement_problems(entries), *_overdraft_problems(entries)]
    for account, expected in ((Account.RESERVED, reserved), (Account.PAID, paid)):
        if expected is not None:
            found = held(entries, account)
            problems += [
                f"voucher {voucher}: {found.get(voucher, ZERO)} {account} in the ledger, "
                f"{expected.get(voucher, ZERO)} by its state"
                for voucher in sorted({*found, *expected})
                if found.get(voucher, ZERO) != expected.get(voucher, ZERO)
            ]
    return Verification(balances(entries), tuple(problems))


def _movement_problems(entries: Sequence[Entry]) -> list[str]:
    """Say which movements do not add up to zero, change currency, or are not one of :data:`MOVES`."""
    movements: dict[UUID, list[Entry]] = defaultdict(list)
    for entry in entries:
        movements[entry.movement_id].append(entry)
    problems = []
    for movement, parts in movements.items():
        if sum(part.amount for part in parts):
            problems.append(f"movement {movement} does not add up to zero")
        shape = {part.account for part in parts if part.amount < 0}, {part.account for part in parts if part.amount > 0}
        if any(shape != ({MOVES[part.occasion][0]}, {MOVES[part.occasion][1]}) for part in parts):
            problems.append(f"movement {movement} is not what its occasion says")
    if len({entry.currency for entry in entries}) > 1:
        problems.append("the ledger mixes currencies")
    return problems


def _overdraft_problems(entries: Sequence[Entry]) -> list[str]:
    """Say where an account was overdrawn at any moment, in all or for one voucher."""
    problems = []
    running: dict[tuple[Account, UUID | None], Decimal] = defaultdict(Decimal)
    for entry in sorted(entries, key=lambda each: each.sequence):
        keys: list[tuple[Account, UUID | None]] = [(entry.account, None)]
        if entry.voucher_id and entry.account in (Account.RESERVED, Account.PAID):
            keys.append((entry.account, entry.voucher_id))
        for key in keys:
            running[key] += entry.amount
            if running[key] < 0 and entry.account is not Account.FUNDER:
                problems.append(f"entry {entry.sequence} overdraws {entry.account} to {running[key]}")
    return problems
