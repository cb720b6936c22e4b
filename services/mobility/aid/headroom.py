"""How much small aid an undertaking may still be granted: pure arithmetic over what was granted and declared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services.mobility.aid.rules import AidRules, Ceiling
from services.mobility.ledger import ZERO
from services.mobility.verdict import Finding
from shared.contracts.mobility import StateAid


@dataclass(frozen=True)
class Counted:
    """Aid that counts: what is left of an award, or what was declared; ``amount`` is in the ceiling's currency."""

    regulation: StateAid
    granted_on: date
    amount: Decimal
    declared: bool = False


@dataclass(frozen=True)
class Level:
    """How full one ceiling is since the first day that counts."""

    ceiling: Ceiling
    since: date
    used: Decimal

    @property
    def left(self) -> Decimal:
        """What fits under the ceiling; never below zero, though declarations can exceed it."""
        return max(ZERO, self.ceiling.amount - self.used)

    def judge(self, amount: Decimal) -> Finding:
        """Say whether ``amount`` still fits. If it does not, none of it may be granted as small aid (Article 3(7))."""
        whole, currency = self.ceiling.amount, self.ceiling.currency
        fits = amount <= whole - self.used
        detail = (
            f"{self.used} {currency} of small aid since {self.since} and {amount} now "
            f"{'stay within' if fits else 'would exceed'} the ceiling of {whole} {currency}; {self.left} is left."
        )
        inputs = {"used": self.used, "amount": amount, "ceiling": whole, "left": self.left, "since": self.since}
        return self.ceiling.finding(fits, detail, regulation=self.ceiling.regulation, **inputs)


@dataclass(frozen=True)
class Headroom:
    """The ceilings that new aid of one kind in one country must keep to, on one day, and how full each is."""

    country: str
    regulation: StateAid
    on: date
    levels: tuple[Level, ...]

    @property
    def left(self) -> Decimal | None:
        """What may still be granted under all of the ceilings; ``None`` where there is none."""
        return min((each.left for each in self.levels), default=None)

    @property
    def currency(self) -> str | None:
        """The currency of the ceilings."""
        return self.levels[0].ceiling.currency if self.levels else None

    def judge(self, amount: Decimal) -> tuple[Finding, ...]:
        """Judge new aid of ``amount`` (in the ceilings' currency) by each ceiling."""
        return tuple(each.judge(amount) for each in self.levels)


def measure(rules: AidRules, country: str, regulation: StateAid, on: date, counted: Sequence[Counted]) -> Headroom:
    """Measure each ceiling that binds aid of this kind by what counts on that day.

    Nothing is left out for being dated later than ``on``: two funders of one country can live on different days.
    """
    levels = []
    for ceiling in rules.binding(country, regulation, on):
        since = ceiling.window.since(on)
        levels.append(Level(ceiling, since, _sum(each for each in counted if _fills(each, ceiling, since))))
    return Headroom(country, regulation, on, tuple(levels))


def earliest(rules: AidRules, country: str, on: date) -> date:
    """Return the first day that counts under any ceiling of the country; ``on`` itself if there is none."""
    ceilings = {each for kind in StateAid for each in rules.binding(country, kind, on)}
    return min((each.window.since(on) for each in ceilings), default=on)


def _fills(aid: Counted, ceiling: Ceiling, since: date) -> bool:
    return aid.regulation in ceiling.counts and aid.granted_on >= since


def _sum(counted: Iterable[Counted]) -> Decimal:
    return sum((each.amount for each in counted), ZERO)
