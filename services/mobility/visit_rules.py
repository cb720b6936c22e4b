"""Rules of visits as data, judged one by one. The shipped figures are in ``rules/visits.json``.

Source of the rules: the ClusterXchange pattern (short exchanges of SMEs between profiled clusters).
"""

import json
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from services.mobility.dated import DatedRule, in_force
from services.mobility.facts import VisitFacts
from services.mobility.verdict import Finding, Verdict
from services.mobility.working_days import add_months
from shared.contracts.mobility import Party, VisitKind
from shared.contracts.profiles import OrganisationKind

SHIPPED = Path(__file__).parent / "rules" / "visits.json"


class DifferentCountries(DatedRule):
    """Visitor and host lie in different countries."""

    rule: Literal["different-countries"]

    def judge(self, facts: VisitFacts) -> Finding:
        passed = facts.visitor.country != facts.host.country
        words = "are in different countries" if passed else "are in the same country; a visit must cross a border"
        detail = f"{facts.visitor} and {facts.host} {words}."
        return self.finding(passed, detail, visitor=facts.visitor.country, host=facts.host.country)


class BothInACluster(DatedRule):
    """Each side's hub is a cluster organisation that the side is a member of (or the cluster itself)."""

    rule: Literal["both-in-a-cluster"]

    def judge(self, facts: VisitFacts) -> Finding:
        strangers = []
        for side, hub in ((Party.VISITOR, Party.VISITOR_HUB), (Party.HOST, Party.HOST_HUB)):
            organisation, cluster = facts.parties[side], facts.parties[hub]
            if cluster.id not in organisation.clusters and cluster.id != organisation.id:
                strangers.append(f"{organisation} is not a member of {cluster}")
        detail = "; ".join(strangers) + "." if strangers else "Visitor and host are members of their hubs' clusters."
        hubs = {str(p): str(facts.parties[p]) for p in (Party.VISITOR_HUB, Party.HOST_HUB)}
        return self.finding(not strangers, detail, **hubs)


class ShortestStay(DatedRule):
    """At least so many working days in the host's country."""

    rule: Literal["shortest-stay"]
    working_days: int = Field(ge=1, le=366)

    def judge(self, facts: VisitFacts) -> Finding:
        passed = facts.working_days >= self.working_days
        detail = (
            f"{facts.starts_on} to {facts.ends_on} has {facts.working_days} working days in {facts.host.country}; "
            f"at least {self.working_days} are needed."
        )
        return self.finding(passed, detail, working_days=facts.working_days, at_least=self.working_days)


class LongestStay(DatedRule):
    """At most so many months, first and last day included."""

    rule: Literal["longest-stay"]
    months: int = Field(ge=1, le=24)

    def judge(self, facts: VisitFacts) -> Finding:
        last = add_months(facts.starts_on, self.months) - timedelta(days=1)
        detail = f"A visit from {facts.starts_on} may last until {last}; this one ends on {facts.ends_on}."
        return self.finding(facts.ends_on <= last, detail, ends_on=facts.ends_on, latest=last)


class VisitsPerVisitor(DatedRule):
    """A person may be the visitor so many times; a host may host any number of times."""

    rule: Literal["visits-per-visitor"]
    at_most: int = Field(ge=1)

    def judge(self, facts: VisitFacts) -> Finding:
        passed = facts.earlier_visits < self.at_most
        detail = f"This person has {facts.earlier_visits} earlier visits of this kind; {self.at_most} may be made."
        return self.finding(passed, detail, earlier_visits=facts.earlier_visits, at_most=self.at_most)


class EnteredInTime(DatedRule):
    """A visit is entered before it starts, or at most so many days after its start."""

    rule: Literal["entered-in-time"]
    days_after_start: int = Field(ge=0)

    def judge(self, facts: VisitFacts) -> Finding:
        latest = facts.starts_on + timedelta(days=self.days_after_start)
        detail = f"A visit that starts on {facts.starts_on} must be entered by {latest}; today is {facts.requested_on}."
        return self.finding(facts.requested_on <= latest, detail, today=facts.requested_on, latest=latest)


VisitRule = Annotated[
    DifferentCountries | BothInACluster | ShortestStay | LongestStay | VisitsPerVisitor | EnteredInTime,
    Field(discriminator="rule"),
]
RULES_BY_KIND = TypeAdapter(dict[VisitKind, tuple[VisitRule, ...]])


@lru_cache(maxsize=1)
def shipped_rules() -> dict[VisitKind, tuple[VisitRule, ...]]:
    """Read the rules that come with the software."""
    return RULES_BY_KIND.validate_python(json.loads(SHIPPED.read_text(encoding="utf-8")))


def structural(facts: VisitFacts) -> list[Finding]:
    """Judge what holds for every visit of every kind, whatever the data say."""
    gone = [str(each) for each in facts.parties.values() if not each.active]
    hubs = [facts.parties[Party.VISITOR_HUB], facts.parties[Party.HOST_HUB]]
    no_hubs = [str(each) for each in hubs if each.kind is not OrganisationKind.CLUSTER]
    findings = [
        _structural("active-organisations", gone, "All parties take part.", "{} no longer takes part."),
        _structural("hub-is-a-cluster", no_hubs, "Both hubs are clusters.", "{} is no cluster organisation."),
        Finding(
            rule="two-organisations",
            passed=facts.visitor.id != facts.host.id,
            detail="Visitor and host are two organisations."
            if facts.visitor.id != facts.host.id
            else "An organisation can't visit itself.",
        ),
        Finding(
            rule="dates-in-order",
            passed=facts.starts_on <= facts.ends_on,
            detail=f"The visit starts on {facts.starts_on} and ends on {facts.ends_on}.",
        ),
        _person(facts),
    ]
    if facts.connected is not None:
        words = "joins" if facts.connected else "does not join"
        findings.append(
            Finding(
                rule="known-connection",
                passed=facts.connected,
                detail=f"The named connection {words} {facts.visitor} and {facts.host}.",
            )
        )
    return findings


def _structural(rule: str, offenders: list[str], fine: str, fault: str) -> Finding:
    return Finding(rule=rule, passed=not offenders, detail=fault.format(", ".join(offenders)) if offenders else fine)


def _person(facts: VisitFacts) -> Finding:
    if not facts.person_known:
        return Finding(rule="visitor-is-known", passed=False, detail="The visiting person is not known here.")
    words = "works" if facts.person_belongs else "does not work"
    return Finding(
        rule="visitor-is-known",
        passed=facts.person_belongs,
        detail=f"The visiting person {words} for {facts.visitor}.",
    )


def judge(facts: VisitFacts, rules: tuple[VisitRule, ...]) -> Verdict:
    """Judge a visit by the rules in force on the day it is requested."""
    dated = [rule.judge(facts) for rule in in_force(rules, facts.requested_on)]
    return Verdict(findings=(*structural(facts), *dated))
