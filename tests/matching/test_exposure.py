"""Exposure: how unevenly the famous and the small are shown, before and after, in numbers."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.allocation import allocate
from services.matching.exposure import gini, lists_by_score, spread
from services.matching.market import market_of
from services.matching.scoring import Scored
from tests.matching.markets import markets, scored


def gini_by_definition(counts: list[int]) -> float:
    """Half the mean difference between two of them, relative to the mean."""
    differences = sum(abs(one - other) for one in counts for other in counts)
    return differences / (2 * len(counts) * sum(counts)) if sum(counts) else 0.0


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_the_gini_coefficient_is_half_the_relative_mean_difference(counts: list[int]) -> None:
    assert gini(counts) == pytest.approx(gini_by_definition(counts))


def test_it_is_0_when_all_are_shown_alike_and_nearly_1_when_one_alone_is() -> None:
    assert gini([3, 3, 3]) == 0
    assert gini([0, 0, 0]) == 0
    assert gini([0] * 99 + [7]) == pytest.approx(0.99)


@given(markets(), st.integers(1, 4))
def test_lists_by_score_hold_everyones_best(market: list[Scored], longest: int) -> None:
    arrays = market_of(market)
    counts, scores = lists_by_score(arrays, longest)
    best_first = sorted(market, key=lambda each: (-each.score, each.pair))
    expected, values = dict.fromkeys(arrays.number, 0), []
    for each in arrays.number:
        for pair in [one for one in best_first if UUID(int=each) in one.pair][:longest]:
            expected[next(side.int for side in pair.pair if side.int != each)] += 1
            values.append(pair.score)
    assert counts.tolist() == list(expected.values())
    assert sorted(scores.tolist()) == sorted(values)


STAR = [*(scored(1, other, 0.9) for other in range(2, 12)), *(scored(n, n + 1, 0.7) for n in range(2, 11))]
"""Ten fit the famous one best, and each also fits its neighbours."""


def test_the_famous_flood_lists_by_score_and_the_allocation_spreads_them_for_a_small_price() -> None:
    found = spread(market_of(STAR), [each.pair for each in allocate(STAR, 1)], 1)
    assert (found.organisations, found.by_score.most, found.shown.most) == (11, 10, 1)
    assert (found.by_score.unseen, found.shown.unseen) == (9, 1)
    assert found.shown.gini < 0.2 < 0.8 < found.by_score.gini
    assert found.cost == pytest.approx(0.9 - (0.9 + 4 * 0.7) / 5)


def test_who_was_declined_by_all_does_not_count_as_unseen() -> None:
    market = [scored(1, 2, 0.9), scored(3, 4, 0.8)]
    found = spread(market_of(market, never={market[1].pair}), [market[0].pair], 1)
    assert (found.organisations, found.shown.unseen) == (2, 0)


def test_an_empty_market_has_an_exposure_too() -> None:
    assert spread(market_of([]), [], 5).shown.gini == 0
