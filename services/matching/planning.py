"""What a round changes: the difference between what should be proposed and what stands. Pure.

The result depends on profiles and answers alone, not on the order in which anything arrived; of earlier rounds only
scores remain that have moved by less than ``least_change``.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from services.matching.calls.fit import CallOf
from services.matching.exploration import Choice, Exploring, choose
from services.matching.parties import Pair
from services.matching.scoring import Scored
from shared.contracts.matching import CallFit, SuggestionState

NAMES_A_CALL = (SuggestionState.PROPOSED, SuggestionState.CONNECTED)
"""States in which a suggestion names the open call that fits both sides."""


@dataclass(frozen=True)
class Standing:
    """A stored suggestion that is not withdrawn. ``met``: the (need, offer) statement ids that it quotes; ``call``: the
    open call that it names.
    """

    pair: Pair
    state: SuggestionState
    answered: bool
    score: float
    met: tuple[tuple[UUID, UUID], ...]
    reason: str
    call: CallFit | None = None


@dataclass(frozen=True)
class Limits:
    """The settings of a round (see ``settings.py``)."""

    per_organisation: int
    least_score_in_bursts: float
    least_change: float
    exploring: Exploring | None = None


@dataclass(frozen=True)
class Plan:
    """What to propose, what to propose differently, what to take back; and pairs that are only to name another call.

    ``calls``: the open call that each of these pairs is to name; one that is not in it names none.
    """

    propose: tuple[Scored, ...]
    change: tuple[Scored, ...]
    withdraw: tuple[Pair, ...]
    recall: tuple[Pair, ...] = ()
    calls: Mapping[Pair, CallFit] = field(default_factory=dict)
    choices: Mapping[Pair, Choice] = field(default_factory=dict, compare=False)
    """At least what is proposed and changed: with which probability it is shown, and whether it is explored."""


def plan_round(
    scored: Sequence[Scored],
    reasons: dict[Pair, str],
    standing: Collection[Standing],
    active: Collection[UUID],
    limits: Limits,
    final: bool,
    call_of: CallOf = lambda pair: None,
) -> Plan:
    """Compare the best allocation with what stands.

    Declined and connected pairs are never proposed again. A proposal that one side has answered stays, and takes up
    room, as
    long as both take part. While statements still wait to be read (``final=False``) only very good pairs are added, and
    nothing is changed or taken back for a better one, or explored: what is unread might yet change it again.
    ``call_of`` returns the open call that fits both sides of a pair; also what is answered or connected names it.
    """
    open_pairs = {each.pair: each for each in standing if each.state == SuggestionState.PROPOSED}
    settled = {each.pair for each in standing} - open_pairs.keys()
    kept = {pair for pair, each in open_pairs.items() if is_kept(each, active, final)}
    exploring = limits.exploring if final else None
    choices = {each.scored.pair: each for each in choose(scored, limits.per_organisation, kept, settled, exploring)}
    chosen = {pair: each.scored for pair, each in choices.items()}
    return replace(compare(chosen, reasons, standing, active, limits, final, call_of), choices=choices)


def is_kept(standing: Standing, active: Collection[UUID], final: bool) -> bool:
    """Whether a proposal stays whatever else there is: one side has answered, or what is unread might yet count."""
    takes_part = standing.pair[0] in active and standing.pair[1] in active
    return standing.state == SuggestionState.PROPOSED and takes_part and (standing.answered or not final)


def compare(
    chosen: Mapping[Pair, Scored],
    reasons: dict[Pair, str],
    standing: Collection[Standing],
    active: Collection[UUID],
    limits: Limits,
    final: bool,
    call_of: CallOf,
) -> Plan:
    """Compare what is to be shown, besides what is kept, with what stands. Both may be told of some pairs only."""
    open_pairs = {each.pair: each for each in standing if each.state == SuggestionState.PROPOSED}
    alive = {pair: each for pair, each in open_pairs.items() if pair[0] in active and pair[1] in active}
    kept = {pair for pair, each in alive.items() if is_kept(each, active, final)}
    floor = 0.0 if final else limits.least_score_in_bursts
    propose = [each for pair, each in chosen.items() if pair not in open_pairs and each.score >= floor]
    change = [each for pair, each in chosen.items() if pair in alive and _differs(each, alive[pair], reasons, limits)]
    gone = [pair for pair in open_pairs if pair not in alive or (pair not in kept and pair not in chosen)]
    moved = {*gone, *(each.pair for each in change)}
    staying = [each for each in standing if each.state in NAMES_A_CALL and each.pair not in moved]
    recall = _recall(staying, active, call_of) if final else {}
    named = {each.pair: call_of(each.pair) for each in (*propose, *change)} | recall
    calls = {pair: call for pair, call in named.items() if call is not None}
    return Plan(tuple(propose), tuple(change), tuple(sorted(gone)), tuple(sorted(recall)), calls)


def _recall(staying: Iterable[Standing], active: Collection[UUID], call_of: CallOf) -> dict[Pair, CallFit | None]:
    """Return the call for those pairs that nothing else is to happen to, but that name another one than they should."""
    wanted = {}
    for each in staying:
        together = each.pair[0] in active and each.pair[1] in active
        call = call_of(each.pair) if together else None
        if call != each.call:
            wanted[each.pair] = call
    return wanted


def _differs(new: Scored, old: Standing, reasons: dict[Pair, str], limits: Limits) -> bool:
    met = tuple((each.need_id, each.offer_id) for each in new.meetings)
    return met != old.met or reasons[new.pair] != old.reason or abs(new.score - old.score) >= limits.least_change
