"""Which needs and offers have met, kept between rounds: only what concerns changed statements is compared again.

Pure (numpy only). The result is the same as if everything were compared anew; a test holds the two against each other.
All is kept in arrays by row of the index, for a hundred thousand organisations have millions of meetings: what a round
asks for is what has changed.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from services.matching.closest import ClosestLists, Directed
from services.matching.rows import Rows
from services.matching.scoring import DECIMALS, Meeting
from services.matching.search import StatementIndex

PER_STATEMENT = 40
"""So many of the closest statements are kept for each need and each offer: eight times the longest list."""
MARGIN = 1e-3
"""By so much the fast comparison of matrices may differ from the exact one, which decides."""
BLOCK = 256
"""Rows compared at once; bounds memory to BLOCK × the rows of a segment, and what has come close."""
BLOCKS_BETWEEN = 16
"""After so many blocks it is looked up again what a list must reach when everything is compared."""

Keys = npt.NDArray[np.int64]
"""Pairs of organisations by their numbers in the index: the smaller one × 2³² + the other."""


class Meetings:
    """Needs and offers of different countries with a similarity of ``at_least``.

    For each need its closest offers and for each offer its closest needs, at most ``per_statement``; two have met when
    one is among the closest of the other.
    """

    def __init__(self, at_least: float, per_statement: int = PER_STATEMENT) -> None:
        self._at_least = at_least
        self._lists = ClosestLists(per_statement)
        self._serial = np.zeros(0, np.int64)
        """By row: which writing was seen there the last time; 0: none."""
        self._fresh = np.zeros(0, np.intp)
        self._organisation = np.zeros(0, np.int32)

    def update(self, index: StatementIndex) -> Keys:
        """Bring the meetings in line with a later snapshot of the same store; returns the pairs of organisations
        between whom meetings have come or gone.
        """
        serial = index.columns.serial
        before = np.concatenate([self._serial, np.zeros(len(serial) - len(self._serial), np.int64)])
        gone = np.flatnonzero((before > 0) & (before != serial))
        fresh = np.flatnonzero((serial > 0) & (before != serial))
        self._fresh = fresh
        if not gone.size and not fresh.size:
            return np.zeros(0, np.int64)
        self._lists.grow(len(serial))
        listing = self._lists.listing(gone)
        again = np.union1d(fresh, self._short(gone, listing))
        found = self._close(index, again)
        difference = self._lists.replace(gone, listing, again, fresh, found, index.columns)
        lost, won = _keys(difference.lost, self._organisation), _keys(difference.won, index.columns.organisation)
        self._serial, self._organisation = serial, index.columns.organisation
        return np.union1d(lost, won)

    def partners(self, index: StatementIndex, organisations: Rows) -> Keys:
        """Return the pairs between whom there are meetings and of whom one is of these organisations (by number), as
        far as the last update has not told of them: of new statements it has.
        """
        rows = np.setdiff1d(_rows_of(index, organisations), self._fresh)
        if not rows.size:
            return np.zeros(0, np.int64)
        entries = self._lists.entries(np.union1d(rows, self._lists.listing(rows)))
        ours = np.isin(entries.owner, rows) | np.isin(entries.other, rows)
        pairs = np.stack([entries.owner[ours], entries.other[ours]], axis=1)
        return np.unique(_keys(pairs, index.columns.organisation))

    def between(self, index: StatementIndex, keys: Keys) -> Iterator[tuple[int, list[Meeting]]]:
        """Yield for each of these pairs of organisations (``keys`` rise) all its meetings, the closest first; nothing
        for those without any. ``index`` is the one of the last update.
        """
        if not keys.size:
            return
        rows = _rows_of(index, np.unique(np.concatenate([keys >> 32, keys & 0xFFFFFFFF])))
        entries = self._lists.entries(rows)
        is_need = index.is_need(entries.owner)
        needs, offers = (np.where(chosen, entries.owner, entries.other) for chosen in (is_need, ~is_need))
        _, first = np.unique(needs << 32 | offers, return_index=True)
        needs, offers, values = needs[first], offers[first], entries.value[first]
        pairs = _keys(np.stack([needs, offers], axis=1), index.columns.organisation)
        wanted = np.flatnonzero(np.isin(pairs, keys))
        if not wanted.size:
            return
        high, low = index.columns.high, index.columns.low
        ties = (low[offers[wanted]], high[offers[wanted]], low[needs[wanted]], high[needs[wanted]])
        wanted = wanted[np.lexsort((*ties, -values[wanted], pairs[wanted]))]
        starts = np.flatnonzero(np.diff(pairs[wanted], prepend=-1))
        ends = [*starts[1:].tolist(), len(wanted)]
        triples = list(zip(needs[wanted].tolist(), offers[wanted].tolist(), values[wanted].tolist(), strict=True))
        for start, end, key in zip(starts.tolist(), ends, pairs[wanted][starts].tolist(), strict=True):
            yield key, [_meeting(index, *each) for each in triples[start:end]]

    def everywhere(self, index: StatementIndex) -> Keys:
        """Return all pairs between whom there are meetings."""
        entries = self._lists.entries(index.live)
        pairs = np.stack([entries.owner, entries.other], axis=1)
        return np.unique(_keys(pairs, index.columns.organisation))

    def _short(self, gone: Rows, listing: Rows) -> Rows:
        """Return those of the rows that list one that is gone whose lists were full: what came next is not known."""
        return np.setdiff1d(listing[self._lists.floors[listing] >= 0], gone)

    def _close(self, index: StatementIndex, again: Rows) -> Directed:
        """Return (row, other, exact similarity) of whatever may be among the closest of either; rows are ``again``."""
        if len(again) == len(index.live):
            return self._close_everything(index)
        floors = self._floors(again)
        parts = [Directed(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0, np.float32))]
        kinds = index.columns.ground[again] * 2 + index.is_need(again)
        for kind in np.unique(kinds):
            mine = again[kinds == kind]
            blocks = (mine[start : start + BLOCK] for start in range(0, len(mine), BLOCK))
            parts += [self._close_to(index, block, floors) for block in blocks]
        return _together(parts)

    def _close_everything(self, index: StatementIndex) -> Directed:
        """Do so for all rows. Each need is compared with each offer once, and is found by it in turn: what an offer's
        list must reach rises as needs are compared.
        """
        needs = index.live[index.is_need(index.live)]
        floors = np.full(len(index.columns.serial), -1.0, np.float32)
        found = Directed(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0, np.float32))
        parts: list[Directed] = []
        grounds = index.columns.ground[needs]
        for ground in np.unique(grounds):
            mine = needs[grounds == ground]
            for start in range(0, len(mine), BLOCK):
                parts.append(self._close_to(index, mine[start : start + BLOCK], floors))
                if len(parts) == BLOCKS_BETWEEN:
                    found, parts = _together([found, *parts]), []
                    floors = self._reached(found.turned(), len(floors)) - np.float32(MARGIN)
        found = _together([found, *parts])
        return found.and_also(found.turned())

    def _reached(self, entries: Directed, rows: int) -> npt.NDArray[np.float32]:
        """Return by row what gets onto the list of a statement that has found these; -1 while there is room."""
        order = np.lexsort((-entries.value, entries.owner))
        starts = np.searchsorted(entries.owner[order], np.arange(rows + 1))
        full = np.flatnonzero(np.diff(starts) >= self._lists.most)
        floors = np.full(rows, -1.0, np.float32)
        floors[full] = entries.value[order][starts[full] + self._lists.most - 1]
        return floors

    def _close_to(self, index: StatementIndex, block: Rows, floors: npt.NDArray[np.float32]) -> Directed:
        """Do so for rows of the same role and ground."""
        none = (np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0))
        places, columns, similarities = map(
            np.concatenate, zip(none, *index.close(block, self._at_least - MARGIN), strict=True)
        )
        close = self._among_best(places, similarities, len(block)) | (similarities >= floors[columns])
        pairs = np.stack([block[places[close]], columns[close]], axis=1)
        exact = index.exact(pairs)
        reached = exact >= self._at_least
        return Directed(pairs[reached, 0], pairs[reached, 1], exact[reached].astype(np.float32))

    def _floors(self, again: Rows) -> npt.NDArray[np.float32]:
        """Return by row what gets onto its statement's list; nothing does here where the whole row is compared."""
        floors = self._lists.floors - np.float32(MARGIN)
        floors[again] = np.inf
        return floors

    def _among_best(self, places: Rows, similarities: npt.NDArray[np.float64], rows: int) -> npt.NDArray[np.bool_]:
        """Which may be among the best of their row, all near ties with the last of them included."""
        order = np.lexsort((-similarities, places))
        starts = np.searchsorted(places[order], np.arange(rows + 1))
        cut = np.full(rows, -np.inf)
        full = np.flatnonzero(np.diff(starts) > self._lists.most)
        cut[full] = similarities[order][starts[full] + self._lists.most - 1] - 2 * MARGIN
        best: npt.NDArray[np.bool_] = similarities >= cut[places]
        return best


def _together(parts: list[Directed]) -> Directed:
    return Directed(*(np.concatenate([getattr(each, name) for each in parts]) for name in vars(parts[0])))


def _meeting(index: StatementIndex, need: int, offer: int, similarity: float) -> Meeting:
    needed, offered = index.fact(need), index.fact(offer)
    return Meeting(round(similarity, DECIMALS), needed.id, needed.organisation_id, offered.id, offered.organisation_id)


def _rows_of(index: StatementIndex, organisations: npt.NDArray[np.integer]) -> Rows:
    wanted = np.zeros(len(index.organisations) + 1, bool)
    wanted[organisations] = True
    return index.live[wanted[index.columns.organisation[index.live]]]


def _keys(pairs: Rows, organisation: npt.NDArray[np.int32]) -> Keys:
    """Return the keys of the organisations of pairs of rows."""
    sides = organisation[pairs].astype(np.int64)
    keys: Keys = sides.min(axis=1) << 32 | sides.max(axis=1)
    return keys
