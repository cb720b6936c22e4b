"""Allocation: short lists, the best first, nobody crowded out, nothing that was declined."""

from collections.abc import Callable
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching import allocation
from services.matching.allocation import allocate
from services.matching.parties import Pair, pair_of
from services.matching.scoring import Scored
from tests.matching.markets import allocate_simply, lengths, markets, scored

FAMOUS, STUFFED = UUID(int=1), UUID(int=1)


def random_market(organisations: int, pairs: int, seed: int) -> list[Scored]:
    """Return scored pairs of which a few organisations have most, as the famous do."""
    chance = Random(seed)
    drawn = {
        tuple(sorted((int(organisations * chance.random() ** 3), chance.randrange(organisations))))
        for _ in range(pairs)
    }
    return [scored(one, other, round(chance.uniform(0.6, 1), 2)) for one, other in sorted(drawn) if one != other]


@given(markets(), st.integers(0, 5), st.data())
def test_it_chooses_what_the_plain_way_of_going_through_all_pairs_chooses(market, longest, data) -> None:
    some = st.lists(st.sampled_from([each.pair for each in market]), max_size=6) if market else st.just([])
    kept, never = data.draw(some), set(data.draw(some))
    kept = [pair for pair in dict.fromkeys(kept) if pair not in never] + [pair_of(UUID(int=2), UUID(int=99))]
    assert allocate(market, longest, kept, never) == allocate_simply(market, longest, kept, never)


@pytest.mark.parametrize("block", [1, 7, 8192])
def test_it_does_so_however_many_are_looked_at_together(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(allocation, "BLOCK", block)
    market = random_market(150, 2500, seed=block)
    assert allocate(market, 4) == allocate_simply(market, 4)


@given(markets(), st.integers(1, 5), st.randoms(use_true_random=False))
def test_no_list_is_longer_than_allowed_and_the_order_of_arrival_does_not_matter(market, longest, chance) -> None:
    chosen = allocate(market, longest)
    assert max(lengths([each.pair for each in chosen]).values(), default=0) <= longest
    chance.shuffle(market)
    assert allocate(market, longest) == chosen


def is_maximal(market: list[Scored], chosen: list[Pair], longest: int) -> bool:
    """Whether of every pair that was left out one side's list is full."""
    length = lengths(chosen)
    return all(each.pair in chosen or longest in (length[each.pair[0]], length[each.pair[1]]) for each in market)


@given(markets(), st.integers(1, 4))
def test_a_pair_is_left_out_only_when_one_side_has_no_room(market, longest) -> None:
    assert is_maximal(market, [each.pair for each in allocate(market, longest)], longest)


@given(markets(), st.integers(1, 4))
def test_who_gets_nothing_has_only_candidates_whose_lists_are_full(market, longest) -> None:
    length = lengths(each.pair for each in allocate(market, longest))
    for one, other in (each.pair for each in market):
        assert length[one] or length[other] == longest
        assert length[other] or length[one] == longest


@given(markets(), st.data())
def test_declined_pairs_never_come_back_and_kept_ones_take_up_room(market, data) -> None:
    pairs = [each.pair for each in market]
    never = set(data.draw(st.lists(st.sampled_from(pairs), max_size=5))) if pairs else set()
    kept = [pair for pair in pairs[:2] if pair not in never]
    chosen = [each.pair for each in allocate(market, 3, kept, never)]
    assert not never & set(chosen)
    assert not set(kept) & set(chosen)
    assert max(lengths([*kept, *chosen]).values(), default=0) <= 3


def test_one_candidate_more_can_leave_others_without_any() -> None:
    """A limit that short lists have: two whom a candidate brings together have one place less for others each."""
    market = [scored(1, 3, 0.7), scored(1, 4, 0.7), scored(2, 5, 0.7), scored(2, 6, 0.7)]
    assert len(lengths(each.pair for each in allocate(market, 2))) == 6
    assert len(lengths(each.pair for each in allocate([*market, scored(1, 2, 0.9)], 2))) == 4


FAMOUS_AND_SMALL = [
    *(scored(1, other, 0.99 - other / 100) for other in range(2, 12)),
    scored(2, 3, 0.97),
    scored(3, 20, 0.6),
]


def test_everyone_gets_a_first_partner_before_the_popular_ones_are_handed_round_again() -> None:
    """Ten want the famous firm, which may be shown twice; the small one, whom only firm 3 fits, isn't starved."""
    chosen = [each.pair for each in allocate(FAMOUS_AND_SMALL, 2)]
    assert pair_of(UUID(int=3), UUID(int=20)) in chosen
    assert lengths(chosen)[FAMOUS] == 2


def test_by_score_alone_the_small_one_would_get_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control of the test above: without turns the best scores take all the room."""
    monkeypatch.setattr(allocation, "turns", lambda last: [last])
    assert pair_of(UUID(int=3), UUID(int=20)) not in [each.pair for each in allocate(FAMOUS_AND_SMALL, 2)]


def test_the_best_scores_come_first() -> None:
    market = [scored(1, 2, 0.7), scored(1, 3, 0.9), scored(1, 4, 0.8)]
    assert [each.score for each in allocate(market, 2)] == [0.9, 0.8]


def stuffed_market() -> list[Scored]:
    """Return a market in which the first organisation claims everything: it fits all others best of all."""
    honest = [scored(one, other, 0.7) for one in range(2, 22) for other in range(22, 42) if (one + other) % 4 == 0]
    return [*honest, *(scored(1, other, 0.99) for other in range(2, 42))]


def test_who_claims_everything_is_shown_no_oftener_than_anyone_and_takes_nobodys_place_but_those() -> None:
    length = lengths(each.pair for each in allocate(stuffed_market(), 5))
    honest = lengths(each.pair for each in allocate([each for each in stuffed_market() if STUFFED not in each.pair], 5))
    assert length.pop(STUFFED) == 5
    assert set(length) == set(honest)
    assert sum(length.values()) >= sum(honest.values()) - 5


def remove_the_cap(market, rows, length, turn, most):  # type: ignore[no-untyped-def]
    """Take whatever there is, as if nobody counted."""
    return rows


def turn_round(market: list[Scored], longest: int) -> list[Scored]:
    """Take pairs in the order in which they came."""
    chosen: list[Scored] = []
    for each in market:
        length = lengths(one.pair for one in chosen)
        if max(length[side] for side in each.pair) < longest:
            chosen.append(each)
    return chosen


def test_negative_control_without_the_cap_the_famous_flood_everyone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocation, "_one_by_one", remove_the_cap)
    assert lengths(each.pair for each in allocate(stuffed_market(), 5))[STUFFED] == 40


@pytest.mark.parametrize("wrong", [turn_round, lambda market, longest: allocate(market[: len(market) // 2], longest)])
def test_negative_control_the_checks_see_what_goes_by_arrival_or_leaves_pairs_out(
    wrong: Callable[[list[Scored], int], list[Scored]],
) -> None:
    market = random_market(30, 200, seed=3)
    chosen = wrong(market, 3)
    assert wrong(market[::-1], 3) != chosen or not is_maximal(market, [each.pair for each in chosen], 3)
    assert {each.pair for each in chosen} != {each.pair for each in allocate_simply(market, 3)}


def test_negative_control_a_declined_pair_would_come_back() -> None:
    market = random_market(30, 200, seed=4)
    declined = allocate(market, 3)[0].pair
    assert declined in [each.pair for each in allocate(market, 3)]
    assert declined not in [each.pair for each in allocate(market, 3, never={declined})]
