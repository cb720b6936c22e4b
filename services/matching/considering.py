"""What a round works out from profiles alone: all pairs that may be proposed, with scores and reasons. Pure.

Kept between rounds, because one changed organisation leaves almost all of it as it was.
"""

from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

import numpy as np

from services.matching.firms import Firms
from services.matching.meetings import Keys, Meetings
from services.matching.parties import Pair, Party, StatementFact, may_meet, pair_of
from services.matching.reasons import reason_for
from services.matching.scoring import Judge, Scored, best_first, score_pair
from services.matching.search import StatementIndex

MANY = 0.1
"""When a larger share of the organisations has changed, they are looked up one by one."""


class Statements(Mapping[UUID, StatementFact]):
    """The statements of an index by id."""

    def __init__(self, index: StatementIndex) -> None:
        self._index = index

    def __getitem__(self, statement_id: UUID) -> StatementFact:
        return self._index.statement(statement_id)

    def __iter__(self) -> Iterator[UUID]:
        return (self._index.fact(row).id for row in self._index.live.tolist())

    def __len__(self) -> int:
        return len(self._index)


class Reasons(dict[Pair, str]):
    """Why pairs fit: the sentence is made when it is asked for, for few pairs are ever chosen, and kept."""

    def __init__(self) -> None:
        super().__init__()
        self.scored: dict[Pair, Scored] = {}
        self.parties: Mapping[UUID, Party] = {}
        self.statements: Mapping[UUID, StatementFact] = {}

    def __missing__(self, pair: Pair) -> str:
        reason = self[pair] = reason_for(self.scored[pair], self.parties, self.statements)
        return reason


@dataclass(frozen=True)
class Candidates:
    """Pairs at or above the quality floor, and why they fit; all is good until the next candidates are worked out.

    ``by_pair``: all of them; ``doubles``: those of which a better one is of the same two firms; ``statements``: what
    they quote. ``number`` counts up; ``changes``: what differs from the number before, ``None`` when anything may.
    """

    by_pair: Mapping[Pair, Scored]
    reasons: dict[Pair, str]
    statements: Mapping[UUID, StatementFact]
    doubles: AbstractSet[Pair] = frozenset()
    number: int = 0
    changes: "Changes | None" = None

    @cached_property
    def scored(self) -> list[Scored]:
        """All of them, best first, ties by id."""
        return best_first(self.by_pair.values(), 0.0)

    @property
    def singles(self) -> list[Scored]:
        """One of each two firms, in any order: a firm that is registered twice gains no second place."""
        return [each for pair, each in self.by_pair.items() if pair not in self.doubles]


@dataclass(frozen=True)
class Changes:
    """What may differ from the candidates before: scores, reasons and doubles of pairs, and whole organisations."""

    pairs: Collection[Pair]
    organisations: Collection[UUID]


class Considering:
    """Finds the candidates of one snapshot of a store after another."""

    def __init__(self, least_similarity: float, least_score: float) -> None:
        self._least_similarity = least_similarity
        self._least_score = least_score
        self._number = 0
        self._begin()

    def _begin(self) -> None:
        self._meetings = Meetings(self._least_similarity)
        self._parties: Mapping[UUID, Party] = {}
        self._judge: Judge | None = None
        self._store: object = None
        self._firms = Firms()
        self._reasons = Reasons()

    def candidates(self, index: StatementIndex, parties: Mapping[UUID, Party], judge: Judge) -> Candidates:
        """Return all candidates. ``parties`` are the organisations of the index; those unchanged are the same objects
        as the last time, and so is the judge.
        """
        if self._store is not index.organisations:
            self._begin()
            self._store = index.organisations
        anew = self._judge is None
        try:
            changed = _changed(self._parties, parties)
            moved = self._firms.take_over(changed, parties)
            met = self._meetings.update(index)
            touched = np.union1d(met, self._between(index, changed | moved))
            if judge is not self._judge:
                touched = np.union1d(touched, self._meetings.everywhere(index))
            self._reasons.parties, self._reasons.statements = parties, Statements(index)
            pairs = self._pairs(index, touched)
            self._replace(pairs, self._scores(index, parties, judge, touched))
            doubtful = self._firms.sort_out(pairs, self._reasons.scored)
        except BaseException:
            self._begin()  # half updated it would be wrong for good
            raise
        self._parties, self._judge = parties, judge
        self._number += 1
        changes = None if anew else Changes({*pairs, *doubtful}, changed)
        reasons = self._reasons
        return Candidates(reasons.scored, reasons, reasons.statements, self._firms.doubles, self._number, changes)

    def _between(self, index: StatementIndex, organisations: Collection[UUID]) -> Keys:
        """Return the pairs with meetings that one of these organisations is in."""
        numbers = [number for each in organisations if (number := index.number(each)) is not None]
        return self._meetings.partners(index, np.array(numbers, np.intp))

    def _pairs(self, index: StatementIndex, keys: Keys) -> list[Pair]:
        who = index.organisations
        sides = zip((keys >> 32).tolist(), (keys & 0xFFFFFFFF).tolist(), strict=True)
        return [pair_of(who[one], who[other]) for one, other in sides]

    def _scores(self, index: StatementIndex, parties: Mapping[UUID, Party], judge: Judge, keys: Keys) -> list[Scored]:
        """Return the scores of those of these pairs that have met, may meet, and reach the quality floor."""
        scored = []
        for _, met in self._meetings.between(index, keys):
            one, other = pair_of(met[0].need_organisation_id, met[0].offer_organisation_id)
            if one in parties and other in parties and may_meet(parties[one], parties[other]):
                scored.append(score_pair(parties[one], parties[other], met, judge))
        return [each for each in scored if each.score >= self._least_score]

    def _replace(self, pairs: list[Pair], scored: list[Scored]) -> None:
        """Put the new scores of these pairs in place of their old ones."""
        for pair in pairs:
            self._reasons.scored.pop(pair, None)
            self._reasons.pop(pair, None)
        self._reasons.scored.update((each.pair, each) for each in scored)


def _changed(before: Mapping[UUID, Party], now: Mapping[UUID, Party]) -> set[UUID]:
    """Return whose party is not the same object in both, or in one of them only."""
    if len(before) == len(now):
        # Nearly always they are in the same order, and nothing has to be looked up.
        other = [pair for pair in zip(before.values(), now.values(), strict=True) if pair[0] is not pair[1]]
        if len(other) <= MANY * len(now):
            return {party.id for pair in other for party in pair}
    changed = {each for each, party in now.items() if before.get(each) is not party}
    return changed | (before.keys() - now.keys())
