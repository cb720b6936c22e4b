"""Answers as somebody with another taste than the shipped ranker's would give them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from services.matching.ranking.examples import Example, Shown
from services.matching.ranking.learning import probabilities
from services.matching.ranking.ranker import Curve, Ranker, start_ranker

BEGIN = datetime(2026, 9, 1, tzinfo=UTC)


def taste(intercept: float = -2.2, **curves: tuple[float, float]) -> Ranker:
    """Return a ranker whose curves rise straight from one log odds to another; all others are as shipped."""
    straight = {name: Curve((0.0, 1.0), ends) for name, ends in curves.items()}
    return Ranker(intercept, {**start_ranker().curves, **straight})


SECTORS_FIRST = taste(statements=(0, 2.0), sectors=(0, 2.0), tags=(0, 0.0))
"""Somebody who looks at sectors first, and does not care for tags."""


def pair(number: int) -> tuple[UUID, UUID]:
    """Return the n-th pair of organisations."""
    return UUID(int=2 * number + 2), UUID(int=2 * number + 3)


def factors(random: np.random.Generator) -> dict[str, float]:
    """Return what might be known of a pair that is good enough to be shown."""
    return {
        "statements": float(random.uniform(0.5, 1)),
        "both_ways": float(random.choice([0.0, random.uniform(0.3, 0.9)])),
        "sectors": float(random.choice([0.0, 0.5, 1.0])),
        "languages": float(random.integers(2)),
        "tags": float(random.integers(2)),
        "network": float(random.choice([0.0, 0.0, 1.0])),
    }


def answered(
    ranker: Ranker, known: dict[str, float], random: np.random.Generator, number: int, propensity: float = 1.0
) -> Example:
    """Return the n-th pair's answer, given with the probability that a ranker says."""
    at = BEGIN + timedelta(minutes=number)
    liked = random.random() < probabilities(ranker, [known])[0]
    shown = Shown(pair(number), at - timedelta(hours=1), known, propensity, propensity < 1)
    return Example(pair(number), "interested" if liked else "not_interested", at, shown)


def answers(ranker: Ranker, count: int, seed: int = 7) -> list[Example]:
    """Return answers to as many pairs, each shown for certain."""
    random = np.random.default_rng(seed)
    return [answered(ranker, factors(random), random, number) for number in range(count)]


OTHERWISE = taste(statements=(0, 2.0), sectors=(0, -2.0))
"""Somebody who wants partners from other sectors."""


def taste_for(known: dict[str, float]) -> Ranker:
    """Return whose taste it is: of very close statements one thing is liked, of all others the contrary."""
    return OTHERWISE if known["statements"] >= CLOSE else SECTORS_FIRST


CLOSE = 0.85


def exposed(count: int, propensity: float, seed: int = 7) -> Iterator[Example]:
    """Yield answers to what a ranker shows: all very close pairs, others only now and then."""
    random = np.random.default_rng(seed)
    number = 0
    while number < count:
        known = factors(random)
        chance = 1.0 if known["statements"] >= CLOSE else propensity
        if random.random() < chance:
            yield answered(taste_for(known), known, random, number, chance)
            number += 1


def everybody(count: int, seed: int = 8) -> list[Example]:
    """Return answers to all pairs there are, whoever would have been shown them."""
    return list(exposed(count, 1.0, seed))
