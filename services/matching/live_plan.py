"""The plan of a round, kept from round to round: only pairs that something has happened to are decided again. Pure.

What comes out is what :func:`~services.matching.planning.plan_round` would plan of everything; a test holds the two
against each other. A pair for which something is planned is looked at again until nothing is.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np

from services.matching.calls.fit import CallOf
from services.matching.considering import Candidates
from services.matching.exploration import Choice, Lottery
from services.matching.live_allocation import Key, key_of
from services.matching.live_lottery import LiveLottery
from services.matching.market import market_of
from services.matching.parties import Pair
from services.matching.planning import Limits, Plan, Standing, compare, is_kept, plan_round
from shared.contracts.matching import SuggestionState

MANY = 0.02
"""When a larger share of the candidates has changed, all is allocated anew."""


@dataclass(frozen=True)
class Situation:
    """What a round finds. ``standing``: what stands, by pair; ``changed``: pairs of which that may have changed;
    ``of``: the pairs that an organisation stands in; ``active``: who takes part.

    ``calls``: what ``call_of`` goes by besides what the two say; as long as it is the same, so are the others' calls.
    """

    candidates: Candidates
    standing: Mapping[Pair, Standing]
    changed: Collection[Pair]
    of: Callable[[UUID], Collection[Pair]]
    active: Collection[UUID]
    limits: Limits
    call_of: CallOf
    calls: object = None


class LivePlan:
    """Plans one round after another. Whoever can't write a plan down begins with another one."""

    def __init__(self) -> None:
        self.choices: Mapping[Pair, Choice] = {}
        """All that is shown, if the last round has allocated everything."""
        self._lottery = LiveLottery(Lottery(market_of(()), 1, 0.0), [], {}, 1, None)
        self._limits: Limits | None = None
        """Those that the lottery goes by; ``None`` when all is to be allocated anew."""
        self._number = 0
        self._calls: object = None
        self._doubtful: set[Pair] = set()
        """Pairs to be decided in the next round in which everything is read."""
        self._keys: dict[Pair, Key] = {}
        """What is on the market."""
        self._kept: set[Pair] = set()
        """Pairs that stay and take up room."""

    def plan(self, now: Situation, final: bool) -> Plan:
        """Return what this round changes."""
        self._doubtful |= self._concerned(now)
        self.choices = {}
        if not final:
            # What stands takes up room until everything is read: nothing of what is kept here holds meanwhile.
            found, standing = now.candidates, list(now.standing.values())
            return plan_round(found.singles, found.reasons, standing, now.active, now.limits, False, now.call_of)
        if now.limits != self._limits or not self._follow(now):
            self.choices = self._begin(now)
        plan = self._decide(now)
        self._doubtful = {*(each.pair for each in (*plan.propose, *plan.change)), *plan.withdraw, *plan.recall}
        return plan

    def _concerned(self, now: Situation) -> set[Pair]:
        """Return the pairs that something has happened to. All that stand, when it can't be told or concerns calls."""
        changes, found = now.candidates.changes, set(now.changed)
        if changes is None or now.candidates.number != self._number + 1:
            self._limits = None
        else:
            found.update(changes.pairs, (pair for each in changes.organisations for pair in now.of(each)))
        if now.calls != self._calls:
            found.update(now.standing)
        self._number, self._calls = now.candidates.number, now.calls
        return found

    def _begin(self, now: Situation) -> dict[Pair, Choice]:
        """Allocate everything anew; return what is shown. All of that, and all that stands, is to be decided."""
        limits, standing = now.limits, now.standing
        self._kept = {pair for pair, each in standing.items() if is_kept(each, now.active, True)}
        market = market_of([each for each in now.candidates.singles if _is_free(standing.get(each.pair))])
        kept = Counter(side.int for pair in self._kept for side in pair)
        market = replace(market, kept=np.array([kept[each] for each in market.number], np.int64))
        scored = market.pairs(np.arange(len(market)))
        keys = [key_of(each) for each in scored]
        self._keys = {each.pair: key for each, key in zip(scored, keys, strict=True)}
        lottery = Lottery(market, limits.per_organisation, limits.exploring.share if limits.exploring else 0.0)
        self._lottery = LiveLottery(lottery, keys, kept, limits.per_organisation, limits.exploring)
        choices = {each.scored.pair: each for each in lottery.choices(limits.exploring)}
        self._limits = limits
        self._doubtful = choices.keys() | standing.keys()
        return choices

    def _follow(self, now: Situation) -> bool:
        """Allocate again what the changes reach, which is then to be decided; returns whether it was worth it."""
        gone, new, kept = [], [], Counter[int]()
        moved: dict[Pair, Key | None] = {}
        for pair in self._doubtful:
            standing, before, key = now.standing.get(pair), self._keys.get(pair), self._key(now, pair)
            if key != before:
                moved[pair] = key
                gone += [before] if before is not None else []
                new += [key] if key is not None else []
            stays = standing is not None and is_kept(standing, now.active, True)
            if stays != (pair in self._kept):
                kept.update({side.int: 1 if stays else -1 for side in pair})
                (self._kept.add if stays else self._kept.discard)(pair)
        if len(moved) > MANY * len(self._keys):
            return False
        for pair, key in moved.items():
            self._keys.pop(pair, None)
            self._keys |= {pair: key} if key is not None else {}
        shown = self._lottery.change(gone, new, kept)
        self._doubtful.update(map(_pair, shown))
        return True

    def _key(self, now: Situation, pair: Pair) -> Key | None:
        """Return the place of a pair on the market, ``None`` if it may not be proposed (again)."""
        scored = now.candidates.by_pair.get(pair)
        if scored is None or pair in now.candidates.doubles or not _is_free(now.standing.get(pair)):
            return None
        return key_of(scored)

    def _decide(self, now: Situation) -> Plan:
        """Compare what is shown with what stands, among the doubtful."""
        shown = sorted(key for pair in self._doubtful if (key := self._keys.get(pair)) and self._lottery.is_shown(key))
        found = now.candidates
        chosen = {pair: found.by_pair[pair] for pair in map(_pair, shown)}
        standing = [now.standing[pair] for pair in self._doubtful if pair in now.standing]
        plan = compare(chosen, found.reasons, standing, now.active, now.limits, True, now.call_of)
        told = (each.pair for each in (*plan.propose, *plan.change))
        choices = self.choices or {pair: self._lottery.choice(found.by_pair[pair]) for pair in told}
        return replace(plan, choices=choices)


def _is_free(standing: Standing | None) -> bool:
    """Whether a pair may be proposed, or be taken back."""
    return standing is None or (standing.state == SuggestionState.PROPOSED and not standing.answered)


def _pair(key: Key) -> Pair:
    return UUID(int=key[1]), UUID(int=key[2])
