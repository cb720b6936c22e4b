"""What a ranker learns from: what was known of a pair when it was shown, and what came of it. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import numpy as np
import numpy.typing as npt

Pair = tuple[UUID, UUID]
Floats = npt.NDArray[np.float64]

ANSWERS = {"interested": True, "not_interested": False}
"""Outcomes that are one side's answer, and whether it is the one that a ranker should foresee."""
WORTH = {"visited": 2.0, "paid": 3.0}
"""What else can come of a pair, in answers. A click costs nothing; whoever has travelled has shown that it was meant,
and a voucher is paid only after two more people have looked at what came of it. A connection is no row of its own: it
says nothing that the two answers have not said.
"""
LEAST_PROPENSITY = 0.05
"""Nothing weighs more than twenty times what was shown for certain: a little bias for much less variance (Ionides
2008; Strehl et al. 2010).
"""


@dataclass(frozen=True)
class Shown:
    """One scoring of a pair, shown to both sides: what the ranker was told, and how likely it was to be shown."""

    pair: Pair
    at: datetime | None
    factors: Mapping[str, float] = field(hash=False)
    propensity: float = 1.0
    explored: bool = False


@dataclass(frozen=True)
class Told:
    """What came of a pair; ``side`` is whose answer it was."""

    pair: Pair
    kind: str
    at: datetime | None
    side: UUID | None = None


@dataclass(frozen=True)
class Example:
    """One row to learn from: the pair as it was last shown before, and whether something good came of it."""

    pair: Pair
    kind: str
    at: datetime
    shown: Shown

    @property
    def good(self) -> bool:
        """Whether something good came of it."""
        return ANSWERS.get(self.kind, True)

    @property
    def is_answer(self) -> bool:
        """Whether it is an answer, not what came later."""
        return self.kind in ANSWERS


@dataclass(frozen=True)
class Memory:
    """All that is known of the past; what has no date can't be placed in it and is left out."""

    shown: Sequence[Shown]
    told: Sequence[Told]

    def examples(self, until: datetime | None = None) -> list[Example]:
        """Return the rows as they stood at a moment (today if ``None``), oldest first.

        Of each side its last answer counts, of visits and paid vouchers the pair's first one of each kind. What was
        told before the pair had been shown, or of a pair that was never shown, is no row.
        """
        known = _by_pair(self.shown)
        counted: dict[tuple[Pair, str | UUID | None], Told] = {}
        for told in sorted(_dated(self.told), key=_moment):
            if until is not None and _moment(told) > until:
                continue
            if told.kind in ANSWERS:
                counted[told.pair, told.side] = told
            elif told.kind in WORTH:
                counted.setdefault((told.pair, told.kind), told)
        found = []
        for told in counted.values():
            shown = _last_before(known.get(told.pair, []), _moment(told))
            if shown is not None:
                found.append(Example(told.pair, told.kind, _moment(told), shown))
        return sorted(found, key=lambda each: (each.at, each.pair, each.kind))


def answers_after(memory: Memory, since: datetime | None) -> list[Example]:
    """Return the answers that came after a moment (all if ``None``), oldest first."""
    return [each for each in memory.examples() if each.is_answer and (since is None or each.at > since)]


def weights_of(examples: Sequence[Example]) -> Floats:
    """Return what each row weighs: what its kind is worth, by how unlikely it was to be shown; shape (n,).

    Inverse propensities make the rows stand for all pairs that could have been shown, not for those that the ranker of
    their day liked (Horvitz & Thompson 1952). They are scaled to add up to the effective number of rows (Kish 1965):
    if a few rows carry all the weight, there is little evidence, however many rows there are.
    """
    raw = np.array([WORTH.get(each.kind, 1.0) for each in examples])
    raw /= np.array([min(1.0, max(each.shown.propensity, LEAST_PROPENSITY)) for each in examples])
    return raw * (raw.sum() / (raw**2).sum()) if len(raw) else raw


def labels_of(examples: Sequence[Example]) -> Floats:
    """Return 1 for each row of which something good came, else 0; shape (n,)."""
    return np.array([float(each.good) for each in examples])


def values_of(examples: Sequence[Example]) -> list[Mapping[str, float]]:
    """Return what was known of the pairs, by factor."""
    return [each.shown.factors for each in examples]


def _dated(told: Iterable[Told]) -> list[Told]:
    return [each for each in told if each.at is not None]


def _moment(dated: Told | Shown) -> datetime:
    assert dated.at is not None
    return dated.at


def _by_pair(shown: Iterable[Shown]) -> dict[Pair, list[Shown]]:
    found: dict[Pair, list[Shown]] = {}
    for each in sorted((each for each in shown if each.at is not None), key=_moment):
        found.setdefault(each.pair, []).append(each)
    return found


def _last_before(shown: Sequence[Shown], at: datetime) -> Shown | None:
    place = bisect_right(shown, at, key=_moment)
    return shown[place - 1] if place else None
