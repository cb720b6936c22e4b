"""Rules of small state aid as dated data: jurisdictions, ceilings with their windows, registers, declarations, rates.

The figures lie in ``rules.json``, each with its source and the days on which it holds; nothing is written here.
"""

from datetime import date, timedelta
from decimal import ROUND_UP, Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.mobility.dated import DatedRule, in_force
from services.mobility.ledger import CENT
from services.mobility.working_days import add_months, is_working_day
from shared.contracts.mobility import StateAid

FILE = Path(__file__).with_name("rules.json")
LONGEST_DEADLINE = 400
"""Days within which a deadline of so many working days must lie, in any country."""


class AidRefusalError(Exception):
    """Aid that can't be granted or declared so; ``rule`` names why."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule
        self.detail = detail


class Jurisdiction(DatedRule):
    """Countries with the same law; each of them has its own ceiling for every undertaking."""

    rule: Literal["jurisdiction"]
    name: str
    countries: tuple[str, ...]


class RollingYears(BaseModel):
    """The years that end with the day in question.

    The same day so many years before still counts: whichever way a court reads the end of a period, it is kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["rolling_years"]
    years: int = Field(ge=1)

    def since(self, day: date) -> date:
        return add_months(day, -12 * self.years)


class FinancialYears(BaseModel):
    """The running financial year and those before it, ``years`` in all; each begins on ``begins`` (month-day)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["financial_years"]
    years: int = Field(ge=1)
    begins: str = Field(pattern=r"^\d\d-\d\d$")

    def since(self, day: date) -> date:
        month, first = (int(part) for part in self.begins.split("-"))
        begun = (day.month, day.day) >= (month, first)
        return date(day.year + (0 if begun else -1) - (self.years - 1), month, first)


class Ceiling(DatedRule):
    """What one undertaking may be granted in one country within the window.

    ``counts``: aid of these kinds fills it; ``binds``: no aid of these kinds may make it overflow.
    """

    rule: Literal["state-aid-ceiling"]
    jurisdiction: str
    regulation: StateAid
    amount: Decimal
    currency: str
    window: Annotated[RollingYears | FinancialYears, Field(discriminator="kind")]
    counts: frozenset[StateAid]
    binds: frozenset[StateAid]


class Register(DatedRule):
    """Aid granted while this holds is entered in the country's register within so many working days."""

    rule: Literal["state-aid-register"]
    jurisdiction: str
    regulations: frozenset[StateAid]
    working_days: int = Field(ge=1, le=100)


class DeclarationDuty(DatedRule):
    """Before aid is granted, the undertaking declares what else it got; a declaration is good for so many days."""

    rule: Literal["state-aid-declaration"]
    jurisdiction: str
    regulations: frozenset[StateAid]
    good_for_days: int = Field(ge=1)


class Rate(DatedRule):
    """So many units of ``currency`` are one unit of ``base``."""

    rule: Literal["exchange-rate"]
    currency: str
    base: str
    rate: Decimal = Field(gt=0)


class Wording(DatedRule):
    """The text that is signed with a declaration."""

    rule: Literal["declaration-wording"]
    version: str
    text: str


class AidRules(BaseModel):
    """All of the data. The ceilings of one jurisdiction are in one currency, so that its smallest headroom is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jurisdictions: tuple[Jurisdiction, ...]
    ceilings: tuple[Ceiling, ...]
    reporting: tuple[Register, ...]
    declarations: tuple[DeclarationDuty, ...]
    rates: tuple[Rate, ...]
    wordings: tuple[Wording, ...]

    @model_validator(mode="after")
    def _one_currency(self) -> "AidRules":
        if len({(each.jurisdiction, each.currency) for each in self.ceilings}) != len(
            {each.jurisdiction for each in self.ceilings}
        ):
            raise ValueError("a jurisdiction has ceilings in two currencies")
        return self

    def jurisdiction(self, country: str, on: date) -> str | None:
        """Return the name of the jurisdiction that the country belongs to on that day."""
        return next((each.name for each in in_force(self.jurisdictions, on) if country in each.countries), None)

    def binding(self, country: str, regulation: StateAid, on: date) -> tuple[Ceiling, ...]:
        """Return the ceilings that new aid of this kind must keep to; none where nothing is known of the country."""
        name = self.jurisdiction(country, on)
        return tuple(
            each for each in in_force(self.ceilings, on) if each.jurisdiction == name and regulation in each.binds
        )

    def currency(self, country: str, on: date) -> str | None:
        """Return the currency of the country's ceilings."""
        name = self.jurisdiction(country, on)
        return next((each.currency for each in in_force(self.ceilings, on) if each.jurisdiction == name), None)

    def due_on(self, country: str, regulation: StateAid, granted_on: date) -> date | None:
        """Return the last day for the register, counted in the granting country's working days; ``None``: no duty.

        The day of the grant itself does not count (Regulation (EEC, Euratom) No 1182/71, Article 3(1)).
        """
        name = self.jurisdiction(country, granted_on)
        for each in in_force(self.reporting, granted_on):
            if each.jurisdiction == name and regulation in each.regulations:
                return _working_days_after(granted_on, each.working_days, country)
        return None

    def declaration_duty(self, country: str, regulation: StateAid, on: date) -> DeclarationDuty | None:
        """Return what must have been declared before aid is granted on that day."""
        name = self.jurisdiction(country, on)
        duties = (each for each in in_force(self.declarations, on) if each.jurisdiction == name)
        return next((each for each in duties if regulation in each.regulations), None)

    def rate(self, currency: str, base: str, on: date) -> Decimal:
        """Return the units of ``currency`` for one of ``base``; raises ``aid-currency`` where no rate is on record."""
        if currency == base:
            return Decimal(1)
        for each in in_force(self.rates, on):
            if (each.currency, each.base) == (currency, base):
                return each.rate
        raise AidRefusalError("aid-currency", f"The ceiling is in {base}; no rate for {currency} is on record.")

    def wording(self, on: date) -> Wording:
        """Return the text that a declaration of that day signs."""
        return in_force(self.wordings, on)[-1]


@lru_cache
def aid_rules() -> AidRules:
    """Return the shipped data, read once."""
    return AidRules.model_validate_json(FILE.read_text(encoding="utf-8"))


def converted(amount: Decimal, rate: Decimal) -> Decimal:
    """Return an amount in the ceiling's currency, rounded up: not even half a cent may slip over a ceiling."""
    return (amount / rate).quantize(CENT, ROUND_UP)


def _working_days_after(day: date, count: int, country: str) -> date:
    for offset in range(1, LONGEST_DEADLINE):
        later = day + timedelta(days=offset)
        count -= is_working_day(later, country)
        if not count:
            return later
    raise ValueError(f"{country} has no working days")
