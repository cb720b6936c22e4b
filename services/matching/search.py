"""Candidate search: exact, in process, over all statements of a snapshot. Pure (numpy only).

Filters never cost recall, because every comparison is made. The cosines that decide are computed pair by pair from
the stored float16 vectors, so a score is the same in whatever company a statement was searched.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.matching.encoder.calibration import Calibration, Vectors
from services.matching.encoder.encoder import DIMENSIONS, Space
from services.matching.parties import Party, StatementFact
from services.matching.scoring import DECIMALS, Meeting
from shared.contracts.profiles import StatementRole

PER_STATEMENT = 40
"""So many of the closest statements are looked at for each need and each offer: eight times the longest list."""
COMPARE_WITHIN_COUNTRIES = False
"""Suggestions cross borders; leaving neighbours out here keeps room for those that may be proposed."""

BLOCK = 512
"""Rows compared at once; bounds memory to BLOCK × statements."""


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

    def meetings(self, parties: Mapping[UUID, Party], at_least: float) -> list[Meeting]:
        """Return needs and offers of active organisations of different countries with a similarity of ``at_least``.

        For each need its closest offers and for each offer its closest needs; ordered by the ids of the statements.
        """
        active = np.array([each.statement.organisation_id in parties for each in self.entries], bool)
        needs, offers = (rows[active[rows]] if rows.size else rows for rows in (self._needs, self._offers))
        found = {(need, offer) for need, offer in self._closest(needs, offers, at_least)}
        found |= {(need, offer) for offer, need in self._closest(offers, needs, at_least)}
        pairs = sorted(found)
        exact = self._exact(np.array(pairs, np.intp).reshape(-1, 2))
        return [
            self._meeting(*pair, value) for pair, value in zip(pairs, exact.tolist(), strict=True) if value >= at_least
        ]

    def _closest(
        self, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp], at_least: float
    ) -> Iterable[tuple[int, int]]:
        if not rows.size or not columns.size:
            return
        margin = 1e-3  # the exact similarity decides; this pass must only not miss any
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            similarities = self._similarities(block, columns)
            if not COMPARE_WITHIN_COUNTRIES:
                similarities[self._country[block][:, None] == self._country[columns][None, :]] = -1.0
            keep = min(PER_STATEMENT, len(columns))
            best = np.argpartition(-similarities, keep - 1, axis=1)[:, :keep]
            close = np.take_along_axis(similarities, best, axis=1) >= at_least - margin
            for row, place in zip(*np.nonzero(close), strict=True):
                yield int(block[row]), int(columns[best[row, place]])

    def similarity(self, one: int, other: int) -> float:
        """Return the exact calibrated similarity of two entries, rounded; independent of everything else in the
        index.
        """
        return float(self._exact(np.array([[one, other]], np.intp))[0])

    def _exact(self, pairs: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        """Return the similarities of pairs of rows, shape (n, 2): every row is summed alike, whatever n is."""
        result = np.zeros(len(pairs))
        in_english = self._english[pairs].all(axis=1)
        for space, chosen in ((Space.ENGLISH, in_english), (Space.MULTILINGUAL, ~in_english)):
            one, other = (self._matrices[space][pairs[chosen, side]].astype(np.float64) for side in (0, 1))
            result[chosen] = self._calibrations[space].similarity((one * other).sum(axis=1))
        return np.round(result, DECIMALS)

    def _meeting(self, need: int, offer: int, similarity: float) -> Meeting:
        n, o = self.entries[need].statement, self.entries[offer].statement
        return Meeting(similarity, n.id, n.organisation_id, o.id, o.organisation_id)

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
