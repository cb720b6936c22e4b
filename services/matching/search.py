"""Candidate search: exact, in process, over all statements of a snapshot. Pure (numpy only).

Filters never cost recall, because every comparison is made. The products that decide are computed pair by pair from
the stored float16 vectors, so a score is the same in whatever company a statement was searched.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.matching.encoder.calibration import Calibration
from services.matching.encoder.fusion import Fused
from services.matching.parties import StatementFact
from services.matching.scoring import DECIMALS
from shared.contracts.profiles import StatementRole

COMPARE_WITHIN_COUNTRIES = False
"""Suggestions cross borders; leaving neighbours out here keeps room for those that may be proposed."""

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Indexed:
    """A statement with its fused vector; ``ground``: the bits of the spaces that the vector covers."""

    statement: StatementFact
    country: str
    ground: int
    vector: Fused


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
    """An immutable snapshot, ordered by statement id, of all statements that can be compared."""

    def __init__(self, entries: Iterable[Indexed], calibrations: Mapping[int, Calibration]) -> None:
        self.entries = sorted(entries, key=lambda each: each.statement.id)
        self._calibrations = calibrations
        self._ground = np.array([each.ground for each in self.entries], np.int64)
        width = len(self.entries[0].vector) if self.entries else 0
        stored = [each.vector for each in self.entries]
        self._matrix = np.asarray(stored, np.float32).reshape(len(stored), width)
        countries = sorted({each.country for each in self.entries})
        self._country = np.array([countries.index(each.country) for each in self.entries], np.int32)
        self._needs = self._rows(StatementRole.NEED)
        self._offers = self._rows(StatementRole.OFFER)

    def __len__(self) -> int:
        return len(self.entries)

    def _rows(self, role: StatementRole) -> Rows:
        return np.array([i for i, each in enumerate(self.entries) if each.statement.role == role], np.intp)

    def _read(
        self, products: npt.NDArray[np.floating], one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Return similarities for products, shape (rows, columns), of texts with these grounds."""
        result = np.empty(products.shape, np.float64)
        for mine in np.unique(one):
            rows = np.flatnonzero(one == mine)
            for theirs in np.unique(other):
                columns = np.flatnonzero(other == theirs)
                block = np.ix_(rows, columns)
                result[block] = self._calibrations[int(mine & theirs)].similarity(products[block])
        return result

    def rows(self, role: StatementRole) -> Rows:
        """Return the rows of all needs, or of all offers."""
        return self._needs if role is StatementRole.NEED else self._offers

    def rows_of(self, ids: Collection[UUID]) -> Rows:
        """Return the rows of these statements, in the order of the index."""
        return np.array([row for row, each in enumerate(self.entries) if each.statement.id in ids], np.intp)

    def abroad(self, rows: Rows, columns: Rows) -> npt.NDArray[np.float64]:
        """Return similarities, shape (rows, columns), exact to about 1e-6; -1 within a country."""
        products = self._matrix[rows] @ self._matrix[columns].T
        similarities = self._read(products, self._ground[rows], self._ground[columns])
        if not COMPARE_WITHIN_COUNTRIES:
            similarities[self._country[rows][:, None] == self._country[columns][None, :]] = -1.0
        return similarities

    def similarity(self, one: int, other: int) -> float:
        """Return the exact calibrated similarity of two entries, rounded; independent of everything else in the
        index.
        """
        return float(self.exact(np.array([[one, other]], np.intp))[0])

    def exact(self, pairs: Rows) -> npt.NDArray[np.float64]:
        """Return the similarities of pairs of rows, shape (n, 2): every row is summed alike, whatever n is."""
        result = np.zeros(len(pairs))
        if not len(pairs):
            return result
        ground = self._ground[pairs[:, 0]] & self._ground[pairs[:, 1]]
        for each in np.unique(ground):
            chosen = ground == each
            one, other = (self._matrix[pairs[chosen, side]].astype(np.float64) for side in (0, 1))
            result[chosen] = self._calibrations[int(each)].similarity((one * other).sum(axis=1))
        return np.round(result, DECIMALS)

    def search(
        self, query: Query, limit: int, role: StatementRole | None = None, country: str | None = None
    ) -> list[Found]:
        """Return the statements closest to a query, best first; filters are exact."""
        chosen = np.array(
            [
                (role is None or each.statement.role == role) and (country is None or each.country == country)
                for each in self.entries
            ],
            bool,
        )
        rows = np.flatnonzero(chosen)
        if not rows.size or not query.ground:
            return []
        products = query.vector.astype(np.float32)[None, :] @ self._matrix[rows].T
        values = self._read(products, np.array([query.ground]), self._ground[rows])[0]
        best = sorted(range(len(rows)), key=lambda i: (-values[i], rows[i]))[:limit]
        return [
            Found(self.entries[rows[i]].statement, self.entries[rows[i]].country, round(float(values[i]), DECIMALS))
            for i in best
        ]
