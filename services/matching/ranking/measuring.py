"""How well rankers foresee answers, and whether one does so better than another by more than chance. Pure."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from services.matching.ranking.examples import Example, Floats, labels_of, values_of, weights_of
from services.matching.ranking.learning import probabilities
from services.matching.ranking.ranker import Ranker

CLASSES = 10
"""A reliability table has as many rows: tenths of the answers, by what was foreseen."""
SURE = 1e-6
"""No probability counts as surer than that: one wrong certainty would outweigh everything else."""


@dataclass(frozen=True)
class Comparison:
    """Two rankers on answers that neither has seen. ``gain``: mean log loss of the active one minus the shadow's.

    Errors are standard errors of the paired differences, the two answers of a pair taken together (infinite for a
    single pair). ``None``: can't be said, for there were only answers of one kind.
    """

    answers: int
    gain: float
    gain_error: float
    auc_gain: float | None
    auc_error: float | None
    active: Mapping[str, Any]
    shadow: Mapping[str, Any]

    @property
    def sayable(self) -> bool:
        """Whether the answers are of both kinds, and about more than one pair."""
        return self.auc_gain is not None and isfinite(self.gain_error)

    @property
    def better(self) -> bool:
        """Whether the shadow should take over.

        Its log loss must be lower by more than one standard error, and it must not tell good from bad pairs worse
        (AUC) by more than one standard error.
        """
        if self.auc_gain is None or self.auc_error is None:
            return False
        return self.gain > self.gain_error and self.auc_gain >= -self.auc_error

    def to_json(self) -> dict[str, Any]:
        """Return what a report says of it."""
        return {
            "answers": self.answers, "log_loss_gain": _rounded(self.gain), "error": _rounded(self.gain_error),
            "auc_gain": _rounded(self.auc_gain), "auc_error": _rounded(self.auc_error),
            "active": self.active, "shadow": self.shadow, "better": self.better,
        }  # fmt: skip


def compare_rankers(active: Ranker, shadow: Ranker, answers: Sequence[Example]) -> Comparison:
    """Hold two rankers against each other on answers (at least one), weighed as for learning."""
    weights, labels = _shares(answers), labels_of(answers)
    pairs = [each.pair for each in answers]
    ours, theirs = (probabilities(each, values_of(answers)) for each in (active, shadow))
    differences = _losses(ours, labels) - _losses(theirs, labels)
    gain = float(weights @ differences)
    auc_gain = auc_error = None
    if 0 < labels.sum() < len(labels):
        (auc_active, of_active), (auc_shadow, of_shadow) = (_auc(each, labels, weights) for each in (ours, theirs))
        auc_gain, auc_error = auc_shadow - auc_active, _error(of_shadow - of_active, pairs)
    return Comparison(
        len(answers),
        gain,
        _error(weights * (differences - gain), pairs),
        auc_gain,
        auc_error,
        measures(active, answers),
        measures(shadow, answers),
    )


def measures(ranker: Ranker, answers: Sequence[Example]) -> dict[str, Any]:
    """Return log loss, Brier score, AUC (``None`` without answers of both kinds) and the reliability table."""
    if not answers:
        return {"answers": 0, "log_loss": None, "brier": None, "auc": None, "reliability": []}
    weights, labels = _shares(answers), labels_of(answers)
    foreseen = probabilities(ranker, values_of(answers))
    both = 0 < labels.sum() < len(labels)
    return {
        "answers": len(answers),
        "log_loss": _rounded(float(weights @ _losses(foreseen, labels))),
        "brier": _rounded(float(weights @ (foreseen - labels) ** 2)),
        "auc": _rounded(_auc(foreseen, labels, weights)[0]) if both else None,
        "reliability": _reliability(foreseen, labels, weights),
    }


def _reliability(foreseen: Floats, labels: Floats, weights: Floats) -> list[dict[str, float]]:
    """Return for each tenth of the answers what was foreseen, what came, and how many there are."""
    order = np.argsort(foreseen, kind="stable")
    rows = []
    for part in np.array_split(order, min(CLASSES, len(order))):
        total = weights[part].sum()
        predicted, observed = (float(weights[part] @ each[part] / total) for each in (foreseen, labels))
        rows.append({"predicted": round(predicted, 4), "observed": round(observed, 4), "count": len(part)})
    return rows


def _shares(answers: Sequence[Example]) -> Floats:
    weights = weights_of(answers)
    shares: Floats = weights / weights.sum()
    return shares


def _losses(foreseen: Floats, labels: Floats) -> Floats:
    sure = np.clip(foreseen, SURE, 1 - SURE)
    losses: Floats = -(labels * np.log(sure) + (1 - labels) * np.log1p(-sure))
    return losses


def _auc(foreseen: Floats, labels: Floats, weights: Floats) -> tuple[float, Floats]:
    """Return the weighted AUC and each row's part in its error (DeLong et al. 1988): shape (n,), adding up to 0."""
    good = labels > 0
    parts, auc = np.zeros(len(labels)), 0.0
    for mine, others, sign in ((good, ~good, 1), (~good, good, -1)):
        order = np.argsort(foreseen[others])
        ranked, below = foreseen[others][order], np.concatenate([[0.0], np.cumsum(weights[others][order])])
        left, right = (np.searchsorted(ranked, foreseen[mine], side=side) for side in ("left", "right"))
        beaten = (below[left] + below[right]) / 2 / below[-1]
        beaten = beaten if sign > 0 else 1 - beaten
        share = weights[mine] / weights[mine].sum()
        auc = float(share @ beaten)
        parts[mine] = share * (beaten - auc)
    return auc, parts


def _error(parts: Floats, groups: Sequence[Hashable]) -> float:
    """Return the standard error of a sum whose parts depend on each other within groups (Liang & Zeger 1986)."""
    places = {each: place for place, each in enumerate(dict.fromkeys(groups))}
    if len(places) < 2:
        return float("inf")
    sums = np.bincount([places[each] for each in groups], parts)
    return float(np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1)))


def _rounded(value: float | None) -> float | None:
    return None if value is None or not isfinite(value) else round(value, 5)
