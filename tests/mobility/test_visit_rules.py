"""Rules of visits: each refusal names its rule and says why in plain words."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.mobility.facts import Organisation, VisitFacts
from services.mobility.visit_rules import judge, shipped_rules
from services.mobility.working_days import add_months, working_days
from shared.contracts.mobility import Party, VisitKind
from shared.contracts.profiles import OrganisationKind
from shared.ids import new_id

SME, CLUSTER = OrganisationKind.SME, OrganisationKind.CLUSTER
VISITOR_HUB = Organisation(new_id(), "Green Tech Valley", CLUSTER, "AT")
HOST_HUB = Organisation(new_id(), "Baltic Wind", CLUSTER, "PL")
VISITOR = Organisation(new_id(), "Alpen Sensorik", SME, "AT", frozenset({VISITOR_HUB.id}))
HOST = Organisation(new_id(), "Pomorska Energia", SME, "PL", frozenset({HOST_HUB.id}))


def facts(**changes: Any) -> VisitFacts:
    """A week in Poland (Monday 2026-09-07 to Friday) that every rule allows."""
    parties = {
        Party.VISITOR: changes.pop("visitor", VISITOR),
        Party.VISITOR_HUB: changes.pop("visitor_hub", VISITOR_HUB),
        Party.HOST: changes.pop("host", HOST),
        Party.HOST_HUB: changes.pop("host_hub", HOST_HUB),
    }
    starts_on = changes.pop("starts_on", date(2026, 9, 7))
    ends_on = changes.pop("ends_on", date(2026, 9, 11))
    days = working_days(starts_on, ends_on, parties[Party.HOST].country)
    made = VisitFacts(VisitKind.STAFF_EXCHANGE, parties, starts_on, ends_on, date(2026, 8, 1), days)
    return replace(made, **changes)


def refusal(made: VisitFacts) -> str | None:
    verdict = judge(made, shipped_rules()[made.kind])
    return verdict.refusal.rule if verdict.refusal else None


def test_a_week_between_members_of_two_clusters_in_two_countries_is_allowed() -> None:
    verdict = judge(facts(), shipped_rules()[VisitKind.STAFF_EXCHANGE])
    assert verdict.passed
    assert {"different-countries", "both-in-a-cluster", "shortest-stay", "longest-stay"} <= {
        each.rule for each in verdict.findings
    }


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"host": replace(HOST, country="AT")}, "different-countries"),
        ({"visitor": replace(VISITOR, clusters=frozenset())}, "both-in-a-cluster"),
        ({"host": replace(HOST, clusters=frozenset({VISITOR_HUB.id}))}, "both-in-a-cluster"),
        ({"visitor_hub": replace(VISITOR_HUB, kind=SME)}, "hub-is-a-cluster"),
        ({"host": replace(HOST, active=False)}, "active-organisations"),
        ({"ends_on": date(2026, 9, 8)}, "shortest-stay"),
        ({"starts_on": date(2026, 9, 11), "ends_on": date(2026, 9, 14)}, "shortest-stay"),
        ({"ends_on": date(2026, 10, 7)}, "longest-stay"),
        ({"earlier_visits": 1}, "visits-per-visitor"),
        ({"requested_on": date(2027, 1, 1)}, "entered-in-time"),
        ({"connected": False}, "known-connection"),
        ({"person_known": False}, "visitor-is-known"),
        ({"person_belongs": False}, "visitor-is-known"),
        ({"host": VISITOR}, "two-organisations"),
        ({"ends_on": date(2026, 9, 1)}, "dates-in-order"),
    ],
)
def test_a_refusal_names_its_rule(changes: dict[str, Any], rule: str) -> None:
    assert refusal(facts(**changes)) == rule


def test_every_judged_figure_names_its_source_and_its_first_day() -> None:
    for kind, rules in shipped_rules().items():
        for each in judge(replace(facts(), kind=kind), rules).findings[5:]:
            assert each.source
            assert each.valid_from


def test_a_rule_that_is_not_yet_in_force_is_not_judged() -> None:
    rules = tuple(rule.model_copy(update={"valid_from": date(2030, 1, 1)}) for rule in shipped_rules()[facts().kind])
    assert judge(facts(ends_on=date(2026, 9, 8)), rules).passed


def test_a_host_may_host_any_number_of_times() -> None:
    assert not any("host" in rule.rule for rule in shipped_rules()[VisitKind.STAFF_EXCHANGE])


def test_a_cluster_that_visits_itself_signs_as_its_own_hub() -> None:
    assert refusal(facts(visitor=VISITOR_HUB)) is None


@pytest.mark.parametrize(
    ("country", "first", "last", "days"),
    [
        ("PL", date(2026, 11, 9), date(2026, 11, 13), 4),  # Independence Day on the 11th
        ("AT", date(2026, 11, 9), date(2026, 11, 13), 5),
        ("IL", date(2026, 3, 8), date(2026, 3, 14), 5),  # Sunday to Thursday
        ("ZZ", date(2026, 1, 1), date(2026, 1, 7), 5),  # unknown: only weekends
        ("AT", date(2026, 1, 2), date(2026, 1, 1), 0),
    ],
)
def test_working_days_follow_the_hosts_holidays_and_weekend(country: str, first: date, last: date, days: int) -> None:
    assert working_days(first, last, country) == days


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2027, 12, 15), 1, date(2028, 1, 15)),
        (date(2026, 5, 31), 9, date(2027, 2, 28)),
    ],
)
def test_a_month_later_is_the_same_day_or_the_months_last(day: date, months: int, later: date) -> None:
    assert add_months(day, months) == later
