"""How well two organisations fit: one number 0…1 and the parts it is made of. Pure and deterministic."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from services.matching.parties import Pair, Party, pair_of

DECIMALS = 4
"""Scores are rounded, so that they are the same wherever and in whatever order they are computed."""

SECOND_DIRECTION = 0.4
"""How much of the room left by the better direction the weaker one fills: both gaining is better than one."""

SECTOR_BONUS = 0.08
LANGUAGE_BONUS = 0.06
TAG_BONUS = 0.06


@dataclass(frozen=True, order=True)
class Meeting:
    """A need of one organisation and an offer of the other, with their calibrated similarity 0…1."""

    similarity: float
    need_id: UUID
    need_organisation_id: UUID
    offer_id: UUID
    offer_organisation_id: UUID


@dataclass(frozen=True)
class Scored:
    """A pair that may be proposed. ``meetings`` holds the best one per direction, the better direction first.

    ``features`` are the shares of the score and add up to it.
    """

    pair: Pair
    score: float
    meetings: tuple[Meeting, ...]
    features: dict[str, float] = field(hash=False, compare=False, default_factory=dict)


def score_pair(one: Party, other: Party, meetings: Iterable[Meeting]) -> Scored:
    """Score a pair by its statements that met (at least one) and what else the two have in common.

    The better direction counts in full; all else only fills the room left to 1. Symmetric in its first two arguments.
    """
    best = _best_per_direction(meetings)
    if not best:
        raise ValueError("a pair without statements that met has no score")
    features = {"statements": best[0].similarity}
    score = best[0].similarity
    second = best[1].similarity if len(best) > 1 else 0.0
    additions = {
        "both_ways": SECOND_DIRECTION * second,
        "sectors": SECTOR_BONUS * sector_closeness(one.sectors, other.sectors),
        "languages": LANGUAGE_BONUS * bool(set(one.languages) & set(other.languages)),
        "tags": TAG_BONUS * bool(set(one.tags) & set(other.tags)),
    }
    for name, share in additions.items():
        features[name] = (1 - score) * share
        score += features[name]
    rounded = {name: round(value, DECIMALS) for name, value in features.items() if value}
    return Scored(pair_of(one.id, other.id), round(sum(rounded.values()), DECIMALS), best, rounded)


def _best_per_direction(meetings: Iterable[Meeting]) -> tuple[Meeting, ...]:
    best: dict[UUID, Meeting] = {}
    for meeting in sorted(meetings, key=lambda each: (-each.similarity, each.need_id, each.offer_id)):
        best.setdefault(meeting.need_organisation_id, meeting)
    return tuple(best.values())


def sector_closeness(one: Iterable[str], other: Iterable[str]) -> float:
    """Return 1 for a common NACE class, ½ for a common division (first two digits), else 0."""
    mine, theirs = set(one), set(other)
    if mine & theirs:
        return 1.0
    return 0.5 if {code[:2] for code in mine} & {code[:2] for code in theirs} else 0.0


def best_first(scored: Iterable[Scored], floor: float) -> list[Scored]:
    """Return the pairs at or above the quality floor, best first, ties by id."""
    return sorted((each for each in scored if each.score >= floor), key=lambda each: (-each.score, each.pair))
