"""How well two organisations fit: what is known of a pair, judged by the ranker. Pure and deterministic."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from services.matching.parties import Pair, Party, pair_of
from services.matching.ranking.cooperation import FEW, Past
from services.matching.ranking.network import Network
from services.matching.ranking.ranker import DECIMALS as DECIMALS
from services.matching.ranking.ranker import Ranker
from shared.reference.distances import distance_km, regions_km

BY_REGION = "regions"
"""Among the factors of a pair: 1 when its distance is that of the two regions. No ranker judges it."""


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

    ``features`` are the shares of the score and add up to it; ``factors`` is what the ranker was told of the pair.
    """

    pair: Pair
    score: float
    meetings: tuple[Meeting, ...]
    features: dict[str, float] = field(hash=False, compare=False, default_factory=dict)
    factors: dict[str, float] = field(hash=False, compare=False, default_factory=dict)


@dataclass(frozen=True)
class Judge:
    """Who says how good a pair is: a ranker, and what is known of who has worked with whom."""

    ranker: Ranker
    network: Network = field(default_factory=Network)
    past: Past | None = field(default=None, compare=False)
    apart: Mapping[str, float] | None = None
    """The factors of distance as they were kept, for a replay; ``None``: by the tables of today."""


def score_pair(one: Party, other: Party, meetings: Iterable[Meeting], judge: Judge) -> Scored:
    """Score a pair by its statements that met (at least one) and what else is known. Symmetric in its sides."""
    best = best_per_direction(meetings)
    factors = factors_of(one, other, best, judge)
    verdict = judge.ranker.judge(factors)
    return Scored(pair_of(one.id, other.id), verdict.score, best, verdict.shares, factors)


def factors_of(one: Party, other: Party, best: tuple[Meeting, ...], judge: Judge) -> dict[str, float]:
    """Return what is known of a pair, by factor.

    ``statements`` and ``both_ways``: similarity 0…1 of the better and of the other direction; ``sectors``: 0…1;
    ``languages``, ``tags``: 1 if they have one in common; ``distance``: thousands of km between their regions (then
    ``regions`` is 1) or, unless both are known, their countries' main cities, left out when unknown; ``network``:
    weight of common earlier partners, unless both have enough partners for :mod:`.ranking.cooperation` to tell of them
    (its factors' names); what it tells of themes and countries when only one has stands beside it.
    """
    if not best:
        raise ValueError("a pair without statements that met has no score")
    known = dict(judge.past.factors(one.id, other.id)) if judge.past is not None else {}
    if FEW in known and FEW not in judge.ranker.curves:  # a ranker from before can't even out the others
        known = {}
    if "partners" not in known and "network" not in known:  # a replay is told what was kept
        known["network"] = round(judge.network.common(one.id, other.id), DECIMALS)
    known |= _distance(one, other) if judge.apart is None else judge.apart
    return {
        "statements": best[0].similarity,
        "both_ways": best[1].similarity if len(best) > 1 else 0.0,
        "sectors": sector_closeness(one.sectors, other.sectors),
        "languages": float(bool(set(one.languages) & set(other.languages))),
        "tags": float(bool(set(one.tags) & set(other.tags))),
        **known,
    }


def kept_distance(factors: Mapping[str, float]) -> dict[str, float]:
    """Return the factors of distance among those that were kept of a pair."""
    return {name: factors[name] for name in ("distance", BY_REGION) if name in factors}


def _distance(one: Party, other: Party) -> dict[str, float]:
    between = regions_km(one.region, other.region) if one.region and other.region else None
    apart = distance_km(one.country, other.country) if between is None else between
    if apart is None:
        return {}
    return {"distance": round(apart / 1000, 3), **({BY_REGION: 1.0} if between is not None else {})}


def best_per_direction(meetings: Iterable[Meeting]) -> tuple[Meeting, ...]:
    """Return the best meeting of each direction, the better one first, ties by id."""
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
