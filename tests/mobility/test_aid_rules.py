"""Small state aid as arithmetic: ceilings, windows, deadlines and rates as the data say, and no way past a ceiling."""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from pydantic import ValidationError

from services.mobility.aid import undertakings
from services.mobility.aid.granting import HELD
from services.mobility.aid.headroom import Counted, earliest, measure
from services.mobility.aid.rules import (
    FILE,
    AidRefusalError,
    AidRules,
    FinancialYears,
    RollingYears,
    aid_rules,
    converted,
)
from services.mobility.ledger import Account
from services.mobility.working_days import working_days
from shared.contracts.mobility import StateAid
from shared.ids import new_id

GENERAL, SGEI, FARMS = StateAid.DE_MINIMIS, StateAid.SGEI, StateAid.AGRICULTURE
DAY = date(2026, 11, 23)
THREE = RollingYears(kind="rolling_years", years=3)


def aid(amount: str, granted_on: date = DAY, regulation: StateAid = GENERAL) -> Counted:
    return Counted(regulation, granted_on, Decimal(amount))


def left(country: str, regulation: StateAid, *counted: Counted, on: date = DAY) -> Decimal | None:
    return measure(aid_rules(), country, regulation, on, counted).left


@pytest.mark.parametrize(
    ("country", "regulation", "on", "ceiling"),
    [
        ("AT", GENERAL, DAY, "300000.00"),
        ("AT", GENERAL, date(2023, 12, 31), "200000.00"),
        ("AT", SGEI, DAY, "750000.00"),
        ("PL", FARMS, DAY, "50000.00"),
        ("PL", FARMS, date(2024, 12, 15), "20000.00"),
        ("GB", GENERAL, DAY, "315000.00"),
        ("GB", SGEI, DAY, "725000.00"),
    ],
)
def test_each_jurisdiction_has_the_ceiling_of_the_day(
    country: str, regulation: StateAid, on: date, ceiling: str
) -> None:
    assert left(country, regulation, on=on) == Decimal(ceiling)


def test_where_no_law_is_on_record_there_is_no_headroom_to_speak_of() -> None:
    assert left("CH", GENERAL) is None
    assert left("AT", GENERAL, on=date(2031, 1, 1)) is None, "Regulation (EU) 2023/2831 ends in 2030"
    assert aid_rules().currency("CH", DAY) is None
    assert measure(aid_rules(), "CH", GENERAL, DAY, []).currency is None


def test_every_figure_says_where_it_comes_from_and_since_when() -> None:
    for records in json.loads(FILE.read_text(encoding="utf-8")).values():
        assert all(each["source"] and each["valid_from"] for each in records)


def test_a_jurisdiction_can_not_have_ceilings_in_two_currencies() -> None:
    data = json.loads(FILE.read_text(encoding="utf-8"))
    data["ceilings"][0]["currency"] = "SEK"
    with pytest.raises(ValidationError, match="two currencies"):
        AidRules.model_validate(data)


def test_three_rolling_years_reach_back_to_the_same_day() -> None:
    assert THREE.since(DAY) == date(2023, 11, 23)
    assert THREE.since(date(2028, 2, 29)) == date(2025, 2, 28)
    full = aid("300000.00", date(2023, 11, 23))
    assert left("AT", GENERAL, full) == 0
    assert left("AT", GENERAL, full, on=DAY + timedelta(days=1)) == Decimal("300000.00")


def test_british_financial_years_begin_in_april() -> None:
    years = FinancialYears(kind="financial_years", years=3, begins="04-01")
    assert years.since(date(2026, 3, 31)) == date(2023, 4, 1)
    assert years.since(date(2026, 4, 1)) == date(2024, 4, 1)


def test_general_and_farm_aid_fill_one_ceiling_and_services_of_general_interest_a_wider_one() -> None:
    given_ = (aid("260000.00"), aid("20000.00", regulation=FARMS))
    assert left("AT", GENERAL, *given_) == Decimal("20000.00")
    assert left("AT", FARMS, *given_) == Decimal("20000.00"), "the general ceiling is nearer than the farms' own"
    assert left("AT", SGEI, *given_) == Decimal("470000.00")
    assert left("AT", GENERAL, aid("740000.00", regulation=SGEI)) == Decimal("10000.00")


def test_declared_aid_beyond_the_ceiling_leaves_nothing_and_refuses_everything() -> None:
    room = measure(aid_rules(), "AT", GENERAL, DAY, [aid("400000.00")])
    assert room.left == 0
    (general, wide) = room.judge(Decimal("0.01"))
    assert not general.passed
    assert wide.passed
    assert "300000.00" in general.detail


def test_aid_that_exceeds_by_one_cent_is_refused_and_aid_that_fills_the_ceiling_is_not() -> None:
    room = measure(aid_rules(), "AT", GENERAL, DAY, [aid("299000.00")])
    assert all(each.passed for each in room.judge(Decimal("1000.00")))
    assert not all(each.passed for each in room.judge(Decimal("1000.01")))
    finding = room.judge(Decimal("1000.01"))[0]
    assert finding.rule == "state-aid-ceiling"
    assert finding.inputs["left"] == "1000.00"
    assert finding.source == "Regulation (EU) 2023/2831, Articles 3(2) and 5"


def test_awards_are_reported_within_twenty_working_days_of_the_granting_country() -> None:
    due = aid_rules().due_on("AT", GENERAL, DAY)
    assert due == date(2026, 12, 22), "8 December is a holiday in Austria, the day of the grant does not count"
    assert working_days(DAY + timedelta(days=1), due, "AT") == 20
    assert aid_rules().due_on("SE", GENERAL, DAY) == date(2026, 12, 21)


def test_no_register_asks_before_it_exists_nor_in_britain() -> None:
    assert aid_rules().due_on("AT", GENERAL, date(2025, 12, 31)) is None
    assert aid_rules().due_on("AT", FARMS, DAY) is None
    assert aid_rules().due_on("AT", FARMS, date(2027, 1, 4)) is not None
    assert aid_rules().due_on("GB", GENERAL, DAY) is None


def test_a_declaration_is_asked_for_until_the_register_covers_three_years() -> None:
    duty = aid_rules().declaration_duty("AT", GENERAL, DAY)
    assert duty is not None
    assert duty.good_for_days == 90
    assert aid_rules().declaration_duty("AT", GENERAL, date(2029, 1, 1)) is None


def test_other_money_is_converted_at_a_rate_on_record_or_refused_by_name() -> None:
    assert aid_rules().rate("EUR", "EUR", DAY) == 1
    assert converted(Decimal("100.00"), aid_rules().rate("BGN", "EUR", DAY)) == Decimal("51.13")
    with pytest.raises(AidRefusalError) as refused:
        aid_rules().rate("SEK", "EUR", DAY)
    assert refused.value.rule == "aid-currency"
    with pytest.raises(AidRefusalError):
        aid_rules().rate("BGN", "EUR", date(2025, 12, 31))


@given(st.decimals("0.01", 1_000_000, places=2), st.decimals("0.01", 20, places=5))
def test_converting_never_makes_aid_smaller(amount: Decimal, rate: Decimal) -> None:
    assert converted(amount, rate) * rate >= amount


def test_the_register_is_read_back_as_far_as_any_ceiling_looks() -> None:
    assert earliest(aid_rules(), "AT", DAY) == date(2023, 11, 23)
    assert earliest(aid_rules(), "GB", DAY) == date(2024, 4, 1)
    assert earliest(aid_rules(), "CH", DAY) == DAY


def test_of_every_account_it_is_settled_whether_its_money_was_granted() -> None:
    assert {each.value for each in Account} - HELD <= {"funder", "available", "clawed_back"}


@pytest.mark.parametrize("same", ["Alpine  Holding", "ALPINE HOLDING", " alpine holding "])
def test_a_group_is_the_same_however_its_name_is_typed(same: str) -> None:
    assert undertakings.key(same) == "alpine holding"
    assert undertakings.key(" ") is None


def test_firms_are_locked_in_one_order_and_apart_for_each_country() -> None:
    firms = [new_id() for _ in range(5)]
    assert undertakings.locks(firms, "AT") == undertakings.locks(reversed(firms), "AT")
    assert not set(undertakings.locks(firms, "AT")) & set(undertakings.locks(firms, "DE"))
    assert all(-(2**63) <= each < 2**63 for each in undertakings.locks(firms, "AT"))


class Granting(RuleBasedStateMachine):
    """Funders of one country grant small aid of every kind to one undertaking over the years, and take some back."""

    guarded = True

    def __init__(self) -> None:
        super().__init__()
        self.today = date(2025, 1, 1)
        self.granted: list[Counted] = []

    @rule(days=st.integers(0, 500))
    def time_passes(self, days: int) -> None:
        self.today = min(self.today + timedelta(days=days), date(2030, 12, 31))

    @rule(cents=st.integers(1, 30_000_000), regulation=st.sampled_from((GENERAL, SGEI, FARMS)))
    def grant(self, cents: int, regulation: StateAid) -> None:
        amount = Decimal(cents) / 100
        room = measure(aid_rules(), "AT", regulation, self.today, self.granted)
        if not self.guarded or all(each.passed for each in room.judge(amount)):
            self.granted.append(Counted(regulation, self.today, amount))

    @rule(choice=st.integers(0, 30), percent=st.integers(1, 100))
    def take_back(self, choice: int, percent: int) -> None:
        if self.granted:
            one = self.granted.pop(choice % len(self.granted))
            rest = (one.amount * (100 - percent) / 100).quantize(Decimal("0.01"))
            self.granted.append(Counted(one.regulation, one.granted_on, rest))

    @invariant()
    def no_three_years_hold_more_than_a_ceiling(self) -> None:
        for last in {each.granted_on for each in self.granted}:
            for regulation, ceiling in ((GENERAL, 300_000), (SGEI, 750_000), (FARMS, 50_000)):
                counts = {GENERAL: (GENERAL, FARMS), SGEI: (GENERAL, SGEI, FARMS), FARMS: (FARMS,)}[regulation]
                window = [e for e in self.granted if THREE.since(last) <= e.granted_on <= last]
                assert sum(each.amount for each in window if each.regulation in counts) <= ceiling, "over the ceiling"


TestGranting = Granting.TestCase
TestGranting.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


class Unguarded(Granting):
    """Negative control: the same funders without the question how much is left."""

    guarded = False


def test_control_without_the_question_the_same_funders_break_the_ceiling() -> None:
    quick = settings(
        max_examples=60,
        stateful_step_count=30,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],  # the first that breaks it is enough, be it ever so long
    )
    with pytest.raises(AssertionError, match="over the ceiling"):
        run_state_machine_as_test(Unguarded, settings=quick)
