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
from services.matching.rows import SEGMENT, Columns, Names, Rows, Segment, similarities
from services.matching.scoring import DECIMALS
from shared.contracts.profiles import StatementRole

COMPARE_WITHIN_COUNTRIES = False
"""Suggestions cross borders; leaving neighbours out here keeps room for those that may be proposed."""

FEW_ROWS = 4
"""Up to so many rows are multiplied one by one, on one core: that reads memory at full speed. A thin matrix product
does not, and waits for a second core that others may have.
"""
ROUNDING = 2.0 * 10.0**-DECIMALS
"""Similarities closer than this may become equal when they are rounded."""
SUMMING = 1e-5
"""By so much the quick products may differ from the exact ones."""
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
        places = rows // SEGMENT
        for place in np.unique(places):
            chosen = places == place
            result[chosen] = self.segments[place].matrix[rows[chosen] - self.segments[place].start]
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
            found, places = _reaching(mine, segment.matrix, wanted)
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
        rows, products = self._searched(query, role, country)
        if not rows.size or not query.ground:
            return []
        rows = rows[self._best(products, query.ground & self.columns.ground[rows], limit)]
        theirs = self.vectors(rows).astype(np.float64)
        sums = (theirs * query.vector.astype(np.float64)).sum(axis=1)
        values = np.round(similarities(self._calibrations, sums, query.ground & self.columns.ground[rows]), DECIMALS)
        order = np.lexsort((self.columns.low[rows], self.columns.high[rows], -values))[:limit]
        order = order[values[order] > 0]
        names = {number: name for name, number in self._names.countries.items()}
        return [
            Found(self.fact(row), names[int(self.columns.country[row])], value)
            for row, value in zip(rows[order].tolist(), values[order].tolist(), strict=True)
        ]

    def _searched(self, query: Query, role: StatementRole | None, country: str | None) -> tuple[Rows, Vectors]:
        """Return the rows that pass the filters, and their products with the query."""
        vector = query.vector.astype(np.float32)
        number = None if country is None else self._names.countries.get(country, -1)
        rows, products = [], []
        for segment in self.segments if role is None else self.roles(role):
            if number is None or segment.country == number:
                places = np.flatnonzero(self.columns.serial[segment.rows])
                products.append(np.vecdot(segment.matrix, vector)[places])
                rows.append(places + segment.start)
        if not rows:
            return np.zeros(0, np.intp), np.zeros(0, np.float32)
        return np.concatenate(rows), np.concatenate(products)

    def _best(self, products: Vectors, ground: npt.NDArray[np.int64], limit: int) -> Rows:
        """Return which of the products may be among the best when read exactly, all near ties included."""
        best = [np.zeros(0, np.intp)]
        for each in np.unique(ground[ground > 0]):
            places = np.flatnonzero(ground == each)
            mine, calibration, last = products[places], self._calibrations[int(each)], 0.0
            if len(places) > limit:
                last = max(0.0, float(calibration.similarity(np.partition(mine, -limit)[-limit])) - ROUNDING)
            best.append(places[mine >= calibration.cosine(last) - SUMMING])
        return np.concatenate(best)


def _reaching(mine: Vectors, theirs: Vectors, wanted: Vectors) -> tuple[tuple[Rows, Vectors], Rows]:
    """Return (places in ``mine``, products) and places in ``theirs`` of the products that reach what is wanted."""
    if len(mine) > FEW_ROWS:
        products = mine @ theirs.T
        found, places = np.nonzero(products >= wanted)
        return (found, products[found, places]), places
    rows, values, columns = [], [], []
    for row, vector in enumerate(mine):
        one = np.vecdot(theirs, vector)
        places = np.flatnonzero(one >= wanted)
        rows.append(np.full(len(places), row))
        values.append(one[places])
        columns.append(places)
    return (np.concatenate(rows), np.concatenate(values)), np.concatenate(columns)
