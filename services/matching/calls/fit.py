"""Which open call fits two organisations: exact comparison of all calls with their statements. Pure (numpy only).

How close a text is to a call says the comparison (:mod:`.comparing`).

A call fits an organisation by the one of its statements that comes closest to the call, be it a need or an offer, and
it fits a pair as well as it fits the one whom it fits less. Rather no call than a bad one: below the floor none fits.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.matching.calls.comparing import Comparison
from services.matching.encoder.calibration import Vectors
from services.matching.encoder.fusion import Fused
from services.matching.encoder.spaces import ground_of
from services.matching.parties import Pair
from services.matching.scoring import DECIMALS
from services.matching.search import Indexed
from shared.contracts.matching import CallFit

MARGIN = 1e-3
"""By so much the fast comparison of matrices may differ from the exact one, which decides."""

CallOf = Callable[[Pair], CallFit | None]


@dataclass(frozen=True)
class OpenCall:
    """A call that is not closed, as matching sees it, with its vector as it is compared."""

    id: UUID
    title: str
    language: str
    url: str | None
    deadlines: tuple[date, ...]
    vector: Vectors

    def deadline(self, today: date) -> date | None:
        """Return the next deadline, which may be today; ``None`` when all have passed."""
        return min((each for each in self.deadlines if each >= today), default=None)


@dataclass(frozen=True)
class Met:
    """The statement of an organisation that comes closest to a call, and how close: 0…1, calibrated."""

    similarity: float
    statement_id: UUID


Fitting = Mapping[UUID, Met]
"""The calls that fit one organisation, by id."""


class CallIndex:
    """An immutable snapshot, ordered by id, of the calls that are read."""

    def __init__(self, calls: Iterable[OpenCall], comparison: Comparison) -> None:
        self.calls = {each.id: each for each in sorted(calls, key=lambda each: each.id)}
        self._ids = list(self.calls)
        self._comparison = comparison
        self._ground = np.array([ground_of(each.language) for each in self.calls.values()], np.int64)
        self._matrix = np.array([each.vector for each in self.calls.values()], np.float32)

    def __len__(self) -> int:
        return len(self._ids)

    def fitting(self, entries: Sequence[Indexed], at_least: float) -> Fitting:
        """Return the calls that fit the organisation with these statements; ties go to the smaller statement id."""
        found: dict[UUID, Met] = {}
        for entry in sorted(entries, key=lambda each: each.statement.id) if self._ids else ():
            for call_id, similarity in self.closest(entry.vector, entry.statement.language, at_least).items():
                known = found.get(call_id)
                if known is None or similarity > known.similarity:
                    found[call_id] = Met(similarity, entry.statement.id)
        return found

    def closest(self, fused: Fused | Vectors, language: str, at_least: float) -> dict[UUID, float]:
        """Return the calls that a text is close to, with their similarities 0…1. ``fused``: the text's vector."""
        if not self._ids:
            return {}
        vector, ground = self._comparison.of_text(fused, language), ground_of(language)
        found = {}
        for row in np.flatnonzero(self._rough(vector, ground) >= at_least - MARGIN).tolist():
            exact = self._exact(row, vector, ground)
            if exact >= at_least:
                found[self._ids[row]] = exact
        return found

    def _rough(self, vector: Vectors, ground: int) -> npt.NDArray[np.float64]:
        products = self._matrix @ vector
        result = np.empty(len(products))
        for theirs in np.unique(self._ground):
            rows = self._ground == theirs
            result[rows] = self._comparison.calibrations[int(theirs) & ground].similarity(products[rows])
        return result

    def _exact(self, row: int, vector: Vectors, ground: int) -> float:
        """Compare two texts by themselves, so that the value is the same in whatever company."""
        product = (self._matrix[row].astype(np.float64) * vector.astype(np.float64)).sum()
        calibration = self._comparison.calibrations[int(self._ground[row]) & ground]
        return round(float(calibration.similarity(product)), DECIMALS)


def best_for_both(first: Fitting, second: Fitting, index: CallIndex, today: date) -> CallFit | None:
    """Return the call that fits both best and can still be answered; ties go to the earlier deadline, then the id."""
    best: CallFit | None = None
    for call_id in first.keys() & second.keys():
        call = index.calls.get(call_id)
        deadline = call.deadline(today) if call else None
        if call is None or deadline is None:
            continue
        one, other = first[call_id], second[call_id]
        fit = CallFit(
            call_id=call_id,
            title=call.title,
            language=call.language,
            deadline=deadline,
            url=call.url,
            first_similarity=one.similarity,
            second_similarity=other.similarity,
            first_statement_id=one.statement_id,
            second_statement_id=other.statement_id,
        )
        if best is None or _rank(fit) < _rank(best):
            best = fit
    return best


def _rank(fit: CallFit) -> tuple[float, date, UUID]:
    return -fit.similarity, fit.deadline, fit.call_id


class Fits:
    """The calls that fit each organisation, kept between rounds as long as neither its statements nor the calls
    change.
    """

    def __init__(self, at_least: float) -> None:
        self._at_least = at_least
        self._index: CallIndex | None = None
        self._known: dict[UUID, tuple[Sequence[Indexed], Fitting]] = {}

    def keep(self, active: Collection[UUID], changed: Collection[UUID] | None) -> None:
        """Forget those of the changed organisations (``None``: of all) that are not active, for example an erased one
        with its words.
        """
        for each in [*self._known] if changed is None else changed:
            if each not in active:
                self._known.pop(each, None)

    def of(self, organisation_id: UUID, entries: Sequence[Indexed], index: CallIndex) -> Fitting:
        """Return the calls that fit an organisation; ``entries`` that did not change are the same object as before."""
        if index is not self._index:
            self._index, self._known = index, {}
        known = self._known.get(organisation_id)
        if known is None or known[0] is not entries:
            known = self._known[organisation_id] = (entries, index.fitting(entries, self._at_least))
        return known[1]
