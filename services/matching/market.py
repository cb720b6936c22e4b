"""Pairs that may be proposed, as arrays: so millions of them are sorted and counted at once. Pure (numpy only)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.matching.parties import Pair
from services.matching.scoring import Scored

Numbers = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Market:
    """Scored pairs in rows, best first, ties by ids, each pair once; organisations are numbered in the order of ids.

    ``ids``: the organisations' ids as integers. ``first``, ``second``: shape (rows,), the two sides' numbers.
    ``source``: where each row's pair stands in ``scored``. ``kept``: by organisation, how many pairs stand already.
    """

    scored: Sequence[Scored]
    ids: list[int]
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
        return np.bincount(sides, minlength=len(self.ids)).astype(np.int64)

    def sum(self, rows: Numbers, values: Shares) -> Shares:
        """Return by organisation the sum of the values, shape (len(rows),), of those of these rows that it is in."""
        sides = np.concatenate((self.first[rows], self.second[rows]))
        totals: Shares = np.bincount(sides, np.concatenate((values, values)), len(self.ids)).astype(np.float64)
        return totals

    def rows_of(self, pairs: Collection[Pair]) -> Numbers:
        """Return the rows of those of these pairs that are on the market."""
        numbered = {each: number for number, each in enumerate(self.ids)}
        wanted = _keys(pairs, numbered)
        return np.flatnonzero(np.isin(self.first * len(self.ids) + self.second, wanted))


def market_of(scored: Sequence[Scored], kept: Collection[Pair] = (), never: Collection[Pair] = ()) -> Market:
    """Return the market of all pairs but those that stand already and those that are never to be proposed.

    It depends on the set of ``scored`` only, not on its order.
    """
    ones, others = ([each.pair[side].int for each in scored] for side in (0, 1))
    ids = sorted({*ones, *others})
    numbered = {each: number for number, each in enumerate(ids)}
    first, second = (np.fromiter(map(numbered.__getitem__, side), np.int64, len(side)) for side in (ones, others))
    score = np.fromiter((each.score for each in scored), np.float64, len(scored))
    keys = first * len(ids) + second
    source = np.lexsort((keys, -score))
    if kept or never:
        source = source[~np.isin(keys[source], _keys((*kept, *never), numbered))]
    standing = [numbered[side.int] for pair in kept for side in pair if side.int in numbered]
    count = np.bincount(np.array(standing, np.int64), minlength=len(ids)).astype(np.int64)
    return Market(scored, ids, source, first[source], second[source], score[source], count)


def _keys(pairs: Iterable[Pair], numbered: Mapping[int, int]) -> Numbers:
    """Return one number for each pair whose organisations are both on the market."""
    found = ((numbered.get(one.int), numbered.get(other.int)) for one, other in pairs)
    return np.array([one * len(numbered) + other for one, other in found if one is not None and other is not None], int)
