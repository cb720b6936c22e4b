"""Rules of programmes as data: who may claim, for what, how much. Judged in the order eligibility, then amount.

A rule record is one of the classes below; a programme carries a list of them. A further kind of rule is one more
class in :data:`ProgrammeRule`. Examples with their sources lie in ``programmes/``.
"""

from collections.abc import Iterable
from decimal import ROUND_DOWN, Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from services.mobility.dated import DatedRule
from services.mobility.facts import Application
from services.mobility.ledger import CENT
from services.mobility.verdict import Finding
from shared.contracts.mobility import VisitState
from shared.contracts.profiles import OrganisationKind
from shared.reference import COUNTRIES

Amount = Annotated[Decimal, Field(gt=0, max_digits=14, decimal_places=2)]
Percent = Annotated[Decimal, Field(gt=0, le=100, max_digits=5, decimal_places=2)]


def _known_country(code: str) -> str:
    if code not in COUNTRIES:
        raise ValueError(f"{code[:10]!r} is no ISO 3166 country code")
    return code


Country = Annotated[str, AfterValidator(_known_country)]
Countries = Annotated[tuple[Country, ...], Field(min_length=1, max_length=250)]


class EligibilityRule(DatedRule):
    """A rule that says yes or no."""

    def judge(self, claim: Application) -> Finding:
        raise NotImplementedError


class ApplicantCountry(EligibilityRule):
    """The beneficiary's country is one of these."""

    rule: Literal["applicant-country"]
    countries: Countries

    def judge(self, claim: Application) -> Finding:
        country = claim.beneficiary.country
        passed = country in self.countries
        detail = f"{claim.beneficiary} {'may' if passed else 'may not'} apply: open to {', '.join(self.countries)}."
        return self.finding(passed, detail, country=country, eligible=", ".join(self.countries))


class CounterpartCountry(EligibilityRule):
    """The host's (travel) or provider's (innovation) country is one of these."""

    rule: Literal["counterpart-country"]
    countries: Countries

    def judge(self, claim: Application) -> Finding:
        other = claim.counterpart
        passed = other is not None and other.country in self.countries
        detail = f"Host or provider {other or 'not named'}: eligible are {', '.join(self.countries)}."
        country = other.country if other else ""
        return self.finding(passed, detail, country=country, eligible=", ".join(self.countries))


class CrossBorder(EligibilityRule):
    """Beneficiary and counterpart lie in different countries."""

    rule: Literal["cross-border"]

    def judge(self, claim: Application) -> Finding:
        other = claim.counterpart
        passed = other is not None and other.country != claim.beneficiary.country
        words = "in different countries" if passed else "not in different countries"
        detail = f"{claim.beneficiary} and {other or 'nobody'} are {words}."
        return self.finding(passed, detail, beneficiary=claim.beneficiary.country, other=other.country if other else "")


class BeneficiaryKind(EligibilityRule):
    """Only organisations of these kinds may claim."""

    rule: Literal["beneficiary-kind"]
    kinds: tuple[OrganisationKind, ...] = Field(min_length=1)

    def judge(self, claim: Application) -> Finding:
        passed = claim.beneficiary.kind in self.kinds
        kinds = ", ".join(self.kinds)
        detail = f"{claim.beneficiary} is of kind {claim.beneficiary.kind}; the programme is for {kinds}."
        return self.finding(passed, detail, kind=claim.beneficiary.kind, eligible=kinds)


class ProviderKind(EligibilityRule):
    """Only providers of these kinds are paid."""

    rule: Literal["provider-kind"]
    kinds: tuple[OrganisationKind, ...] = Field(min_length=1)

    def judge(self, claim: Application) -> Finding:
        passed = claim.provider is not None and claim.provider.kind in self.kinds
        kinds = ", ".join(self.kinds)
        kind = claim.provider.kind if claim.provider else ""
        return self.finding(passed, f"The provider is of kind {kind or 'unknown'}; paid are {kinds}.", kind=kind)


class AmountRule(DatedRule):
    """A rule that says how much: takes the amount so far and returns it changed."""

    def judge(self, claim: Application, amount: Decimal) -> tuple[Finding, Decimal]:
        raise NotImplementedError


class Band(BaseModel):
    """A lump sum from so many working days on; ``countries`` (of the host) empty means all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    from_working_days: int = Field(ge=1, le=366)
    amount: Amount
    countries: tuple[Country, ...] = Field(default=(), max_length=250)

    def fits(self, claim: Application) -> bool:
        visit = claim.visit
        return (
            visit is not None
            and visit.working_days >= self.from_working_days
            and (not self.countries or visit.host.country in self.countries)
        )


class LumpSum(AmountRule):
    """A fixed sum by length of stay and host country; the longest band that fits counts."""

    rule: Literal["lump-sum"]
    bands: tuple[Band, ...] = Field(min_length=1, max_length=100)

    def judge(self, claim: Application, amount: Decimal) -> tuple[Finding, Decimal]:
        days = claim.visit.working_days if claim.visit else 0
        fitting = [band for band in self.bands if band.fits(claim)]
        if not fitting:
            detail = f"There is no lump sum for a stay of {days} working days there."
            return self.finding(False, detail, working_days=days), amount
        band = max(fitting, key=lambda each: (each.from_working_days, bool(each.countries)))
        detail = f"{days} working days: lump sum of {band.amount} {claim.currency}."
        return self.finding(True, detail, working_days=days, amount=band.amount), band.amount


class ReducedLumpSum(AmountRule):
    """A part of the lump sum for a stay under so many working days and/or a journey under so many kilometres."""

    rule: Literal["reduced-lump-sum"]
    percent: Percent
    under_working_days: int | None = Field(default=None, ge=1)
    under_km: int | None = Field(default=None, ge=1)

    def judge(self, claim: Application, amount: Decimal) -> tuple[Finding, Decimal]:
        days = claim.visit.working_days if claim.visit else 0
        short = self.under_working_days is not None and days < self.under_working_days
        near = self.under_km is not None and claim.distance_km is not None and claim.distance_km < self.under_km
        reduced = share(amount, self.percent) if short or near else amount
        why = " and ".join(
            words
            for holds, words in (
                (short, f"under {self.under_working_days} working days"),
                (near, f"under {self.under_km} km"),
            )
            if holds
        )
        detail = f"{self.percent} % because {why}: {reduced}." if why else "Neither short nor near: the full sum."
        if self.under_km is not None and claim.distance_km is None:
            detail += " No distance was declared; the clerk checks it before issuing."
        distance = "not declared" if claim.distance_km is None else claim.distance_km
        return self.finding(True, detail, working_days=days, distance_km=distance, amount=reduced), reduced


class CoFinancing(AmountRule):
    """The programme pays this share of the provider's price; the firm pays the rest."""

    rule: Literal["co-financing"]
    percent: Percent

    def judge(self, claim: Application, amount: Decimal) -> tuple[Finding, Decimal]:
        paid = share(amount, self.percent)
        detail = f"{self.percent} % of {amount} {claim.currency} is {paid}; the firm pays {amount - paid} itself."
        return self.finding(True, detail, cost=amount, percent=self.percent, amount=paid), paid


class Cap(AmountRule):
    """At most this much per voucher."""

    rule: Literal["cap"]
    amount: Amount

    def judge(self, claim: Application, amount: Decimal) -> tuple[Finding, Decimal]:
        capped = min(amount, self.amount)
        words = f"cut to the cap of {self.amount}" if capped < amount else f"within the cap of {self.amount}"
        return self.finding(True, f"{amount} {claim.currency} is {words}.", amount=capped, cap=self.amount), capped


class Validity(DatedRule):
    """An issued voucher lapses so many months after its issue."""

    rule: Literal["validity"]
    months: int = Field(ge=1, le=60)


class CompletedVisitBeforePayment(DatedRule):
    """Evidence precedes payment: nothing is paid before the visit is completed by its report.

    That holds in every programme (``vouchers.pay``); the rule puts its source into the verdict.
    """

    rule: Literal["completed-visit-before-payment"]


class VisitStates(EligibilityRule):
    """The visit must be in one of these states when the claim is made."""

    rule: Literal["visit-state"]
    states: tuple[VisitState, ...] = Field(min_length=1)

    def judge(self, claim: Application) -> Finding:
        state = claim.visit.state if claim.visit else None
        states = ", ".join(self.states)
        detail = f"The visit is {state or 'not named'}; it must be {states}."
        return self.finding(state in self.states, detail, state=state or "", eligible=states)


ProgrammeRule = Annotated[
    ApplicantCountry
    | CounterpartCountry
    | CrossBorder
    | BeneficiaryKind
    | ProviderKind
    | VisitStates
    | LumpSum
    | ReducedLumpSum
    | CoFinancing
    | Cap
    | Validity
    | CompletedVisitBeforePayment,
    Field(discriminator="rule"),
]


class Rules(BaseModel):
    """A programme's rules. Without a validity no voucher could ever lapse, so one is demanded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[ProgrammeRule, ...] = Field(max_length=100)

    @model_validator(mode="after")
    def _complete(self) -> "Rules":
        check_complete(self.rules)
        return self


def check_complete(rules: Iterable[DatedRule]) -> None:
    """Raise ``ValueError`` unless vouchers lapse one day."""
    if not any(isinstance(rule, Validity) for rule in rules):
        raise ValueError("a programme needs a rule 'validity'")


def share(amount: Decimal, percent: Decimal) -> Decimal:
    """Return ``percent`` of ``amount``, rounded down: a rate is a ceiling, not even half a cent may exceed it."""
    return (amount * percent / 100).quantize(CENT, ROUND_DOWN)
