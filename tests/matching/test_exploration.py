"""Exploration: a few places for what score alone would not show, by dice that can be thrown again, at known odds."""

from collections import Counter
from collections.abc import Callable
from datetime import date
from random import Random
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching import exploration
from services.matching.allocation import allocate
from services.matching.exploration import Choice, Exploring, Lottery, choose, week_of
from services.matching.market import market_of
from services.matching.parties import Pair
from services.matching.scoring import Scored
from tests.matching.markets import lengths, markets, scored

WEEK = Exploring(0.05, "seed", "2026-W48")
MUCH = Exploring(0.2, "seed", "2026-W48")
WEEKS = 10_000
shares = st.sampled_from((0.05, 0.2))
periods = st.integers(1, 500).map(str)


def random_market(organisations: int, pairs: int, seed: int, first: int = 0) -> list[Scored]:
    """Return scored pairs of which a few organisations have most, as the famous do."""
    chance = Random(seed)
    drawn = {
        tuple(sorted((first + int(organisations * chance.random() ** 2), first + chance.randrange(organisations))))
        for _ in range(pairs)
    }
    return [scored(one, other, round(chance.uniform(0.6, 1), 2)) for one, other in sorted(drawn) if one != other]


MARKET = random_market(24, 120, seed=5)


def pairs_of(choices: list[Choice]) -> list[Pair]:
    """Return the pairs that were chosen."""
    return [each.scored.pair for each in choices]


def check_lists(market: list[Scored], longest: int, kept: list[Pair], never: set[Pair], exploring: Exploring) -> None:
    """Whether the lists are as promised, with some pairs for exploration."""
    choices = choose(market, longest, kept, never, exploring)
    greedy = {each.pair for each in allocate(market, longest, kept, never)}
    shown = pairs_of(choices)
    length = lengths([*kept, *shown])
    assert len(set(shown)) == len(shown)
    assert not set(shown) & {*kept, *never}
    assert max(length.values(), default=0) <= max([longest, *lengths(kept).values()])
    assert set(length) >= set(lengths(greedy)), "nobody is left with nothing"
    assert max(lengths(each.scored.pair for each in choices if each.explored).values(), default=0) <= 1
    gave_way = {side for pair in greedy - set(shown) for side in pair}
    for each in market:
        if each.pair not in {*kept, *never, *shown} and max(length[side] for side in each.pair) < longest:
            assert gave_way & set(each.pair), "only where a pair gave way, a place may stay empty"
    for each in choices:
        assert 0 < each.propensity <= 1
        assert each.explored == (each.scored.pair not in greedy)
        assert each.scored in market


@given(markets(), st.integers(1, 4), shares, periods, st.data())
def test_lists_stay_short_and_nobody_is_left_with_nothing(market, longest, share, period, data) -> None:
    some = st.lists(st.sampled_from([each.pair for each in market]), max_size=5) if market else st.just([])
    never = set(data.draw(some))
    kept = [pair for pair in dict.fromkeys(data.draw(some)) if pair not in never]
    check_lists(market, longest, kept, never, Exploring(share, "seed", period))


def check_many_weeks() -> None:
    """Whether lists are as promised in week after week."""
    for week in range(300):
        check_lists(MARKET, 2, [], set(), Exploring(0.2, "seed", str(week)))


def nothing_gives_way(market, chosen, length, most):  # type: ignore[no-untyped-def]
    """Take everyone to have room."""
    return np.full(len(length), exploration.ROOM)


def all_give_way(market, chosen, length, most):  # type: ignore[no-untyped-def]
    """Let everyone give up the last pair, whatever that leaves to the partner."""
    gives = np.full(len(length), exploration.ROOM)
    for side in (market.first, market.second):
        gives[side[chosen]] = chosen
    return gives


@pytest.mark.parametrize("broken", [nothing_gives_way, all_give_way])
def test_negative_control_lists_that_overflow_or_run_dry_are_seen(
    monkeypatch: pytest.MonkeyPatch, broken: Callable[..., object]
) -> None:
    monkeypatch.setattr(exploration, "what_gives_way", broken)
    with pytest.raises(AssertionError):
        check_many_weeks()


def test_without_exploration_it_is_the_allocation_for_certain() -> None:
    for exploring in (None, Exploring(0.0, "seed", "2026-W48")):
        choices = choose(MARKET, 3, exploring=exploring)
        assert [each.scored for each in choices] == allocate(MARKET, 3)
        assert {(each.propensity, each.explored) for each in choices} == {(1.0, False)}


@given(markets(), st.integers(1, 4), periods, st.randoms(use_true_random=False))
def test_two_leaders_agree_in_whatever_order_candidates_arrived(market, longest, period, chance) -> None:
    exploring = Exploring(0.2, "seed", period)
    choices = choose(market, longest, exploring=exploring)
    chance.shuffle(market)
    assert choose(market, longest, exploring=exploring) == choices


def test_dice_thrown_by_place_in_the_queue_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control of the test above: chance that goes by where a pair stands, not by whom it joins."""

    def by_arrival(market, rows, seed, period):  # type: ignore[no-untyped-def]
        return np.random.default_rng(9).uniform(size=len(market))[market.source[rows]]

    monkeypatch.setattr(exploration, "uniform", by_arrival)
    assert choose(MARKET, 2, exploring=MUCH) != choose(MARKET[::-1], 2, exploring=MUCH)


def test_within_a_week_nothing_flickers_and_the_next_week_explores_anew() -> None:
    days = [date(2026, 11, 23 + day) for day in range(8)]
    market = random_market(60, 500, seed=2)
    choices = [choose(market, 3, exploring=Exploring(0.1, "seed", week_of(day))) for day in days]
    assert all(each == choices[0] for each in choices[:7])
    assert any(each.explored for each in choices[0])
    assert choices[7] != choices[0]


def test_what_happens_among_others_changes_nobodys_exploration() -> None:
    there, elsewhere = random_market(30, 150, seed=1), random_market(30, 150, seed=2, first=1000)
    alone, together = choose(there, 3, exploring=MUCH), choose([*elsewhere, *there], 3, exploring=MUCH)
    assert [each for each in together if each.scored in there] == alone


def test_a_small_change_leaves_nearly_all_that_is_explored() -> None:
    market = random_market(300, 3000, seed=7)
    explored, left = Counter[str](), Counter[str]()
    for week in map(str, range(20)):
        before = {each.scored.pair for each in choose(market, 5, exploring=Exploring(0.05, "s", week)) if each.explored}
        one_less = [each for each in market if UUID(int=137) not in each.pair]
        after = set(pairs_of(choose(one_less, 5, exploring=Exploring(0.05, "s", week))))
        concerned = {pair for pair in before if UUID(int=137) in pair}
        explored["pairs"] += len(before - concerned)
        left["pairs"] += len((before - concerned) & after)
    assert left["pairs"] >= 0.95 * explored["pairs"] > 0


def test_declined_exploration_is_over_for_good_and_an_answered_one_keeps_its_place() -> None:
    choices = choose(MARKET, 3, exploring=MUCH)
    tried = next(each.scored.pair for each in choices if each.explored)
    assert tried not in pairs_of(choose(MARKET, 3, never={tried}, exploring=MUCH))
    after = pairs_of(choose(MARKET, 3, kept=[tried], exploring=MUCH))
    assert tried not in after
    assert max(lengths([tried, *after]).values()) <= 3


def test_weeks_are_those_of_the_calendar() -> None:
    assert week_of(date(2026, 11, 22)) == "2026-W47"
    assert week_of(date(2026, 11, 23)) == "2026-W48"
    assert week_of(date(2027, 1, 3)) == "2026-W53"


def frequencies(lottery: Lottery, seed: str) -> np.ndarray:
    """Return how often each row is shown in many weeks, shape (rows,)."""
    times = np.zeros(len(lottery.market))
    for week in range(WEEKS):
        times[lottery.draw(seed, str(week))[0]] += 1
    return times / WEEKS


def fit(lottery: Lottery, seed: str) -> bool:
    """Whether every row is shown as often as its probability says, within 4½ standard errors."""
    chances = lottery.chances
    error = np.sqrt(chances * (1 - chances) / WEEKS)
    return bool(np.all(np.abs(frequencies(lottery, seed) - chances) <= 4.5 * error + 1e-9))


@pytest.mark.parametrize(("longest", "share", "kept"), [(5, 0.05, 0), (3, 0.2, 4), (2, 0.2, 0)])
def test_every_pair_is_shown_as_often_as_its_propensity_says(longest: int, share: float, kept: int) -> None:
    standing = [each.pair for each in MARKET[:kept]]
    lottery = Lottery(market_of(MARKET, standing), longest, share)
    assert np.any((lottery.chances > 0) & (lottery.chances < 0.1)), "something is explored"
    assert np.any((lottery.chances > 0.5) & (lottery.chances < 1)), "something gives way"
    assert fit(lottery, "first")


def test_lists_of_one_are_not_explored_with_for_the_partner_would_have_nothing() -> None:
    assert not len(Lottery(market_of(MARKET), 1, MUCH.share).entries)
    assert len(Lottery(market_of(MARKET), 2, MUCH.share).entries)


class Careless(Lottery):
    """Takes a pair's chance to be that of its own clock, as if no other could ring before."""

    def _chances_of_entries(self) -> np.ndarray:
        chances: np.ndarray = -np.expm1(-self.rates)
        return chances


def test_negative_control_odds_that_forget_the_rivals_do_not_fit() -> None:
    assert not fit(Careless(market_of(MARKET), 3, 0.2), "first")


def test_explored_pairs_carry_the_odds_of_the_lottery() -> None:
    lottery = Lottery(market_of(MARKET), 3, MUCH.share)
    odds = {each.pair: chance for each, chance in zip(MARKET, [0.0] * len(MARKET), strict=True)}
    rows = np.arange(len(lottery.market))
    odds |= {each.pair: chance for each, chance in zip(lottery.market.pairs(rows), lottery.chances, strict=True)}
    for each in choose(MARKET, 3, exploring=MUCH):
        assert each.propensity == odds[each.scored.pair]
        assert each.propensity < 0.5 or not each.explored


@given(markets(), st.integers(1, 5), shares)
def test_nobody_explores_with_more_than_the_share_of_the_places(market, longest, share) -> None:
    lottery = Lottery(market_of(market), longest, share)
    chances = lottery.market.sum(lottery.entries, lottery.chances[lottery.entries])
    length = np.maximum(lottery.market.count(lottery.greedy), 1)
    assert np.all(chances <= np.minimum(share * length, exploration.MOST_OFTEN) + 1e-9)


def test_where_there_is_enough_to_explore_most_of_the_share_is_used() -> None:
    market = [scored(one, other, 0.6 + (one * other) % 37 / 100) for one in range(60) for other in range(one)]
    lottery = Lottery(market_of(market), 5, 0.05)
    assert 0.04 <= lottery.chances[lottery.entries].sum() / len(lottery.greedy) <= 0.05


def test_who_claims_everything_is_not_explored_oftener_than_others() -> None:
    honest = [scored(one, other, 0.7) for one in range(2, 32) for other in range(32, 62) if (one + other) % 3 == 0]
    stuffed = [scored(1, other, 0.95) for other in range(2, 62)]
    lottery = Lottery(market_of([*honest, *stuffed]), 5, 0.05)
    chances = lottery.market.sum(lottery.entries, lottery.chances[lottery.entries])
    assert chances[0] <= 0.05 * 5
    assert chances[0] <= 1.5 * chances[1:].max()
    for week in range(50):
        shown = pairs_of(choose([*honest, *stuffed], 5, exploring=Exploring(0.05, "seed", str(week))))
        assert lengths(shown)[UUID(int=1)] <= 5
