"""Learns the ranker's curves of cooperation: ``python -m services.matching.evaluation.learn_partners --data DIR
--queries FILE [--out FILE]``, and says what it can do on queries that it has not seen (5-fold, by query).

Each factor enters as a straight line with three bends (at the 20, 50 and 80 % quantiles), bounded at four standard
deviations. The model is a logistic regression (scikit-learn) of "who of two became the partner?" on the difference of
their features: what both have in common cancels, as in a conditional logit (McFadden 1974). A second, two-parameter
one turns its sum into a probability (Platt 1999). Pairs of which only one is known well get an offset, so that theirs
average that of a pair of which nothing is known.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from services.matching.evaluation.figures import one_among
from services.matching.evaluation.partners import cases_of, world_of
from services.matching.ranking.cooperation import FACTORS, FEW
from services.matching.ranking.ranker import START, Curve, start_ranker

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

BOUND = 4.0
BENDS = (0.2, 0.5, 0.8)
STRENGTH = 0.002
"""scikit-learn's C, for differences of which each case has 49."""


def basis(values: Numbers, mean: Numbers, spread: Numbers, bends: Numbers) -> Numbers:
    """Return features, shape (…, 4 × factors): the line and the three bends of each factor."""
    scaled = np.clip((values - mean) / spread, -BOUND, BOUND)
    return np.concatenate([scaled, *(np.maximum(scaled - bend, 0) for bend in bends)], axis=-1)


def fit(features: Numbers, strength: float = STRENGTH) -> Numbers:
    """Return weights from features, shape (cases, candidates, n), the right candidate first."""
    differences = (features[:, :1] - features[:, 1:]).reshape(-1, features.shape[2])
    rows = np.concatenate([differences, -differences])
    labels = np.repeat([1, 0], len(differences))
    model = LogisticRegression(C=strength, fit_intercept=False, max_iter=500).fit(rows, labels)
    weights: Numbers = model.coef_[0]
    return weights


def evening_out(features: Numbers, few: Flags, weights: Numbers, middle: Numbers) -> float:
    """Return what pairs of ``few`` must be given on top to average ``middle``, the features of a pair not known."""
    return -float(((features[few] - middle) @ weights).mean()) if few.any() else 0.0


def curves(weights: Numbers, mean: Numbers, spread: Numbers, bends: Numbers, slope: float) -> dict[str, Curve]:
    """Return the model as the ranker's curves; ``slope`` turns its sum into log odds. Each curve's mean point is 0."""
    count, found = len(FACTORS), {}
    for place, name in enumerate(FACTORS):
        at = np.unique([-BOUND, *np.clip(bends[:, place], -BOUND, BOUND), 0.0, BOUND])
        own = weights[place::count]
        heights = slope * (
            own[0] * at + sum(w * np.maximum(at - b, 0) for w, b in zip(own[1:], bends[:, place], strict=True))
        )
        heights -= np.interp(0.0, at, heights)
        points = [round(float(each), 6) for each in mean[place] + at * spread[place]]
        found[name] = Curve(tuple(points), tuple(round(float(each), 4) for each in heights))
    return found


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=START)
    options = parser.parse_args()
    organisations, cooperation = world_of(options.data)
    cases = cases_of(options.queries, {each["id"]: row for row, each in enumerate(organisations)})
    known = [
        [cooperation.factors(case[0], each) for each in case[1:]] for case in track(cases.tolist(), "reading pairs")
    ]
    values = np.array([[[each.get(name, np.nan) for name in FACTORS] for each in case] for case in known])
    few = np.array([[FEW in each for each in case] for case in known])
    mean, spread = np.nanmean(values, axis=(0, 1)), np.nanstd(values, axis=(0, 1))
    values = np.where(np.isnan(values), mean, values)
    scaled = np.clip((values - mean) / spread, -BOUND, BOUND)
    bends = np.quantile(scaled.reshape(-1, len(FACTORS)), BENDS, axis=0)
    features = basis(values, mean, spread, bends)
    middle = basis(mean, mean, spread, bends)
    unseen = np.zeros(values.shape[:2])
    for learned, asked in GroupKFold(5, shuffle=True, random_state=1).split(features, groups=cases[:, 0]):
        weights = fit(features[learned])
        offset = evening_out(features[learned], few[learned], weights, middle)
        unseen[asked] = features[asked] @ weights + offset * few[asked]
    right = np.zeros(unseen.shape, bool)
    right[:, 0] = True
    platt = LogisticRegression(C=1e6).fit(unseen.reshape(-1, 1), right.ravel())
    weights = fit(features)
    ranker = start_ranker()
    slope = float(platt.coef_[0, 0])
    made = curves(weights, mean, spread, bends, slope)
    made[FEW] = Curve((1.0,), (round(slope * evening_out(features, few, weights, middle), 4),))
    kept = {name: each for name, each in ranker.curves.items() if name not in FACTORS}
    options.out.write_text(json.dumps(replace(ranker, curves={**kept, **made}).to_json(), indent=1) + "\n", "utf-8")
    _report(unseen, right, platt)


def _report(unseen: Numbers, right: Flags, platt: LogisticRegression) -> None:
    console = Console()
    console.print("queries not learned from:", {name: round(each, 4) for name, each in one_among(unseen).items()})
    predicted = platt.predict_proba(unseen.reshape(-1, 1))[:, 1]
    tenth = np.argsort(np.argsort(predicted)) * 10 // len(predicted)
    table = Table("tenth", "predicted %", "observed %", title="reliability: 1 partner among 50")
    for each in range(10):
        chosen = tenth == each
        table.add_row(str(each + 1), *(f"{100 * some[chosen].mean():.2f}" for some in (predicted, right.ravel())))
    console.print(table)


if __name__ == "__main__":
    main()
