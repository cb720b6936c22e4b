"""How evenly organisations are shown, beside what lists by score alone would do, and what that costs. Pure."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.matching.market import Market, Numbers
from services.matching.parties import Pair


@dataclass(frozen=True)
class Exposure:
    """How often organisations are shown to others.

    ``gini``: 0 when all are shown equally often … 1 when one alone is. ``unseen``: shown to nobody. ``most``: how often
    the one shown most is. ``places``: filled places of all lists; ``mean_score``: of the pair in a place.
    """

    gini: float
    unseen: int
    most: int
    places: int
    mean_score: float


@dataclass(frozen=True)
class Spread:
    """Exposure of the ``organisations`` that have a candidate at all.

    ``by_score``: if everyone simply got the best by score. ``shown``: by the allocation.
    """

    organisations: int
    by_score: Exposure
    shown: Exposure

    @property
    def cost(self) -> float:
        """By how much a list's place is worth less, in mean score."""
        return self.by_score.mean_score - self.shown.mean_score


def spread(market: Market, shown: Collection[Pair], per_organisation: int) -> Spread:
    """Compare lists of ``per_organisation`` by score alone with what is ``shown``, among all that may be proposed.

    ``market``: all but those that were declined.
    """
    rows = market.rows_of(shown)
    there = np.flatnonzero(market.count(np.arange(len(market))))
    seen, values = lists_by_score(market, per_organisation)
    by_score = _exposure(seen[there], values)
    return Spread(len(there), by_score, _exposure(market.count(rows)[there], np.repeat(market.score[rows], 2)))


def lists_by_score(market: Market, longest: int) -> tuple[Numbers, npt.NDArray[np.float64]]:
    """Give everyone the best by score; return by organisation in how many lists it is, and the score in each place."""
    owner = np.stack((market.first, market.second), axis=1).ravel()
    other = np.stack((market.second, market.first), axis=1).ravel()
    best_first = np.argsort(owner, kind="stable")
    length = np.bincount(owner, minlength=len(market.number))
    place = np.arange(len(owner)) - np.repeat(np.cumsum(length) - length, length)
    best = best_first[place < longest]
    return np.bincount(other[best], minlength=len(market.number)).astype(np.int64), market.score[best // 2]


def gini(counts: npt.ArrayLike) -> float:
    """Return the Gini coefficient of how often each one is shown; 0 when nobody is."""
    ordered = np.sort(np.asarray(counts, np.float64))
    total, size = ordered.sum(), len(ordered)
    if not total:
        return 0.0
    return float(((2 * np.arange(1, size + 1) - size - 1) * ordered).sum() / (size * total))


def _exposure(counts: Numbers, scores: npt.NDArray[np.float64]) -> Exposure:
    mean = float(scores.mean()) if len(scores) else 0.0
    most = int(counts.max(initial=0))
    return Exposure(gini(counts), int((counts == 0).sum()), most, len(scores), mean)
