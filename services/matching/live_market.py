"""A market that is kept between rounds: a few scores change, millions stay where they are. Pure (numpy only)."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from services.matching.market import Market, Numbers, market_of
from services.matching.scoring import Scored

MANY = 0.02
"""When a larger share of the pairs changes, the market is made anew."""


class LiveMarket:
    """The market of all candidates. What it returns is good until the next change."""

    def __init__(self, scored: Sequence[Scored] = ()) -> None:
        self._begin(scored)

    def _begin(self, scored: Sequence[Scored]) -> None:
        self._scored = list(scored)
        self._free: list[int] = []
        """Places in ``_scored`` that no row refers to."""
        self._market = market_of(self._scored)

    @property
    def market(self) -> Market:
        """All candidates."""
        return self._market

    def replace(self, gone: Collection[Scored], new: Collection[Scored]) -> None:
        """Take these pairs, which are all on the market, from it and put those, which then are not, on it."""
        rows = np.array([self._row(each) for each in gone], np.int64)
        left = np.ones(len(self._market), bool)
        left[rows] = False
        if len(gone) + len(new) > MANY * len(left):
            self._begin([*self._market.pairs(np.flatnonzero(left)), *new])
            return
        self._free += self._market.source[rows].tolist()
        self._market = self._market.only(left)
        self._welcome({side.int for each in new for side in each.pair} - self._market.number.keys())
        self._insert(sorted(new, key=lambda each: (-each.score, each.pair)))

    def _welcome(self, newcomers: set[int]) -> None:
        """Number organisations that are new on the market; who has left it stays numbered."""
        if not newcomers:
            return
        before = self._market
        number = {each: place for place, each in enumerate(sorted({*before.number, *newcomers}))}
        moved = np.fromiter((number[each] for each in before.number), np.int64, len(before.number))
        self._market = replace(
            before,
            number=number,
            first=moved[before.first],
            second=moved[before.second],
            kept=np.zeros(len(number), np.int64),
        )

    def _insert(self, best_first: Sequence[Scored]) -> None:
        market = self._market
        places = np.array([self._place(each) for each in best_first], np.int64)
        sides = [[market.number[each.pair[side].int] for each in best_first] for side in (0, 1)]
        self._market = replace(
            market,
            source=np.insert(market.source, places, [self._store(each) for each in best_first]),
            first=np.insert(market.first, places, sides[0]),
            second=np.insert(market.second, places, sides[1]),
            score=np.insert(market.score, places, [each.score for each in best_first]),
        )

    def _store(self, scored: Scored) -> int:
        if self._free:
            self._scored[place := self._free.pop()] = scored
            return place
        self._scored.append(scored)
        return len(self._scored) - 1

    def _row(self, scored: Scored) -> int:
        """Return the row of a pair on the market; raises ``KeyError`` if it isn't there with this score."""
        row = self._place(scored) if all(side.int in self._market.number for side in scored.pair) else 0
        if row < len(self._market) and self._market.pairs(np.array([row]))[0].pair == scored.pair:
            return row
        raise KeyError(scored.pair)

    def _place(self, scored: Scored) -> int:
        """Return in which row a pair stands, or would: before it are the better ones and equals with smaller ids."""
        worst_first = self._market.score[::-1]
        begin = len(worst_first) - int(np.searchsorted(worst_first, scored.score, "right"))
        end = len(worst_first) - int(np.searchsorted(worst_first, scored.score, "left"))
        one, other = (self._market.number[side.int] for side in scored.pair)
        equals: Numbers = self._market.first[begin:end] * len(self._market.number) + self._market.second[begin:end]
        return begin + int(np.searchsorted(equals, one * len(self._market.number) + other))
