"""For every statement its closest ones of the other role, as arrays by row of the index. Pure (numpy only)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.matching.rows import Columns, Rows

Values = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
NOBODY = -1
FEW = 16
"""So many rows are looked for one after the other; for more of them every entry is looked up in a table."""


@dataclass(frozen=True)
class Directed:
    """Entries of lists: ``owner`` has ``other`` on its list, with this similarity; all of shape (n,)."""

    owner: Rows
    other: Rows
    value: Values

    def only(self, chosen: Flags | Rows) -> "Directed":
        """Return some of the entries."""
        return Directed(self.owner[chosen], self.other[chosen], self.value[chosen])

    def turned(self) -> "Directed":
        """Return the entries as those of the others' lists."""
        return Directed(self.other, self.owner, self.value)

    def and_also(self, more: "Directed") -> "Directed":
        """Return these entries and more."""
        return Directed(*(np.concatenate([getattr(self, name), getattr(more, name)]) for name in vars(self)))

    @property
    def keys(self) -> npt.NDArray[np.int64]:
        return self.owner.astype(np.int64) << 32 | self.other


@dataclass(frozen=True)
class Difference:
    """Pairs of rows, shape (n, 2), that no longer list one another, and that do so for the first time."""

    lost: Rows
    won: Rows


class ClosestLists:
    """At most ``most`` entries for each row, the closest first, ties by the statements' ids."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._others = np.full((0, most), NOBODY, np.int32)
        self._values = np.full((0, most), -1.0, np.float32)

    def grow(self, rows: int) -> None:
        """Make room for so many rows."""
        more = rows - len(self._others)
        if more > 0:
            self._others = np.concatenate([self._others, np.full((more, self.most), NOBODY, np.int32)])
            self._values = np.concatenate([self._values, np.full((more, self.most), -1.0, np.float32)])

    @property
    def floors(self) -> Values:
        """What a similarity must reach to get onto a row's list; -1 while there is room."""
        return self._values[:, -1]

    def listing(self, rows: Rows) -> Rows:
        """Return the rows that have one of these on their lists."""
        if len(rows) <= FEW:
            places = [np.flatnonzero(self._others.ravel() == row) // self.most for row in rows]
            return np.unique(np.concatenate(places)) if places else np.zeros(0, np.intp)
        return np.flatnonzero(_flags(rows, len(self._others))[self._others].any(axis=1))

    def entries(self, rows: Rows) -> Directed:
        """Return all entries of the lists of these rows."""
        return _entries(rows, self._others[rows], self._values[rows])

    def replace(
        self, gone: Rows, listing: Rows, again: Rows, fresh: Rows, found: Directed, columns: Columns
    ) -> Difference:
        """Drop statements, make the lists of ``again`` those that were ``found``, and let these be found in turn.

        ``listing``: the rows that list what is gone; ``fresh``: those of ``again`` that are new, perhaps in a row of a
        statement that is gone. ``columns``: of the index that holds what is there now.
        """
        is_gone, is_again = _flags(gone, len(self._others)), _flags(again, len(self._others))
        taken = found.and_also(found.turned().only(~is_again[found.other]))
        touched = np.unique(np.concatenate([gone, again, listing, taken.owner]))
        before_others, before = self._others[touched], self.entries(touched)
        kept = before.only(~(is_gone[before.owner] | is_again[before.owner] | is_gone[before.other]))
        self._write(touched, kept.and_also(taken), columns)
        after = self.entries(touched)
        lost, won = _missing(before, after, is_gone), _missing(after, before, _flags(fresh, len(self._others)))
        stays = self._listed(lost.other, lost.owner) & ~(is_gone[lost.owner] | is_gone[lost.other])
        place = np.full(len(self._others), NOBODY)
        place[touched] = np.arange(len(touched))
        was = self._others[won.other]
        was[place[won.other] >= 0] = before_others[place[won.other][place[won.other] >= 0]]
        is_fresh = _flags(fresh, len(self._others))
        known = (was == won.owner[:, None]).any(axis=1) & ~(is_fresh[won.owner] | is_fresh[won.other])
        return Difference(_pairs(lost.only(~stays)), _pairs(won.only(~known)))

    def _listed(self, owner: Rows, other: Rows) -> Flags:
        listed: Flags = (self._others[owner] == other[:, None]).any(axis=1)
        return listed

    def _write(self, touched: Rows, entries: Directed, columns: Columns) -> None:
        """Give the touched rows the best of these entries."""
        entries = entries.only(np.unique(entries.keys, return_index=True)[1])
        other = entries.other
        order = np.lexsort((columns.low[other], columns.high[other], -entries.value, entries.owner))
        owner = entries.owner[order]
        starts = np.searchsorted(owner, owner)
        rank = np.arange(len(owner)) - starts
        chosen = rank < self.most
        self._others[touched], self._values[touched] = NOBODY, -1.0
        self._others[owner[chosen], rank[chosen]] = entries.other[order][chosen]
        self._values[owner[chosen], rank[chosen]] = entries.value[order][chosen]


def _entries(rows: Rows, others: npt.NDArray[np.int32], values: Values) -> Directed:
    places, ranks = np.nonzero(others != NOBODY)
    return Directed(rows[places], others[places, ranks].astype(np.intp), values[places, ranks])


def _missing(these: Directed, those: Directed, replaced: Flags) -> Directed:
    """Return which of these entries are not among those, or are not the same any more: one side was replaced."""
    same = np.isin(these.keys, those.keys)
    return these.only(~same | replaced[these.owner] | replaced[these.other])


def _pairs(entries: Directed) -> Rows:
    return np.stack([entries.owner, entries.other], axis=1)


def _flags(rows: Rows, length: int) -> Flags:
    """Return by row whether it is one of these; one more at the end stands for nobody."""
    flags = np.zeros(length + 1, bool)
    flags[rows] = True
    return flags
