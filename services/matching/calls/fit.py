"""Which open call fits two organisations: exact comparison of all calls with their statements. Pure (numpy only).

A call fits an organisation by the one of its statements that comes closest to the call, be it a need or an offer, and
it fits a pair as well as it fits the one whom it fits less. Rather no call than a bad one: below the floor none fits.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.matching.encoder.calibration import Calibration
from services.matching.encoder.fusion import Fused
from services.matching.parties import Pair
from services.matching.scoring import DECIMALS
from services.matching.search import Indexed
from shared.contracts.matching import CallFit

MARGIN = 1e-3
"""By so much the fast comparison of matrices may differ from the exact one, which decides."""

CallOf = Callable[[Pair], CallFit | None]


@dataclass(frozen=True)
class OpenCall:
    """A call that is not closed, as matching sees it, with its fused vector; ``ground`` as in
    :class:`~services.matching.search.Indexed`."""

    id: UUID
    title: str
    language: str
    url: str | None
    deadlines: tuple[date, ...]
    ground: int
    vector: Fused

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

    def __init__(self, calls: Iterable[OpenCall], calibrations: Mapping[int, Calibration]) -> None:
        self.calls = {each.id: each for each in sorted(calls, key=lambda each: each.id)}
        self._ids = list(self.calls)
        self._calibrations = calibrations
        self._ground = np.array([each.ground for each in self.calls.values()], np.int64)
        self._matrix = np.array([each.vector for each in self.calls.values()], np.float32)

    def __len__(self) -> int:
        return len(self._ids)

    def fitting(self, entries: Sequence[Indexed], at_least: float) -> Fitting:
        """Return the calls that fit the organisation with these statements; ties go to the smaller statement id."""
        found: dict[UUID, Met] = {}
        for entry in sorted(entries, key=lambda each: each.statement.id) if self._ids else ():
            rough = self._rough(entry)
            for row in np.flatnonzero(rough >= at_least - MARGIN).tolist():
                exact = self._exact(row, entry)
                known = found.get(self._ids[row])
                if exact >= at_least and (known is None or exact > known.similarity):
                    found[self._ids[row]] = Met(exact, entry.statement.id)
        return found

    def _rough(self, entry: Indexed) -> npt.NDArray[np.float64]:
        products = self._matrix @ entry.vector.astype(np.float32)
        result = np.empty(len(products))
        for ground in np.unique(self._ground):
            rows = self._ground == ground
            result[rows] = self._calibrations[int(ground & entry.ground)].similarity(products[rows])
        return result

    def _exact(self, row: int, entry: Indexed) -> float:
        """Compare two texts by themselves, so that the value is the same in whatever company."""
        product = (self._matrix[row].astype(np.float64) * entry.vector.astype(np.float64)).sum()
        calibration = self._calibrations[int(self._ground[row]) & entry.ground]
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

    def keep(self, organisation_ids: Collection[UUID]) -> None:
        """Forget all other organisations, for example an erased one with its words."""
        self._known = {each: known for each, known in self._known.items() if each in organisation_ids}

    def of(self, organisation_id: UUID, entries: Sequence[Indexed], index: CallIndex) -> Fitting:
        """Return the calls that fit an organisation; ``entries`` that did not change are the same object as before."""
        if index is not self._index:
            self._index, self._known = index, {}
        known = self._known.get(organisation_id)
        if known is None or known[0] is not entries:
            known = self._known[organisation_id] = (entries, index.fitting(entries, self._at_least))
        return known[1]
