"""Candidate search: exact, in process, over all statements of a snapshot. Pure (numpy only).

Filters never cost recall, because every comparison is made with all that pass them. The products that decide are summed
pair by pair from the stored vectors, so a score is the same in whatever company a statement was searched.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.matching.encoder.calibration import Calibration, Vectors
from services.matching.encoder.fusion import Fused
from services.matching.parties import StatementFact
from services.matching.rows import SEGMENT, Columns, Names, Rows, Segment, perhaps_best, reaching, similarities
from services.matching.scoring import DECIMALS
from shared.contracts.profiles import StatementRole

COMPARE_WITHIN_COUNTRIES = False
"""Suggestions cross borders; leaving neighbours out here keeps room for those that may be proposed."""

PAIRS_AT_ONCE = 1024


@dataclass(frozen=True)
class Indexed:
    """A statement with its fused vector; ``ground``: the bits of the spaces that the vector covers."""

    statement: StatementFact
    country: str
    ground: int
    vector: Fused | Vectors


@dataclass(frozen=True)
class Query:
    """A text to search with. ``ground`` 0: there was nothing to read in it."""

    vector: Fused
    ground: int


@dataclass(frozen=True)
class Found:
    """A statement found by a search, with its calibrated similarity 0…1."""

    statement: StatementFact
    country: str
    similarity: float


class StatementIndex:
    """An immutable snapshot of all statements that can be compared; a row is a statement's place in it."""

    def __init__(
        self,
        segments: tuple[Segment, ...],
        columns: Columns,
        facts: Sequence[StatementFact | None],
        names: Names,
        calibrations: Mapping[int, Calibration],
    ) -> None:
        """See ``store.py``, which makes these."""
        self.segments, self.columns = segments, columns
        self._facts = facts
        self._names = names
        self._calibrations = calibrations
        self.live: Rows = np.flatnonzero(columns.serial)

    def __len__(self) -> int:
        return len(self.live)

    def fact(self, row: int) -> StatementFact:
        """Return the statement in a live row."""
        fact = self._facts[row]
        assert fact is not None
        return fact

    @property
    def organisations(self) -> Sequence[UUID]:
        """Organisations by number; a number is never given to another one."""
        return self._names.organisations

    def number(self, organisation_id: UUID) -> int | None:
        """Return the number of an organisation, ``None`` if it never had a statement here."""
        return self._names.numbers.get(organisation_id)

    def statement(self, statement_id: UUID) -> StatementFact:
        """Return a statement; raises ``KeyError`` when it is not in this snapshot."""
        return self.fact(self._row(statement_id))

    def has(self, statement_id: UUID) -> bool:
        """Whether a statement is in this snapshot."""
        try:
            return self._row(statement_id) >= 0
        except KeyError:
            return False

    def entry(self, statement_id: UUID) -> Indexed:
        """Return a statement with its vector, which is not copied; raises ``KeyError`` as above."""
        row = self._row(statement_id)
        segment, fact = self.segments[row // SEGMENT], self.fact(row)
        country = next(name for name, number in self._names.countries.items() if number == segment.country)
        return Indexed(fact, country, int(self.columns.ground[row]), segment.matrix[row - segment.start])

    def _row(self, statement_id: UUID) -> int:
        row = self._names.rows.get(statement_id, -1)
        if 0 <= row < len(self._facts) and (fact := self._facts[row]) is not None and fact.id == statement_id:
            return row
        # The store has moved it since: it is looked for where this snapshot has it.
        high, low = np.uint64(statement_id.int >> 64), np.uint64(statement_id.int & 0xFFFF_FFFF_FFFF_FFFF)
        there = (self.columns.high == high) & (self.columns.low == low) & (self.columns.serial > 0)
        if not there.any():
            raise KeyError(statement_id)
        return int(np.argmax(there))

    def country(self, name: str) -> int | None:
        """Return the number of a country, ``None`` if no statement is from there."""
        return self._names.countries.get(name)

    def organisation_of(self, row: int) -> UUID:
        """Return whose statement is in a live row."""
        return self.organisations[int(self.columns.organisation[row])]

    def roles(self, role: StatementRole) -> list[Segment]:
        """Return the pieces of the matrix with statements of this role."""
        return [each for each in self.segments if each.role is role]

    def is_need(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Tell which rows hold needs."""
        needs = np.array([each.role is StatementRole.NEED for each in self.segments], bool)
        found: npt.NDArray[np.bool_] = needs[rows // SEGMENT]
        return found

    def vectors(self, rows: Rows) -> Vectors:
        """Return vectors, shape (rows, width)."""
        result = np.empty((len(rows), self.segments[0].matrix.shape[1]), np.float32)
        for place, row in enumerate(rows.tolist()):  # twice as quick as segment by segment
            result[place] = self.segments[row // SEGMENT].matrix[row % SEGMENT]
        return result

    def close(self, rows: Rows, at_least: float) -> Iterator[tuple[Rows, Rows, npt.NDArray[np.float64]]]:
        """Yield (places in ``rows``, columns, similarities exact to about 1e-5) of statements of the other role abroad
        that reach a similarity. ``rows`` have one role and one ground. Nothing is worked out of products that are too
        small: the similarity is turned into a product, not the products into similarities.
        """
        mine = self.vectors(rows)
        ground = int(self.columns.ground[rows[0]])
        other = StatementRole.NEED if not self.is_need(rows[:1])[0] else StatementRole.OFFER
        for segment in self.roles(other):
            wanted = self._least_products(segment, ground, at_least)
            found, places = reaching(mine, segment.matrix, wanted)
            columns = places + segment.start
            if not COMPARE_WITHIN_COUNTRIES:
                abroad = self.columns.country[rows[found[0]]] != self.columns.country[columns]
                found, columns = (found[0][abroad], found[1][abroad]), columns[abroad]
            yield found[0], columns, similarities(self._calibrations, found[1], ground & self.columns.ground[columns])

    def _least_products(self, segment: Segment, ground: int, at_least: float) -> Vectors:
        """Return by row of a segment the product at which a similarity is reached; infinite for empty rows."""
        theirs = self.columns.ground[segment.rows] & ground
        least = np.full(len(theirs), np.inf, np.float32)
        for each in np.unique(theirs[theirs > 0]):
            least[theirs == each] = self._calibrations[int(each)].cosine(at_least)
        least[self.columns.serial[segment.rows] == 0] = np.inf
        return least

    def similarity(self, one: int, other: int) -> float:
        """Return the exact similarity of the statements in two rows."""
        return float(self.exact(np.array([[one, other]], np.intp))[0])

    def exact(self, pairs: Rows) -> npt.NDArray[np.float64]:
        """Return the rounded similarities of pairs of rows, shape (n, 2): every pair is summed alike, whatever n is and
        whatever else is in the index.
        """
        products = np.empty(len(pairs))
        for start in range(0, len(pairs), PAIRS_AT_ONCE):
            some = pairs[start : start + PAIRS_AT_ONCE]
            one, other = (self.vectors(some[:, side]).astype(np.float64) for side in (0, 1))
            products[start : start + PAIRS_AT_ONCE] = (one * other).sum(axis=1)
        ground = self.columns.ground
        return np.round(similarities(self._calibrations, products, ground[pairs[:, 0]] & ground[pairs[:, 1]]), DECIMALS)

    def search(
        self, query: Query, limit: int, role: StatementRole | None = None, country: str | None = None
    ) -> list[Found]:
        """Return the statements closest to a query, best first, ties by id; filters are exact. What is no closer than
        texts that have nothing to do with each other is not found at all.
        """
        if not query.ground or not self.segments:
            return []
        rows, products, ground = self._searched(query, role, country)
        best = perhaps_best(self._calibrations, products, ground, limit)
        rows, ground = rows[best], ground[best]
        sums = (self.vectors(rows).astype(np.float64) * query.vector.astype(np.float64)).sum(axis=1)
        values = np.round(similarities(self._calibrations, sums, ground), DECIMALS)
        order = np.lexsort((self.columns.low[rows], self.columns.high[rows], -values))[:limit]
        order = order[values[order] > 0]
        names = {number: name for name, number in self._names.countries.items()}
        return [
            Found(self.fact(row), names[int(self.columns.country[row])], value)
            for row, value in zip(rows[order].tolist(), values[order].tolist(), strict=True)
        ]

    def _searched(
        self, query: Query, role: StatementRole | None, country: str | None
    ) -> tuple[Rows, Vectors, npt.NDArray[np.int64]]:
        """Return the rows that pass the filters, their products with the query, and their common grounds with it (0
        where nothing is common or the row is empty).
        """
        number = None if country is None else self._names.countries.get(country, -1)
        chosen = [
            each
            for each in self.segments
            if (role is None or each.role is role) and (number is None or each.country == number)
        ]
        ends = np.cumsum([0, *(len(each.matrix) for each in chosen)]).tolist()
        rows, products, ground = np.empty(ends[-1], np.intp), np.empty(ends[-1], np.float32), np.empty(ends[-1], "i8")
        vector = query.vector.astype(np.float32)
        for segment, start, end in zip(chosen, ends[:-1], ends[1:], strict=True):
            np.vecdot(segment.matrix, vector, out=products[start:end])
            rows[start:end] = np.arange(segment.rows.start, segment.rows.stop)
            ground[start:end] = self.columns.ground[segment.rows]
        ground &= query.ground
        return rows, products, ground
