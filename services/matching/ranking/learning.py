"""Learns a ranker from what came of the pairs that were shown. Pure.

It stays of the same form: every curve is multiplied by a number of its own, and the intercept moves. So shares still
add up, and no curve can bend to a few odd answers. Few answers move little, many win: the shipped ranker is a prior.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from services.matching.ranking.examples import Example, Floats, labels_of, values_of, weights_of
from services.matching.ranking.ranker import Curve, Ranker

PRIOR_LOG_ODDS = 0.25
"""How far (standard deviation) the shipped ranker is thought to be off: in its intercept, and in each factor over the
whole range of its curve. Together some .1 of variance in the log odds of a pair, as much as forty answers tell.
"""
SMALL = 0.02
"""Log odds that one standard deviation of the prior makes in its pseudo-observations: so small that they are as good
as a normal prior.
"""
DECIMALS = 6
"""Learned log odds are rounded: the same answers give the same version."""


@dataclass(frozen=True)
class Learned:
    """A ranker with the numbers by which it differs from the one it began with. ``effective``: rows by weight."""

    ranker: Ranker
    multipliers: dict[str, float]
    shift: float
    effective: float


def log_odds(ranker: Ranker, values: Sequence[Mapping[str, float]]) -> Floats:
    """Return the log odds that a ranker gives pairs, shape (n,)."""
    found: Floats = ranker.intercept + _parts(ranker, values).sum(axis=1)
    return found


def probabilities(ranker: Ranker, values: Sequence[Mapping[str, float]]) -> Floats:
    """Return the probabilities that a ranker gives pairs, shape (n,), not rounded as scores are."""
    return np.asarray(expit(log_odds(ranker, values)), np.float64)


def learn_ranker(base: Ranker, examples: Sequence[Example], weights: Floats | None = None) -> Learned:
    """Return the most likely ranker after these rows, ``base`` before any. ``weights``: those of ``weights_of``.

    log(p / (1 − p)) = a₀ + Σ aⱼ fⱼ(x), with a₀ normal around the intercept and each aⱼ around 1, never below 0: closer
    statements never make a pair worse. The intercept is fitted to answers alone, for a score is the probability of a
    yes; visits and vouchers, which only the good ones come to, say which factors matter.
    """
    if not examples:
        return Learned(base, dict.fromkeys(base.curves, 1.0), 0.0, 0.0)
    weighing = weights_of(examples) if weights is None else weights
    multipliers = _multipliers(base, examples, weighing)
    scaled = Ranker(base.intercept, {name: _scaled(each, multipliers[name]) for name, each in base.curves.items()})
    shift = _shift(scaled, examples, weighing)
    ranker = Ranker(round(base.intercept + shift, DECIMALS), scaled.curves, _source(base, examples))
    return Learned(ranker, multipliers, round(shift, DECIMALS), float(weighing.sum() ** 2 / (weighing**2).sum()))


def _multipliers(base: Ranker, examples: Sequence[Example], weights: Floats) -> dict[str, float]:
    """Fit all multipliers; one that comes out negative is 0 and the rest is fitted again."""
    names, parts = list(base.curves), _parts(base, values_of(examples))
    deviations = np.array([PRIOR_LOG_ODDS / (_range(base.curves[name]) or np.inf) for name in names])
    fitted = [column for column, deviation in enumerate(deviations) if deviation > 0]
    found = np.where(deviations > 0, 0.0, 1.0)
    while fitted:
        columns = np.column_stack([np.ones(len(parts)), parts[:, fitted]])
        means = np.array([base.intercept, *np.ones(len(fitted))])
        spread = np.array([PRIOR_LOG_ODDS, *deviations[fitted]])
        got = _most_likely(columns, labels_of(examples), weights, means, spread)[1:]
        if got.min() >= 0:
            found[fitted] = got
            break
        fitted.pop(int(np.argmin(got / deviations[fitted])))
    return {name: round(float(value), DECIMALS) for name, value in zip(names, found, strict=True)}


def _most_likely(columns: Floats, labels: Floats, weights: Floats, means: Floats, spread: Floats) -> Floats:
    """Return the mode of a logistic regression whose coefficients are normal around ``means`` before any row.

    The prior enters as pseudo-observations (Greenland 2007): for each coefficient one yes and one no that know nothing
    else, so weighted that they are most likely at its mean and as certain as its standard deviation says.
    """
    scaled, most_likely = columns * spread, means / spread
    expected = expit(SMALL * most_likely)
    heavy = 1 / (SMALL**2 * expected * (1 - expected))
    known = np.eye(len(means)) * SMALL
    model = LogisticRegression(C=np.inf, fit_intercept=False, solver="newton-cholesky", tol=1e-9, max_iter=200)
    model.fit(
        np.vstack([scaled, known, known]),
        np.concatenate([labels, np.ones(len(means)), np.zeros(len(means))]),
        sample_weight=np.concatenate([weights, heavy * expected, heavy * (1 - expected)]),
    )
    return np.asarray(model.coef_[0], np.float64) * spread


def _shift(scaled: Ranker, examples: Sequence[Example], weights: Floats) -> float:
    """Return by how much the intercept moves so that the answers come out as often as they did, the prior included."""
    of_answers = np.array([each.is_answer for each in examples])
    answers = [each for each in examples if each.is_answer]
    if not answers:
        return 0.0
    given, labels, weighing = log_odds(scaled, values_of(answers)), labels_of(answers), weights[of_answers]

    def slope(shift: float) -> float:
        return float(weighing @ (labels - expit(given + shift)) - shift / PRIOR_LOG_ODDS**2)

    furthest = weighing.sum() * PRIOR_LOG_ODDS**2 + 1
    return float(brentq(slope, -furthest, furthest, xtol=1e-9))


def _parts(ranker: Ranker, values: Sequence[Mapping[str, float]]) -> Floats:
    """Return the log odds that each curve adds, shape (n, curves); 0 where its factor is not known."""
    columns = []
    for name, curve in ranker.curves.items():
        known = np.array([each.get(name, np.nan) for each in values], np.float64)
        columns.append(np.where(np.isnan(known), 0.0, curve(np.nan_to_num(known))))
    return np.column_stack(columns) if columns else np.zeros((len(values), 0))


def _range(curve: Curve) -> float:
    return max(0.0, *curve.log_odds) - min(0.0, *curve.log_odds)


def _scaled(curve: Curve, multiplier: float) -> Curve:
    return Curve(curve.at, tuple(round(each * multiplier, DECIMALS) + 0.0 for each in curve.log_odds))


def _source(base: Ranker, examples: Sequence[Example]) -> str:
    answers = sum(each.is_answer for each in examples)
    return (
        f"{answers} answers and {len(examples) - answers} visits and paid vouchers until {examples[-1].at:%Y-%m-%d},"
        f" beginning with ranker {base.version}"
    )


def facts_of(learned: Learned, examples: Sequence[Example]) -> dict[str, Any]:
    """Return what a report says of the learning itself, as plain JSON."""
    kinds = [each.kind for each in examples]
    return {
        "rows": len(examples),
        "kinds": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
        "explored": sum(each.shown.explored for each in examples),
        "effective_rows": round(learned.effective, 1),
        "multipliers": learned.multipliers,
        "intercept": learned.ranker.intercept,
        "shift": learned.shift,
        "source": learned.ranker.source,
    }
