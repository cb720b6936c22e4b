"""Pairs that may be proposed, as arrays: so millions of them are sorted and counted at once. Pure (numpy only)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from services.matching.parties import Pair
from services.matching.scoring import Scored

Numbers = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Market:
    """Scored pairs in rows, best first, ties by ids, each pair once; organisations are numbered in the order of ids.

    ``number``: of each organisation, by its id as an integer, ascending. ``first``, ``second``: shape (rows,), the two
    sides' numbers. ``source``: where each row's pair stands in ``scored``. ``kept``: by organisation, how many pairs
    stand already.
    """

    scored: Sequence[Scored]
    number: Mapping[int, int]
    source: Numbers
    first: Numbers
    second: Numbers
    score: Shares
    kept: Numbers

    def __len__(self) -> int:
        return len(self.source)

    def pairs(self, rows: Numbers) -> list[Scored]:
        """Return the scored pairs of these rows."""
        return [self.scored[each] for each in self.source[rows].tolist()]

    def count(self, rows: Numbers) -> Numbers:
        """Return by organisation in how many of these rows it is."""
        sides = np.concatenate((self.first[rows], self.second[rows]))
        return np.bincount(sides, minlength=len(self.number)).astype(np.int64)

    def sum(self, rows: Numbers, values: Shares) -> Shares:
        """Return by organisation the sum of the values, shape (len(rows),), of those of these rows that it is in."""
        sides = np.concatenate((self.first[rows], self.second[rows]))
        totals: Shares = np.bincount(sides, np.concatenate((values, values)), len(self.number)).astype(np.float64)
        return totals

    def rows_of(self, pairs: Iterable[Pair]) -> Numbers:
        """Return the rows of those of these pairs that are on the market, ascending."""
        found = ((self.number.get(one.int), self.number.get(other.int)) for one, other in pairs)
        known = [one * len(self.number) + other for one, other in found if one is not None and other is not None]
        wanted = np.unique(np.array(known, np.int64))
        if not len(wanted):
            return wanted
        keys = self.keys()
        place = np.searchsorted(wanted, keys)
        place[place == len(wanted)] = 0
        return np.flatnonzero(wanted[place] == keys)

    def keys(self) -> Numbers:
        """Return a number for each row's pair; pairs are in the same order by number and by ids."""
        return self.first * len(self.number) + self.second

    def open(self, kept: Collection[Pair], never: Collection[Pair]) -> "Market":
        """Return the market without pairs that stand already and those that are never to be proposed."""
        sides = [self.number[side.int] for pair in kept for side in pair if side.int in self.number]
        count = np.bincount(np.array(sides, np.int64), minlength=len(self.number)).astype(np.int64)
        there = np.ones(len(self), bool)
        there[self.rows_of((*kept, *never))] = False
        return replace(self if there.all() else self.only(there), kept=count)

    def only(self, there: npt.NDArray[np.bool_]) -> "Market":
        """Return the market of those rows only, ``there``: shape (rows,)."""
        return replace(
            self,
            source=self.source[there],
            first=self.first[there],
            second=self.second[there],
            score=self.score[there],
        )


def market_of(scored: Sequence[Scored], kept: Collection[Pair] = (), never: Collection[Pair] = ()) -> Market:
    """Return the market of all pairs but those that stand already and those that are never to be proposed.

    It depends on the set of ``scored`` only, not on its order.
    """
    ones, others = ([each.pair[side].int for each in scored] for side in (0, 1))
    number = {each: place for place, each in enumerate(sorted({*ones, *others}))}
    first, second = (np.fromiter(map(number.__getitem__, side), np.int64, len(side)) for side in (ones, others))
    score = np.fromiter((each.score for each in scored), np.float64, len(scored))
    source = np.lexsort((first * len(number) + second, -score))
    nobody = np.zeros(len(number), np.int64)
    return Market(scored, number, source, first[source], second[source], score[source], nobody).open(kept, never)
