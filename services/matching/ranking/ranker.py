"""The ranker: a generalised additive model that says how likely two organisations want to meet. Pure.

log(p / (1 − p)) = intercept + Σ f(x), with one piecewise linear function f per factor (Hastie & Tibshirani, 1986). So
every factor's share in a score can be told exactly, and a change of one factor can't hide behind another.
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

DECIMALS = 4
"""Scores are rounded, so that they are the same wherever and in whatever order they are computed."""
BEFORE = "before"
"""The share of a score that it has before anything is known of the pair."""
START = Path(__file__).with_name("start.json")
"""The ranker that a new installation begins with."""

Values = Mapping[str, float]
"""What is known of a pair, by factor; a factor that is missing says nothing."""


@dataclass(frozen=True)
class Curve:
    """A piecewise linear function through (``at``, ``log_odds``); constant beyond its ends. ``at`` rises."""

    at: tuple[float, ...]
    log_odds: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.at) != len(self.log_odds) or not self.at or any(np.diff(self.at) <= 0):
            raise ValueError("a curve needs as many log odds as rising points")

    def __call__(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return log odds for values of the factor, same shape."""
        return np.interp(np.asarray(values, np.float64), self.at, self.log_odds)

    def of(self, value: float) -> float:
        """Return the log odds for one value: for single numbers ten times as fast as numpy."""
        place = bisect_right(self.at, value)
        if place == 0 or place == len(self.at):
            return self.log_odds[max(0, place - 1)]
        left, right = self.at[place - 1], self.at[place]
        low, high = self.log_odds[place - 1], self.log_odds[place]
        return low + (high - low) * (value - left) / (right - left)


@dataclass(frozen=True)
class Verdict:
    """A probability 0…1 and its shares by factor, which add up to it (some may be negative)."""

    score: float
    shares: dict[str, float]


@dataclass(frozen=True)
class Ranker:
    """``curves`` by factor; ``source`` says what it was learned from."""

    intercept: float
    curves: Mapping[str, Curve] = field(hash=False)
    source: str = ""

    @property
    def version(self) -> str:
        """A name that changes whenever any score might."""
        return hashlib.blake2b(json.dumps(self.numbers(), sort_keys=True).encode(), digest_size=6).hexdigest()

    def contributions(self, values: Values) -> dict[str, float]:
        """Return the log odds that each factor adds, those that add nothing left out."""
        found = {name: self.curves[name].of(value) for name, value in values.items() if name in self.curves}
        return {name: value for name, value in found.items() if value}

    def log_odds(self, values: Values) -> float:
        """Return the log odds that everything known adds up to, not rounded."""
        return self.intercept + sum(self.contributions(values).values())

    def judge(self, values: Values) -> Verdict:
        """Return the probability and its shares.

        Shares are those of Aumann and Shapley (1974): along the straight way from nothing known to all known each
        factor is given what it adds at each step. For an additive model that splits p − p₀ in proportion to the
        factors' log odds.
        """
        parts = self.contributions(values)
        total = sum(parts.values())
        before, score = _probability(self.intercept), _probability(self.intercept + total)
        slope = (score - before) / total if abs(total) > 1e-9 else before * (1 - before)
        shares = {BEFORE: before, **{name: value * slope for name, value in parts.items()}}
        rounded = {name: round(value, DECIMALS) for name, value in shares.items()}
        most = max(rounded, key=lambda name: (abs(rounded[name]), name))
        score = round(score, DECIMALS)
        rounded[most] = round(rounded[most] + score - sum(rounded.values()), DECIMALS)
        return Verdict(score, {name: value for name, value in rounded.items() if value or name == BEFORE})

    def numbers(self) -> dict[str, Any]:
        """Return all that decides scores, as plain JSON."""
        curves = {name: {"at": each.at, "log_odds": each.log_odds} for name, each in sorted(self.curves.items())}
        return {"intercept": self.intercept, "curves": curves}

    def to_json(self) -> dict[str, Any]:
        """Return the ranker as it is stored."""
        return {**self.numbers(), "source": self.source}


def from_json(stored: Mapping[str, Any]) -> Ranker:
    """Return a stored ranker; raises ``ValueError``, ``KeyError`` or ``TypeError`` when it is none."""
    curves = {
        name: Curve(tuple(map(float, each["at"])), tuple(map(float, each["log_odds"])))
        for name, each in stored["curves"].items()
    }
    return Ranker(float(stored["intercept"]), curves, str(stored.get("source", "")))


@cache
def start_ranker() -> Ranker:
    """Return the ranker that the product is shipped with."""
    return from_json(json.loads(START.read_text(encoding="utf-8")))


def _probability(log_odds: float) -> float:
    return float(1 / (1 + np.exp(-log_odds)))
