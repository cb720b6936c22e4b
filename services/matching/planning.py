"""What a round changes: the difference between what should be proposed and what stands. Pure.

The result depends on profiles and answers alone, not on the order in which anything arrived; of earlier rounds only
scores remain that have moved by less than ``least_change``.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.matching.allocation import allocate
from services.matching.parties import Pair
from services.matching.scoring import Scored
from shared.contracts.matching import SuggestionState


@dataclass(frozen=True)
class Standing:
    """A stored suggestion that is not withdrawn. ``met``: the (need, offer) statement ids that it quotes."""

    pair: Pair
    state: SuggestionState
    answered: bool
    score: float
    met: tuple[tuple[UUID, UUID], ...]
    reason: str


@dataclass(frozen=True)
class Limits:
    """The settings of a round (see ``settings.py``)."""

    per_organisation: int
    least_score_in_bursts: float
    least_change: float


@dataclass(frozen=True)
class Plan:
    """What to propose, what to propose differently, what to take back."""

    propose: tuple[Scored, ...]
    change: tuple[Scored, ...]
    withdraw: tuple[Pair, ...]


def plan_round(
    scored: Sequence[Scored],
    reasons: dict[Pair, str],
    standing: Collection[Standing],
    active: Collection[UUID],
    limits: Limits,
    final: bool,
) -> Plan:
    """Compare the best allocation with what stands.

    Declined and connected pairs are never proposed again. A proposal that one side has answered stays, and takes up
    room, as
    long as both take part. While statements still wait to be read (``final=False``) only very good pairs are added, and
    nothing is changed or taken back for a better one: what is unread might yet change it again.
    """
    open_pairs = {each.pair: each for each in standing if each.state == SuggestionState.PROPOSED}
    settled = {each.pair for each in standing} - open_pairs.keys()
    alive = {pair: each for pair, each in open_pairs.items() if pair[0] in active and pair[1] in active}
    kept = {pair for pair, each in alive.items() if each.answered or not final}
    chosen = {each.pair: each for each in allocate(scored, limits.per_organisation, kept, settled)}
    floor = 0.0 if final else limits.least_score_in_bursts
    propose = [each for pair, each in chosen.items() if pair not in open_pairs and each.score >= floor]
    change = [each for pair, each in chosen.items() if pair in alive and _differs(each, alive[pair], reasons, limits)]
    gone = [pair for pair in open_pairs if pair not in alive or (pair not in kept and pair not in chosen)]
    return Plan(tuple(propose), tuple(change), tuple(sorted(gone)))


def _differs(new: Scored, old: Standing, reasons: dict[Pair, str], limits: Limits) -> bool:
    met = tuple((each.need_id, each.offer_id) for each in new.meetings)
    return met != old.met or reasons[new.pair] != old.reason or abs(new.score - old.score) >= limits.least_change
