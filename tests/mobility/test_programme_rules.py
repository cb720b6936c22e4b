"""Rules of programmes: the figures of the shipped examples, and that each refusal names its rule."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.mobility import judging
from services.mobility.facts import Application, ClaimedVisit, Organisation
from services.mobility.programme_rules import ProgrammeRule, Rules, share
from services.mobility.schemas import ProgrammeIn
from services.mobility.verdict import Verdict
from shared.contracts.mobility import VisitState, VoucherKind
from shared.contracts.profiles import OrganisationKind
from shared.ids import new_id

SHIPPED = Path(judging.__file__).parent / "programmes"
DAY = date(2026, 9, 1)
FIRM = Organisation(new_id(), "Alpen Sensorik", OrganisationKind.SME, "AT")
HOST = Organisation(new_id(), "Pomorska Energia", OrganisationKind.SME, "PL")
LAB = Organisation(new_id(), "Institut Fresnel", OrganisationKind.RESEARCH, "FR")


VISIT = ClaimedVisit(new_id(), VisitState.APPROVED, FIRM.id, HOST, DAY, DAY, 5)


def shipped(name: str) -> Rules:
    return Rules.model_validate({"rules": json.loads((SHIPPED / f"{name}.json").read_text())["rules"]})


def travel(working_days: int = 5, **changes: Any) -> Application:
    visit = replace(VISIT, working_days=working_days)
    made = Application(VoucherKind.TRAVEL, DAY, date(2026, 1, 1), date(2026, 12, 31), "EUR", FIRM, visit)
    return replace(made, **changes)


def innovation(asked: str = "6000.00", **changes: Any) -> Application:
    made = Application(VoucherKind.INNOVATION, DAY, date(2026, 1, 1), date(2026, 12, 31), "EUR", FIRM)
    return replace(made, **({"provider": LAB, "cost": Decimal(asked)} | changes))


def refusal(verdict: Verdict) -> str | None:
    return verdict.refusal.rule if verdict.refusal else None


@pytest.mark.parametrize(
    ("days", "distance", "amount"),
    [
        (3, None, "390.00"),
        (4, 900, "390.00"),
        (5, None, "780.00"),
        (5, 199, "390.00"),
        (3, 100, "390.00"),
        (10, 200, "780.00"),
    ],
)
def test_the_clusterxchange_lump_sum_is_halved_once_for_short_stays_or_short_ways(
    days: int, distance: int | None, amount: str
) -> None:
    verdict = judging.judge(travel(days, distance_km=distance), shipped("clusterxchange_travel"))
    assert verdict.passed, verdict.refusal
    assert verdict.amount == Decimal(amount)


@pytest.mark.parametrize(
    ("name", "country", "cost", "amount"),
    [
        ("innovation_voucher_finland", "FI", "4000.00", "3000.00"),
        ("innovation_voucher_finland", "FI", "10000.00", "4500.00"),
        ("innovation_voucher_netherlands", "NL", "7500.00", "5250.00"),
        ("innovation_voucher_netherlands", "NL", "9000.00", "5250.00"),
        ("innovation_voucher_cross_border", "IE", "8000.00", "5000.00"),
    ],
)
def test_shipped_innovation_vouchers_grant_the_figures_of_their_sources(
    name: str, country: str, cost: str, amount: str
) -> None:
    verdict = judging.judge(innovation(cost, beneficiary=replace(FIRM, country=country)), shipped(name))
    assert verdict.passed, verdict.refusal
    assert verdict.amount == Decimal(amount)


@pytest.mark.parametrize(
    ("claim", "rule"),
    [
        (travel(applied_on=date(2025, 12, 31)), "open-window"),
        (travel(applied_on=date(2027, 1, 1)), "open-window"),
        (travel(beneficiary=replace(FIRM, country="US")), "applicant-country"),
        (travel(beneficiary=replace(FIRM, country="PL")), "cross-border"),
        (travel(beneficiary=replace(FIRM, kind=OrganisationKind.FINANCIER)), "beneficiary-kind"),
        (travel(beneficiary=replace(FIRM, active=False)), "active-organisations"),
        (travel(2), "lump-sum"),
        (travel(visit=None), "own-visit"),
        (travel(visit=replace(VISIT, visitor_id=new_id())), "own-visit"),
        (travel(visit=replace(VISIT, state=VisitState.CANCELLED)), "visit-state"),
        (travel(cost=Decimal(5)), "lump-sum-only"),
    ],
)
def test_a_refused_travel_claim_names_its_rule(claim: Application, rule: str) -> None:
    verdict = judging.judge(claim, shipped("clusterxchange_travel"))
    assert refusal(verdict) == rule
    assert verdict.amount == 0


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"provider": None}, "provider-and-amount"),
        ({"cost": None}, "provider-and-amount"),
        ({"provider": replace(LAB, country="IE")}, "cross-border"),
        ({"provider": replace(LAB, kind=OrganisationKind.FINANCIER)}, "provider-kind"),
    ],
)
def test_a_refused_innovation_claim_names_its_rule(changes: dict[str, Any], rule: str) -> None:
    claim = innovation(beneficiary=replace(FIRM, country="IE"), **changes)
    assert refusal(judging.judge(claim, shipped("innovation_voucher_cross_border"))) == rule


def test_a_claim_is_judged_by_the_figures_of_its_day() -> None:
    records = json.loads((SHIPPED / "clusterxchange_travel.json").read_text())["rules"]
    for record in [each for each in records if each["rule"] == "lump-sum"]:
        record["valid_to"] = "2026-08-31"
        dearer = [{"from_working_days": 3, "amount": "900.00"}]
        records.append({**record, "bands": dearer, "valid_from": "2026-09-01", "valid_to": None})
    terms = Rules.model_validate({"rules": records})
    assert judging.judge(travel(applied_on=date(2026, 8, 31)), terms).amount == Decimal("780.00")
    assert judging.judge(travel(applied_on=date(2026, 9, 1)), terms).amount == Decimal("900.00")


def test_the_order_in_which_a_clerk_lists_the_rules_does_not_change_the_amount() -> None:
    for name, claim in (
        ("clusterxchange_travel", travel(3)),
        ("innovation_voucher_finland", innovation("5000.00", beneficiary=replace(FIRM, country="FI"))),
    ):
        backwards = Rules(rules=tuple(reversed(shipped(name).rules)))
        assert judging.judge(claim, backwards).amount == judging.judge(claim, shipped(name)).amount


def test_a_verdict_tells_every_rule_with_its_inputs_and_source() -> None:
    findings = {each.rule: each for each in judging.judge(travel(3), shipped("clusterxchange_travel")).findings}
    assert findings["reduced-lump-sum"].inputs["working_days"] == "3"
    assert findings["lump-sum"].source
    assert "390" in findings["reduced-lump-sum"].detail


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.json")), ids=lambda path: path.stem)
def test_every_shipped_programme_can_be_posted_as_it_is(path: Path) -> None:
    ProgrammeIn.model_validate({"funder_id": str(new_id()), **json.loads(path.read_text())})


@pytest.mark.parametrize(
    "record",
    [
        {"rule": "no-such-rule"},
        {"rule": "cap", "amount": "-1.00"},
        {"rule": "cap", "amount": "1.001"},
        {"rule": "co-financing", "percent": "101"},
        {"rule": "lump-sum", "bands": []},
        {"rule": "applicant-country", "countries": ["Austria"]},
        {"rule": "applicant-country", "countries": ["UK"]},
        {"rule": "validity", "months": 0},
        {"rule": "cross-border", "surprise": 1},
        {"rule": "cross-border", "valid_to": "2019-01-01"},
    ],
)
def test_a_broken_rule_is_refused_when_the_programme_is_written(record: dict[str, Any]) -> None:
    valid = {"source": "test", "valid_from": "2020-01-01"}
    with pytest.raises(ValidationError):
        Rules.model_validate({"rules": [{"rule": "validity", "months": 1, **valid}, {**valid, **record}]})


def test_a_programme_without_validity_is_refused() -> None:
    with pytest.raises(ValidationError, match="validity"):
        Rules.model_validate({"rules": []})


@given(cents=st.integers(1, 10**9), percent=st.decimals("0.01", "100", places=2))
def test_a_share_never_exceeds_its_rate_and_loses_less_than_a_cent(cents: int, percent: Decimal) -> None:
    amount = Decimal(cents) / 100
    exact = amount * percent / 100
    assert exact - Decimal("0.01") < share(amount, percent) <= exact


@given(
    granted=st.integers(1, 10**7).map(lambda cents: Decimal(cents) / 100),
    invoiced=st.integers(1, 10**8).map(lambda cents: Decimal(cents) / 100),
)
def test_what_is_payable_never_exceeds_what_was_granted(granted: Decimal, invoiced: Decimal) -> None:
    for name in ("clusterxchange_travel", "innovation_voucher_finland"):
        payable = judging.payable(invoiced, granted, DAY, shipped(name))
        assert payable is None or payable <= min(granted, invoiced)


def test_the_description_of_the_rules_names_every_rule_there_is() -> None:
    description = (SHIPPED / "README.md").read_text(encoding="utf-8")
    names = TypeAdapter(ProgrammeRule).json_schema()["discriminator"]["mapping"]
    assert len(names) == 12
    assert [name for name in names if f"| `{name}` |" not in description] == []
