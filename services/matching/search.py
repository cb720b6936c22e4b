"""Candidate search: exact, in process, over all statements of a snapshot. Pure (numpy only).

Filters never cost recall, because every comparison is made. The cosines that decide are computed pair by pair from
the stored float16 vectors, so a score is the same in whatever company a statement was searched.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.matching.encoder.calibration import Calibration, Vectors
from services.matching.encoder.encoder import DIMENSIONS, Space
from services.matching.parties import StatementFact
from services.matching.scoring import DECIMALS
from shared.contracts.profiles import StatementRole

COMPARE_WITHIN_COUNTRIES = False
"""Suggestions cross borders; leaving neighbours out here keeps room for those that may be proposed."""


@dataclass(frozen=True)
class Indexed:
    """A statement with its vectors (float16, unit length) in the spaces it lives in."""

    statement: StatementFact
    country: str
    vectors: Mapping[Space, npt.NDArray[np.float16]]


@dataclass(frozen=True)
class Found:
    """A statement found by a search, with its calibrated similarity 0…1."""

    statement: StatementFact
    country: str
    similarity: float


class StatementIndex:
    """An immutable snapshot, ordered by statement id, of all statements that can be compared."""

    def __init__(self, entries: Iterable[Indexed], calibrations: Mapping[Space, Calibration]) -> None:
        known = (each for each in entries if Space.MULTILINGUAL in each.vectors)
        self.entries: Sequence[Indexed] = sorted(known, key=lambda each: each.statement.id)
        self._calibrations = calibrations
        self._english = np.array([Space.ENGLISH in each.vectors for each in self.entries], bool)
        self._matrices = {space: self._matrix(space) for space in Space}
        countries = sorted({each.country for each in self.entries})
        self._country = np.array([countries.index(each.country) for each in self.entries], np.int32)
        self._needs = self._rows(StatementRole.NEED)
        self._offers = self._rows(StatementRole.OFFER)

    def __len__(self) -> int:
        return len(self.entries)

    def _matrix(self, space: Space) -> Vectors:
        empty = np.zeros(DIMENSIONS, np.float16)
        rows = [each.vectors.get(space, empty) for each in self.entries]
        return np.asarray(rows, np.float32).reshape(len(rows), DIMENSIONS)

    def _rows(self, role: StatementRole) -> npt.NDArray[np.intp]:
        return np.array([i for i, each in enumerate(self.entries) if each.statement.role == role], np.intp)

    def _similarities(self, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        """Return similarities, shape (rows, columns), each in the space where the two statements meet."""
        multilingual, english = self._matrices[Space.MULTILINGUAL], self._matrices[Space.ENGLISH]
        result = self._calibrations[Space.MULTILINGUAL].similarity(multilingual[rows] @ multilingual[columns].T)
        in_rows, in_columns = np.flatnonzero(self._english[rows]), np.flatnonzero(self._english[columns])
        if in_rows.size and in_columns.size:
            cosines = english[rows[in_rows]] @ english[columns[in_columns]].T
            result[np.ix_(in_rows, in_columns)] = self._calibrations[Space.ENGLISH].similarity(cosines)
        return result

    def rows(self, role: StatementRole) -> npt.NDArray[np.intp]:
        """Return the rows of all needs, or of all offers."""
        return self._needs if role is StatementRole.NEED else self._offers

    def rows_of(self, ids: Collection[UUID]) -> npt.NDArray[np.intp]:
        """Return the rows of these statements, in the order of the index."""
        return np.array([row for row, each in enumerate(self.entries) if each.statement.id in ids], np.intp)

    def abroad(self, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        """Return similarities, shape (rows, columns), exact to about 1e-6; -1 within a country."""
        similarities = self._similarities(rows, columns)
        if not COMPARE_WITHIN_COUNTRIES:
            similarities[self._country[rows][:, None] == self._country[columns][None, :]] = -1.0
        return similarities

    def similarity(self, one: int, other: int) -> float:
        """Return the exact calibrated similarity of two entries, rounded; independent of everything else in the
        index.
        """
        return float(self.exact(np.array([[one, other]], np.intp))[0])

    def exact(self, pairs: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        """Return the similarities of pairs of rows, shape (n, 2): every row is summed alike, whatever n is."""
        result = np.zeros(len(pairs))
        in_english = self._english[pairs].all(axis=1)
        for space, chosen in ((Space.ENGLISH, in_english), (Space.MULTILINGUAL, ~in_english)):
            one, other = (self._matrices[space][pairs[chosen, side]].astype(np.float64) for side in (0, 1))
            result[chosen] = self._calibrations[space].similarity((one * other).sum(axis=1))
        return np.round(result, DECIMALS)

    def search(
        self,
        query: Mapping[Space, npt.NDArray[np.float16]],
        limit: int,
        role: StatementRole | None = None,
        country: str | None = None,
    ) -> list[Found]:
        """Return the statements closest to a query text (its vectors by space), best first; filters are exact."""
        chosen = np.array(
            [
                (role is None or each.statement.role == role) and (country is None or each.country == country)
                for each in self.entries
            ],
            bool,
        )
        rows = np.flatnonzero(chosen)
        if not rows.size or Space.MULTILINGUAL not in query:
            return []
        values = self._compare(query, Space.MULTILINGUAL, rows)
        if Space.ENGLISH in query:
            english = np.flatnonzero(self._english[rows])
            values[english] = self._compare(query, Space.ENGLISH, rows[english])
        best = sorted(range(len(rows)), key=lambda i: (-values[i], rows[i]))[:limit]
        return [
            Found(self.entries[rows[i]].statement, self.entries[rows[i]].country, round(float(values[i]), DECIMALS))
            for i in best
        ]

    def _compare(
        self, query: Mapping[Space, npt.NDArray[np.float16]], space: Space, rows: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.float64]:
        cosines = self._matrices[space][rows] @ query[space].astype(np.float32)
        return self._calibrations[space].similarity(cosines)
