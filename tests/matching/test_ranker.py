"""The ranker: a probability whose shares add up to it, whatever is known of a pair."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.ranking.ranker import BEFORE, Curve, Ranker, from_json, start_ranker

factors = st.dictionaries(st.sampled_from(["statements", "both_ways", "sectors", "languages", "tags", "network"]),
                          st.floats(0, 3))  # fmt: skip


@given(factors)
def test_a_score_is_a_probability_and_the_sum_of_its_shares(values: dict[str, float]) -> None:
    verdict = start_ranker().judge(values)
    assert 0 < verdict.score < 1
    assert abs(sum(verdict.shares.values()) - verdict.score) < 1e-9
    assert verdict == start_ranker().judge(dict(reversed(values.items())))


@given(factors, st.floats(0, 1), st.floats(0, 1))
def test_closer_statements_never_make_a_pair_worse(values: dict[str, float], one: float, other: float) -> None:
    less, more = (start_ranker().judge({**values, "statements": each}).score for each in sorted((one, other)))
    assert less <= more


def test_a_share_has_the_sign_of_what_the_factor_says() -> None:
    ranker = Ranker(-1.0, {"good": Curve((0, 1), (0, 2.0)), "bad": Curve((0, 1), (0, -1.0))})
    shares = ranker.judge({"good": 1, "bad": 1}).shares
    assert shares["good"] > 0 > shares["bad"]
    assert ranker.judge({"good": 0.5, "bad": 1}).shares["good"] == -ranker.judge({"good": 0.5, "bad": 1}).shares["bad"]
    assert ranker.judge({}).shares == {BEFORE: 0.2689}


@given(st.floats(-2, 4))
def test_one_value_and_many_are_read_alike(value: float) -> None:
    for curve in start_ranker().curves.values():
        assert curve.of(value) == pytest.approx(float(curve(value)), abs=1e-12)


def test_what_a_ranker_does_not_know_says_nothing() -> None:
    assert start_ranker().judge({"statements": 0.7, "phase of the moon": 1.0}) == start_ranker().judge(
        {"statements": 0.7}
    )


def test_a_ranker_survives_being_stored_and_its_version_follows_its_numbers() -> None:
    ranker = start_ranker()
    assert from_json(json.loads(json.dumps(ranker.to_json()))).version == ranker.version
    assert replace(ranker, intercept=ranker.intercept + 0.1).version != ranker.version
    assert replace(ranker, source="other words").version == ranker.version


@pytest.mark.parametrize("at", [(), (0.0, 0.0), (1.0, 0.0)])
def test_a_curve_without_rising_points_is_refused(at: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="rising points"):
        Curve(at, (0.0,) * len(at))
