"""Allocation: short lists, the best first, nobody crowded out, nothing that was declined."""

from collections import Counter
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching import allocation
from services.matching.allocation import allocate
from services.matching.parties import Pair, pair_of
from services.matching.scoring import Scored


def scored(one: int, other: int, score: float) -> Scored:
    """Return a scored pair of organisations with small ids."""
    return Scored(pair_of(UUID(int=one), UUID(int=other)), score, ())


@st.composite
def markets(draw: st.DrawFn) -> list[Scored]:
    """Draw scored pairs, each pair once, among a dozen organisations."""
    pairs = draw(st.sets(st.tuples(st.integers(1, 12), st.integers(1, 12)).filter(lambda p: p[0] < p[1]), max_size=60))
    return [scored(*pair, draw(st.integers(50, 100)) / 100) for pair in sorted(pairs)]


def lengths(pairs: list[Pair]) -> Counter[UUID]:
    """Count in how many pairs each organisation is."""
    return Counter(side for pair in pairs for side in pair)


@given(markets(), st.integers(1, 5), st.randoms(use_true_random=False))
def test_no_list_is_longer_than_allowed_and_the_order_of_arrival_does_not_matter(market, longest, chance) -> None:
    chosen = allocate(market, longest)
    assert max(lengths([each.pair for each in chosen]).values(), default=0) <= longest
    chance.shuffle(market)
    assert allocate(market, longest) == chosen


@given(markets(), st.integers(1, 4))
def test_a_pair_is_left_out_only_when_one_side_has_no_room(market, longest) -> None:
    chosen = [each.pair for each in allocate(market, longest)]
    length = lengths(chosen)
    for each in market:
        assert each.pair in chosen or longest in (length[each.pair[0]], length[each.pair[1]])


@given(markets(), st.data())
def test_declined_pairs_never_come_back_and_kept_ones_take_up_room(market, data) -> None:
    pairs = [each.pair for each in market]
    never = set(data.draw(st.lists(st.sampled_from(pairs), max_size=5))) if pairs else set()
    kept = [pair for pair in pairs[:2] if pair not in never]
    chosen = [each.pair for each in allocate(market, 3, kept, never)]
    assert not never & set(chosen)
    assert not set(kept) & set(chosen)
    assert max(lengths([*kept, *chosen]).values(), default=0) <= 3


def test_everyone_gets_a_first_partner_before_the_popular_ones_are_handed_round_again() -> None:
    """Ten want the famous firm, which may be shown twice; the small one, whom only firm 3 fits, isn't starved."""
    market = [scored(1, other, 0.99 - other / 100) for other in range(2, 12)] + [scored(2, 3, 0.97), scored(3, 20, 0.6)]
    chosen = [each.pair for each in allocate(market, 2)]
    assert pair_of(UUID(int=3), UUID(int=20)) in chosen
    assert lengths(chosen)[UUID(int=1)] == 2


def test_by_score_alone_the_small_one_would_get_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control of the test above: without turns the best scores take all the room."""
    monkeypatch.setattr(allocation, "range", lambda first, last: [last - 1], raising=False)
    market = [scored(1, other, 0.99 - other / 100) for other in range(2, 12)] + [scored(2, 3, 0.97), scored(3, 20, 0.6)]
    assert pair_of(UUID(int=3), UUID(int=20)) not in [each.pair for each in allocate(market, 2)]


def test_the_best_scores_come_first() -> None:
    market = [scored(1, 2, 0.7), scored(1, 3, 0.9), scored(1, 4, 0.8)]
    assert [each.score for each in allocate(market, 2)] == [0.9, 0.8]
