"""Judging a claim on a programme: the verdict lists each rule with its inputs and its result in plain words."""

from datetime import date
from decimal import Decimal

from services.mobility.dated import in_force
from services.mobility.facts import Application
from services.mobility.ledger import ZERO
from services.mobility.programme_rules import (
    AmountRule,
    Cap,
    CoFinancing,
    CompletedVisitBeforePayment,
    EligibilityRule,
    LumpSum,
    ReducedLumpSum,
    Rules,
    Validity,
    share,
)
from services.mobility.verdict import Finding, Verdict
from services.mobility.working_days import add_months
from shared.contracts.mobility import VoucherKind

AMOUNT_ORDER: tuple[type[AmountRule], ...] = (LumpSum, ReducedLumpSum, CoFinancing, Cap)
"""However a clerk lists them: first what is asked for, then the share of it, and the cap on what is left."""


def judge(claim: Application, terms: Rules) -> Verdict:
    """Judge by the rules in force on the day of the application. The amount is 0 unless every rule passes."""
    rules = in_force(terms.rules, claim.applied_on)
    findings = structural(claim)
    findings += [rule.judge(claim) for rule in rules if isinstance(rule, EligibilityRule)]
    amount = claim.cost or ZERO
    for rule in sorted((r for r in rules if isinstance(r, AmountRule)), key=lambda r: AMOUNT_ORDER.index(type(r))):
        finding, amount = rule.judge(claim, amount)
        findings.append(finding)
    if claim.kind is VoucherKind.TRAVEL and not any(isinstance(rule, LumpSum) for rule in rules):
        findings.append(_found("lump-sum", False, "The programme has no lump sum in force on this day."))
    findings.append(_validity(claim.applied_on, terms))
    findings += [_payment(rule) for rule in rules if isinstance(rule, CompletedVisitBeforePayment)]
    positive = amount > 0
    words = f"The voucher is worth {amount} {claim.currency}." if positive else "Nothing could be paid."
    findings.append(_found("worth-something", positive, words))
    passed = all(each.passed for each in findings)
    return Verdict(findings=tuple(findings), amount=amount if passed else ZERO)


def structural(claim: Application) -> list[Finding]:
    """Judge what holds in every programme, whatever its rules say."""
    opened = claim.opens_on <= claim.applied_on <= claim.closes_on
    window = f"Applications from {claim.opens_on} to {claim.closes_on}; today is {claim.applied_on}."
    days = {"opens_on": claim.opens_on, "closes_on": claim.closes_on, "applied_on": claim.applied_on}
    findings = [
        _found("open-window", opened, window, **days),
        _found("active-organisations", *_active(claim)),
    ]
    if claim.kind is VoucherKind.TRAVEL:
        own = claim.visit is not None and claim.visit.visitor_id == claim.beneficiary.id
        plain = claim.provider is None and claim.cost is None
        findings += [
            _found("own-visit", own, "A travel voucher is claimed by the visiting organisation for its visit."),
            _found("lump-sum-only", plain, "A travel voucher pays a lump sum; it takes neither provider nor amount."),
        ]
    else:
        named = claim.provider is not None and claim.cost is not None and claim.visit is None
        other = claim.provider is None or claim.provider.id != claim.beneficiary.id
        findings += [
            _found("provider-and-amount", named, "An innovation voucher names a provider and its price, and no visit."),
            _found("other-provider", other, "The provider is another organisation than the beneficiary."),
        ]
    return findings


def expires_on(issued_on: date, applied_on: date, terms: Rules) -> date:
    """Return the last day on which a voucher issued on ``issued_on`` can be invoiced."""
    months = min(rule.months for rule in in_force(terms.rules, applied_on) if isinstance(rule, Validity))
    return add_months(issued_on, months)


def payable(invoiced: Decimal, granted: Decimal, applied_on: date, terms: Rules) -> Decimal | None:
    """Return what is paid for an invoice: the programme's share of it, never more than was granted.

    ``None`` if the invoice exceeds the voucher where nobody pays the rest (no co-financing rule).
    """
    rates = [rule.percent for rule in in_force(terms.rules, applied_on) if isinstance(rule, CoFinancing)]
    if not rates:
        return invoiced if invoiced <= granted else None
    part = invoiced
    for rate in rates:
        part = share(part, rate)
    return min(part, granted)


def _active(claim: Application) -> tuple[bool, str]:
    gone = [str(each) for each in (claim.beneficiary, claim.counterpart) if each and not each.active]
    if gone:
        return False, f"{', '.join(gone)} no longer takes part."
    return True, "All organisations take part."


def _validity(applied_on: date, terms: Rules) -> Finding:
    rule = next((each for each in in_force(terms.rules, applied_on) if isinstance(each, Validity)), None)
    if rule is None:
        return _found("validity", False, "The programme has no validity in force on this day.")
    return rule.finding(True, f"The voucher lapses {rule.months} months after its issue.", months=rule.months)


def _payment(rule: CompletedVisitBeforePayment) -> Finding:
    return rule.finding(True, "Payment waits for the report on the completed visit.")


def _found(rule: str, passed: bool, detail: str, **inputs: object) -> Finding:
    return Finding(rule=rule, passed=passed, detail=detail, inputs={key: str(each) for key, each in inputs.items()})
