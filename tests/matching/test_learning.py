"""Learning: few answers move little, many win, and what was shown seldom counts for what was not shown."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from services.matching.ranking.examples import Example, Memory, Shown, Told, labels_of, values_of, weights_of
from services.matching.ranking.learning import PRIOR_LOG_ODDS, learn_ranker, log_odds, probabilities
from services.matching.ranking.measuring import measures
from services.matching.ranking.ranker import Curve, Ranker, start_ranker
from tests.matching.rankings import (
    BEGIN,
    SECTORS_FIRST,
    answers,
    everybody,
    exposed,
    factors,
    pair,
    taste,
)
from tests.matching.test_ranker import factors as any_factors

MANY = answers(start_ranker(), 300, seed=3)


def apart(one: Ranker, other: Ranker) -> float:
    """Return the mean difference of two rankers' log odds over all kinds of pairs."""
    random = np.random.default_rng(0)
    values = [factors(random) for _ in range(500)]
    return float(np.abs(log_odds(one, values) - log_odds(other, values)).mean())


def test_without_an_answer_it_stays_the_same_ranker() -> None:
    assert learn_ranker(start_ranker(), []).ranker.version == start_ranker().version


def test_five_answers_barely_move_it() -> None:
    for seed in range(20):
        learned = learn_ranker(start_ranker(), answers(SECTORS_FIRST, 5, seed))
        values = values_of(MANY)
        moved = np.abs(probabilities(learned.ranker, values) - probabilities(start_ranker(), values))
        assert moved.mean() < 0.1


def test_the_more_answers_the_closer_it_comes_to_who_gives_them() -> None:
    distances = [
        apart(learn_ranker(start_ranker(), answers(SECTORS_FIRST, count)).ranker, SECTORS_FIRST)
        for count in (0, 50, 500, 5000)
    ]
    assert all(later < earlier for earlier, later in pairwise(distances))
    assert distances[-1] < distances[0] / 5


def test_answers_in_the_shipped_rankers_own_taste_leave_it_about_as_it_was() -> None:
    assert apart(learn_ranker(start_ranker(), answers(start_ranker(), 5000)).ranker, start_ranker()) < 0.15


def test_it_is_the_mode_of_a_logistic_regression_with_a_normal_prior() -> None:
    """The pseudo-observations do what they stand for: a plain optimiser finds the same."""
    examples = answers(SECTORS_FIRST, 200)
    names = list(values_of(examples)[0])
    base = Ranker(-2.2, {name: start_ranker().curves[name] for name in names})
    parts = np.column_stack([base.curves[name]([each[name] for each in values_of(examples)]) for name in names])
    ranges = np.array([np.ptp([0.0, *base.curves[name].log_odds]) for name in names])
    labels, weights = labels_of(examples), weights_of(examples)

    def surprise(given: np.ndarray) -> float:
        foreseen = expit(base.intercept + given[0] + parts @ given[1:])
        likely = weights @ (labels * np.log(foreseen) + (1 - labels) * np.log(1 - foreseen))
        prior = given[0] ** 2 + (((given[1:] - 1) * ranges) ** 2).sum()
        return float(-likely + prior / 2 / PRIOR_LOG_ODDS**2)

    bounds = [(None, None)] + [(0, None)] * len(names)
    found = minimize(surprise, [0.0, *np.ones(len(names))], bounds=bounds, method="L-BFGS-B").x
    learned = learn_ranker(base, examples)
    assert learned.shift == pytest.approx(found[0], abs=0.02)
    assert list(learned.multipliers.values()) == pytest.approx(found[1:], abs=0.05)


def test_closer_statements_never_make_a_pair_worse_even_if_the_answers_say_so() -> None:
    contrary = answers(taste(intercept=0.0, statements=(6.0, -6.0)), 2000)
    learned = learn_ranker(start_ranker(), contrary, np.full(len(contrary), 20.0))
    assert learned.multipliers["statements"] == 0.0
    scores = [learned.ranker.judge({"statements": each}).score for each in np.linspace(0, 1, 20)]
    assert all(lower <= higher for lower, higher in pairwise(scores))


@settings(max_examples=40, deadline=None)
@given(any_factors, st.integers(0, 40), st.integers(0, 5), st.floats(0, 1), st.floats(0, 1))
def test_whatever_it_has_learned_shares_add_up_and_closer_statements_help(
    values: dict[str, float], count: int, seed: int, one: float, other: float
) -> None:
    ranker = learn_ranker(start_ranker(), answers(taste(statements=(0, -3.0)), count, seed)).ranker
    verdict = ranker.judge(values)
    assert abs(sum(verdict.shares.values()) - verdict.score) < 1e-9
    less, more = (ranker.judge({**values, "statements": each}).score for each in sorted((one, other)))
    assert less <= more


def test_the_same_answers_give_the_same_version_in_whatever_order_they_are_read() -> None:
    backwards = learn_ranker(start_ranker(), MANY[::-1]).ranker
    assert backwards.version == learn_ranker(start_ranker(), MANY).ranker.version


def test_a_factor_that_says_nothing_keeps_its_multiplier() -> None:
    flat = replace(start_ranker(), curves={**start_ranker().curves, "new": Curve((0.0, 1.0), (0.0, 0.0))})
    learned = learn_ranker(flat, MANY)
    assert learned.multipliers["new"] == 1.0
    assert learned.ranker.curves["new"] == flat.curves["new"]


def test_what_was_shown_seldom_speaks_for_what_was_not_shown() -> None:
    """A ranker shows all very close pairs, where sectors are disliked, and few others, where they are wanted."""
    shown = list(exposed(2000, 0.05))
    weighed = learn_ranker(start_ranker(), shown)
    assert weighed.multipliers["sectors"] > 1
    assert loss(weighed.ranker) < loss(start_ranker())


def test_without_inverse_propensities_its_own_exposure_would_teach_the_wrong_ranker() -> None:
    """Negative control of the weights: the few explored pairs are outvoted."""
    shown = list(exposed(2000, 0.05))
    misled = learn_ranker(start_ranker(), shown, np.ones(len(shown)))
    assert misled.multipliers["sectors"] == 0
    assert loss(misled.ranker) > loss(learn_ranker(start_ranker(), shown).ranker) + 0.05


def loss(ranker: Ranker) -> float:
    """Return the log loss over all pairs there are."""
    return float(measures(ranker, everybody(2000))["log_loss"])


def test_weights_are_clipped_and_never_claim_more_rows_than_there_are() -> None:
    sure, seldom, never = (replace(MANY[0], shown=replace(MANY[0].shown, propensity=each)) for each in (1, 0.05, 0.0))
    weights = weights_of([sure, seldom, never])
    assert weights[1] / weights[0] == pytest.approx(20)
    assert weights[2] == weights[1]
    assert weights.sum() == pytest.approx(41**2 / 801)
    assert weights_of(MANY).sum() == pytest.approx(len(MANY))


def test_visits_and_vouchers_weigh_more_but_do_not_make_a_yes_more_likely() -> None:
    liked = [each for each in MANY if each.good][:60]
    later = [replace(each, kind=kind) for each in liked for kind in ("visited", "paid")]
    one, two, three = weights_of([MANY[0], *later[:2]]) / weights_of([MANY[0], *later[:2]])[0]
    assert (one, two, three) == pytest.approx((1, 2, 3))
    with_visits = learn_ranker(start_ranker(), [*MANY, *later]).ranker
    foreseen = probabilities(with_visits, values_of(MANY)).mean()
    assert foreseen == pytest.approx(labels_of(MANY).mean(), abs=0.05)


# What is a row


SHOWN = Shown(pair(1), BEGIN, {"statements": 0.7})


def told(kind: str, minutes: float | None, side: int = 0, number: int = 1) -> Told:
    """Return an outcome of a pair some minutes after it was first shown."""
    at = None if minutes is None else BEGIN + timedelta(minutes=minutes)
    return Told(pair(number), kind, at, pair(number)[side] if "interested" in kind else None)


def rows(shown: list[Shown], *outcomes: Told) -> list[tuple[str, float]]:
    """Return the rows: kind, and the statements' similarity that was known."""
    return [(each.kind, each.shown.factors["statements"]) for each in Memory(shown, outcomes).examples()]


def test_a_row_has_what_was_shown_last_before_the_answer() -> None:
    later = Shown(pair(1), BEGIN + timedelta(minutes=10), {"statements": 0.8})
    after = Shown(pair(1), BEGIN + timedelta(minutes=30), {"statements": 0.9})
    found = rows([after, SHOWN, later], told("interested", 5), told("not_interested", 20, side=1))
    assert found == [("interested", 0.7), ("not_interested", 0.8)]


def test_of_a_changed_mind_the_last_answer_counts_as_of_the_day() -> None:
    memory = Memory([SHOWN], [told("interested", 5), told("not_interested", 9), told("interested", 7)])
    assert [each.kind for each in memory.examples()] == ["not_interested"]
    assert [each.kind for each in memory.examples(BEGIN + timedelta(minutes=8))] == ["interested"]


def test_undated_and_never_shown_are_no_rows() -> None:
    undated = Shown(pair(2), None, {"statements": 0.5})
    assert rows([SHOWN, undated], told("interested", None), told("interested", 5, number=2)) == []
    assert rows([SHOWN], told("interested", -1), told("visited", 5, number=3)) == []
    assert rows([SHOWN], told("interested", 1)) == [("interested", 0.7)]


def test_a_pairs_visits_count_once_and_its_connection_says_nothing_new() -> None:
    found = rows([SHOWN], told("connected", 3), told("visited", 5), told("visited", 6), told("paid", 7))
    assert [kind for kind, _ in found] == ["visited", "paid"]


def test_a_row_of_a_kind_that_nobody_knows_would_be_no_answer() -> None:
    from services.matching.outcomes import OutcomeKind

    known = {"interested", "not_interested", "visited", "paid"}
    assert known == set(OutcomeKind) - {OutcomeKind.CONNECTED}
    assert {Example(pair(1), each, BEGIN, SHOWN).is_answer for each in ("visited", "paid")} == {False}
