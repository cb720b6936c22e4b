"""Measures of rankings, and how they are reported. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Measured:
    """Figures by scorer; the product's own comes first, its baselines of the same run after it."""

    benchmark: str
    queries: int
    figures: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...] = ()


def ranks(scores: Scores, right: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the rank (from 0) of each row's best right column; ties count half."""
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    wrong = ~right
    above: npt.NDArray[np.float64] = ((scores > best) & wrong).sum(axis=1) + ((scores == best) & wrong).sum(axis=1) / 2
    return above


def retrieval(scores: Scores, right: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Return hit@1, hit@20, nDCG@10 (binary gains) and MRR of scores, shape (queries, candidates)."""
    found = ranks(scores, right)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    gains = np.take_along_axis(right, order, axis=1) / np.log2(np.arange(2, 2 + order.shape[1]))
    most = np.cumsum(1 / np.log2(np.arange(2, 12)))[np.minimum(right.sum(axis=1), 10) - 1]
    return {
        "hit@1": float((found < 1).mean()),
        "hit@20": float((found < 20).mean()),
        "nDCG@10": float((gains.sum(axis=1) / most).mean()),
        "MRR": float((1 / (1 + found)).mean()),
    }


def one_among(scores: Scores) -> dict[str, float]:
    """Return AUC and MRR of scores, shape (cases, candidates), where the first candidate is the right one."""
    right = np.zeros(scores.shape, bool)
    right[:, 0] = True
    found = ranks(scores, right)
    return {"AUC": float(1 - found.mean() / (scores.shape[1] - 1)), "MRR": float((1 / (1 + found)).mean())}
