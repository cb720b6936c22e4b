"""Which needs and offers have met, kept between rounds: only what concerns changed statements is compared again.

Pure (numpy only). The result is the same as if everything were compared anew; a test holds the two against each other.
"""

from collections.abc import Iterator
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.matching.scoring import Meeting
from services.matching.search import Indexed, StatementIndex
from shared.contracts.profiles import StatementRole

PER_STATEMENT = 40
"""So many of the closest statements are kept for each need and each offer: eight times the longest list."""
MARGIN = 1e-3
"""By so much the fast comparison of matrices may differ from the exact one, which decides."""
BLOCK = 256
"""Rows compared at once; bounds memory to BLOCK × statements."""

Closest = dict[UUID, float]


class Meetings:
    """Needs and offers of different countries with a similarity of ``at_least``.

    For each need its closest offers and for each offer its closest needs, at most ``per_statement``; two have met when
    one is among the closest of the other.
    """

    def __init__(self, at_least: float, per_statement: int = PER_STATEMENT) -> None:
        self._at_least = at_least
        self._most = per_statement
        self._entries: dict[UUID, Indexed] = {}
        self._closest: dict[UUID, Closest] = {}
        """By statement: its closest of the other role, with their exact similarities."""
        self._listed_by: dict[UUID, set[UUID]] = {}
        self._met: dict[tuple[UUID, UUID], Meeting] = {}
        """By need and offer."""

    def update(self, index: StatementIndex) -> list[Meeting]:
        """Bring the meetings in line with an index, by the entries that it has in place of those of the last time."""
        entries = {each.statement.id: each for each in index.entries}
        again = self._forget([known for known, entry in self._entries.items() if entries.get(known) is not entry])
        fresh = {each for each, entry in entries.items() if self._entries.get(each) is not entry}
        self._entries = entries
        for row, column, similarity in self._close(index, fresh | again):
            one, other = index.entries[row].statement.id, index.entries[column].statement.id
            self._list(one, other, similarity)
            self._list(other, one, similarity)
        return list(self._met.values())

    def _forget(self, gone: list[UUID]) -> set[UUID]:
        """Drop statements; return those whose full lists have lost one, for what came next is not known."""
        short = set()
        for each in gone:
            for other in tuple(self._closest.get(each, ())):
                self._unlist(each, other)
            for other in tuple(self._listed_by.get(each, ())):
                if len(self._closest[other]) >= self._most:
                    short.add(other)
                self._unlist(other, each)
            self._closest.pop(each, None)
            self._listed_by.pop(each, None)
        return short.difference(gone)

    def _close(self, index: StatementIndex, again: set[UUID]) -> Iterator[tuple[int, int, float]]:
        """Yield (row, column, exact similarity) of whatever may be among the closest of either; rows are ``again``."""
        rows, floors = index.rows_of(again), self._floors(index, again)
        for role, other in ((StatementRole.NEED, StatementRole.OFFER), (StatementRole.OFFER, StatementRole.NEED)):
            mine, columns = np.intersect1d(rows, index.rows(role)), index.rows(other)
            if not mine.size or not columns.size:
                continue
            for start in range(0, len(mine), BLOCK):
                block = mine[start : start + BLOCK]
                similarities = index.abroad(block, columns)
                close = self._among_best(similarities) | (similarities >= floors[columns])
                close &= similarities >= self._at_least - MARGIN
                found, places = np.nonzero(close)
                pairs = np.stack([block[found], columns[places]], axis=1)
                for (row, column), exact in zip(pairs.tolist(), index.exact(pairs).tolist(), strict=True):
                    if exact >= self._at_least:
                        yield row, column, exact

    def _floors(self, index: StatementIndex, again: set[UUID]) -> npt.NDArray[np.float64]:
        """Return by row what gets onto its statement's list; nothing does here where the whole row is compared."""
        floors = np.full(len(index.entries), self._at_least)
        for row, entry in enumerate(index.entries):
            closest = self._closest.get(entry.statement.id, {})
            if entry.statement.id in again:
                floors[row] = np.inf
            elif len(closest) >= self._most:
                floors[row] = min(closest.values())
        return floors - MARGIN

    def _among_best(self, similarities: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Which columns may be among the best of their row, all near ties with the last of them included."""
        if similarities.shape[1] <= self._most:
            return np.ones(similarities.shape, bool)
        last = -np.partition(-similarities, self._most - 1, axis=1)[:, self._most - 1 : self._most]
        best: npt.NDArray[np.bool_] = similarities >= last - 2 * MARGIN
        return best

    def _list(self, one: UUID, other: UUID, similarity: float) -> None:
        """Put a statement among the closest of another, if it is."""
        closest = self._closest.setdefault(one, {})
        closest[other] = similarity
        self._listed_by.setdefault(other, set()).add(one)
        self._meet(one, other, similarity)
        if len(closest) > self._most:
            self._unlist(one, max(closest, key=lambda each: (-closest[each], each)))

    def _meet(self, one: UUID, other: UUID, similarity: float) -> None:
        need, offer = self._need_first(one, other)
        if (need, offer) not in self._met:
            facts = self._entries[need].statement, self._entries[offer].statement
            needing, offering = (each.organisation_id for each in facts)
            self._met[need, offer] = Meeting(similarity, need, needing, offer, offering)

    def _unlist(self, one: UUID, other: UUID) -> None:
        del self._closest[one][other]
        self._listed_by[other].discard(one)
        if one not in self._closest.get(other, ()):
            self._met.pop((one, other), None)
            self._met.pop((other, one), None)

    def _need_first(self, one: UUID, other: UUID) -> tuple[UUID, UUID]:
        is_need = self._entries[one].statement.role == StatementRole.NEED
        return (one, other) if is_need else (other, one)
