"""The market kept between rounds: after any changes it is the one that would be made anew."""

from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching import live_market
from services.matching.allocation import allocate
from services.matching.exploration import Exploring, choose, choose_from
from services.matching.live_market import LiveMarket
from services.matching.market import Market, market_of
from services.matching.parties import pair_of
from services.matching.scoring import Scored
from tests.matching.markets import markets, scored

EXPLORING = Exploring(0.2, "seed", "2026-W48")


def rows(market: Market) -> list[Scored]:
    """Return all pairs in the order of the rows, as the arrays tell them."""
    names = list(market.number)
    sides = zip(market.first.tolist(), market.second.tolist(), market.score.tolist(), strict=True)
    told = [scored(names[one], names[other], score) for one, other, score in sides]
    assert told == [market.scored[each] for each in market.source.tolist()]
    return told


@pytest.mark.parametrize("many", [0.02, 10.0])
@given(markets(), st.lists(markets(organisations=15, most=12), max_size=4))
def test_after_any_changes_it_is_the_market_of_what_there_is(many, before, changes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_market, "MANY", many)
        live, known = LiveMarket(before), {each.pair: each for each in before}
        for change in changes:
            dropped = [each for each in known.values() if each.pair[0].int % 5 == len(change) % 5]
            gone = {each.pair: each for each in dropped}
            gone |= {each.pair: known[each.pair] for each in change if each.pair in known}
            live.replace(gone.values(), change)
            known = {pair: each for pair, each in known.items() if pair not in gone}
            known |= {each.pair: each for each in change}
            assert rows(live.market) == rows(market_of(list(known.values())))
            assert choose_from(live.market, 3, EXPLORING) == choose(list(known.values()), 3, exploring=EXPLORING)


def many() -> list[Scored]:
    """Return thousands of scored pairs, many of them equally good."""
    chance = Random(4)
    pairs = sorted({pair_of(UUID(int=chance.randrange(300)), UUID(int=chance.randrange(300))) for _ in range(4000)})
    return [scored(one.int, other.int, chance.randrange(60, 100) / 100) for one, other in pairs if one != other]


def test_a_few_changes_among_many_move_only_those(monkeypatch: pytest.MonkeyPatch) -> None:
    before = many()
    live, gone = LiveMarket(before), before[::200]
    new = [scored(each.pair[0].int, each.pair[1].int, 0.99) for each in gone[1:]] + [scored(7, 999, 0.8)]
    monkeypatch.setattr(live_market, "market_of", None)
    live.replace(gone, new)
    assert rows(live.market) == rows(market_of([*(each for each in before if each not in gone), *new]))


def test_negative_control_pairs_put_anywhere_among_equals_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    before, place = many(), LiveMarket._place
    live = LiveMarket(before[1:])
    monkeypatch.setattr(LiveMarket, "_place", lambda self, each: place(self, each) // 2)
    live.replace([], before[:1])
    assert rows(live.market) != rows(market_of(before))


def test_what_is_not_there_can_not_be_taken_away() -> None:
    live = LiveMarket([scored(1, 2, 0.9)])
    for missing in (scored(1, 2, 0.8), scored(1, 3, 0.9), scored(2, 3, 0.1)):
        with pytest.raises(KeyError):
            live.replace([missing], [])
    assert rows(live.market) == [scored(1, 2, 0.9)]


@given(markets(), st.data())
def test_opened_for_what_stands_and_what_is_ruled_out_it_allocates_as_ever(market, data) -> None:
    some = st.lists(st.sampled_from([each.pair for each in market]), max_size=6) if market else st.just([])
    kept, never = set(data.draw(some)), set(data.draw(some))
    chosen = choose_from(LiveMarket(market).market.open(kept - never, never), 3)
    assert [each.scored for each in chosen] == allocate(market, 3, kept - never, never)
