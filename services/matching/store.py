"""The statements that can be compared, kept up to date: what has changed is written, the rest stays where it is. Pure.

Snapshots share the matrix. A row that is live in a snapshot is never written again in that matrix: statements that go
leave an empty row behind, and such rows are filled again only in a copy of their segment. So a round can go on with the
snapshot that it began with, in another thread, while changes are put in here.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import fields
from uuid import UUID

import numpy as np

from services.matching.encoder.calibration import Calibration, Vectors
from services.matching.parties import StatementFact
from services.matching.rows import SEGMENT, Columns, Names, Segment, widened
from services.matching.search import Indexed, StatementIndex
from shared.contracts.profiles import StatementRole

WORTH_COPYING = SEGMENT // 8
"""Empty rows in a segment are filled again when there are so many: else its copying costs more than it saves."""

Kind = tuple[StatementRole, int]
"""Role and country (by number) of the statements in a segment."""

SERIALS = itertools.count(1)
HALF = 2**64 - 1


class StatementStore:
    """Takes statements in and out; one writer at a time. ``snapshot`` tells what is in it now."""

    def __init__(self, calibrations: Mapping[int, Calibration]) -> None:
        self._calibrations = calibrations
        self._matrices: list[Vectors] = []
        self._kinds: list[Kind] = []
        self._used: list[int] = []
        """By segment: how many of its rows were ever filled."""
        self._left: list[set[int]] = []
        """By segment: rows that were left by their statements."""
        self._open: dict[Kind, list[int]] = {}
        """Rows that no snapshot sees, the next one last."""
        self._columns = Columns(*(np.zeros(0, _type(name)) for name in _names()))
        self._facts: list[StatementFact | None] = []
        self._rows: dict[UUID, int] = {}
        self._countries: dict[str, int] = {}
        self._organisations: list[UUID] = []
        self._numbers: dict[UUID, int] = {}

    def put(self, entries: Iterable[Indexed]) -> None:
        """Take statements in, in place of what was known under their ids."""
        rows, vectors = [], []
        for entry in entries:
            self.drop((entry.statement.id,))
            kind = self._kind(entry)
            rows.append(self._empty_row(kind, len(entry.vector)))
            vectors.append(entry.vector)
            self._note(rows[-1], kind, entry)
        where = np.array(rows, np.intp)
        for place in np.unique(where // SEGMENT):
            mine = np.flatnonzero(where // SEGMENT == place)
            said = [vectors[each] for each in mine.tolist()]
            self._matrices[place][where[mine] % SEGMENT] = widened(np.stack(said))

    def drop(self, ids: Iterable[UUID]) -> None:
        """Take statements out; unknown ones are passed over."""
        for each in ids:
            row = self._rows.pop(each, None)
            if row is not None:
                self._columns.serial[row] = self._columns.ground[row] = 0
                self._facts[row] = None
                self._left[row // SEGMENT].add(row)

    def snapshot(self) -> StatementIndex:
        """Return what is in the store now; it stays as it is, whatever comes later."""
        parts = zip(self._kinds, self._matrices, self._used, strict=True)
        segments = tuple(
            Segment(*kind, place * SEGMENT, matrix[:used]) for place, (kind, matrix, used) in enumerate(parts)
        )
        columns = Columns(*(getattr(self._columns, name).copy() for name in _names()))
        names = Names(dict(self._countries), self._organisations, self._numbers, self._rows)
        return StatementIndex(segments, columns, list(self._facts), names, self._calibrations)

    def _note(self, row: int, kind: Kind, entry: Indexed) -> None:
        fact, columns = entry.statement, self._columns
        place = row // SEGMENT
        self._used[place] = max(self._used[place], row % SEGMENT + 1)
        columns.serial[row] = next(SERIALS)
        columns.ground[row] = entry.ground
        columns.country[row] = kind[1]
        columns.organisation[row] = self._number(fact.organisation_id)
        columns.high[row], columns.low[row] = fact.id.int >> 64, fact.id.int & HALF
        self._facts[row] = fact
        self._rows[fact.id] = row

    def _number(self, organisation_id: UUID) -> int:
        number = self._numbers.get(organisation_id)
        if number is None:
            number = self._numbers[organisation_id] = len(self._organisations)
            self._organisations.append(organisation_id)
        return number

    def _kind(self, entry: Indexed) -> Kind:
        return entry.statement.role, self._countries.setdefault(entry.country, len(self._countries))

    def _empty_row(self, kind: Kind, width: int) -> int:
        if not self._open.get(kind):
            self._open[kind] = self._again(kind) or self._new_segment(kind, width)
        return self._open[kind].pop()

    def _again(self, kind: Kind) -> list[int]:
        """Return the empty rows of the segment that has most of them, after copying it; none if there are few."""
        mine = [place for place, each in enumerate(self._kinds) if each == kind]
        place = max(mine, key=lambda each: len(self._left[each]), default=None)
        if place is None or len(self._left[place]) < WORTH_COPYING:
            return []
        self._matrices[place] = self._matrices[place].copy()
        rows = sorted(self._left[place], reverse=True)
        self._left[place] = set()
        return rows

    def _new_segment(self, kind: Kind, width: int) -> list[int]:
        start = len(self._matrices) * SEGMENT
        self._matrices.append(np.zeros((SEGMENT, width), np.float32))
        self._kinds.append(kind)
        self._used.append(0)
        self._left.append(set())
        self._facts += [None] * SEGMENT
        grown = (np.concatenate([getattr(self._columns, name), np.zeros(SEGMENT, _type(name))]) for name in _names())
        self._columns = Columns(*grown)
        return list(range(start + SEGMENT - 1, start - 1, -1))


def _names() -> list[str]:
    return [each.name for each in fields(Columns)]


def _type(name: str) -> str:
    return {"country": "i4", "organisation": "i4", "high": "u8", "low": "u8"}.get(name, "i8")


def index_of(entries: Iterable[Indexed], calibrations: Mapping[int, Calibration]) -> StatementIndex:
    """Return an index of these statements and nothing else."""
    store = StatementStore(calibrations)
    store.put(entries)
    return store.snapshot()
