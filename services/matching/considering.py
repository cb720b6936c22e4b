"""What a round works out from profiles alone: all pairs that may be proposed, with scores and reasons. Pure.

Kept between rounds, because one changed organisation leaves almost all of it as it was.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from services.matching.meetings import Keys, Meetings
from services.matching.parties import Pair, Party, StatementFact, may_meet, pair_of
from services.matching.reasons import reason_for
from services.matching.scoring import Judge, Scored, best_first, score_pair
from services.matching.search import StatementIndex

MANY = 0.1
"""When a larger share of the pairs has changed, they are sorted anew instead of moved one by one."""


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
    """Pairs at or above the quality floor, best first, ties by id; why they fit; and the statements they quote.

    ``reasons`` are good until the next candidates are worked out.
    """

    scored: list[Scored]
    reasons: dict[Pair, str]
    statements: Mapping[UUID, StatementFact]


class Considering:
    """Finds the candidates of one snapshot of a store after another."""

    def __init__(self, least_similarity: float, least_score: float) -> None:
        self._least_similarity = least_similarity
        self._least_score = least_score
        self._begin()

    def _begin(self) -> None:
        self._meetings = Meetings(self._least_similarity)
        self._parties: Mapping[UUID, Party] = {}
        self._judge: Judge | None = None
        self._store: object = None
        self._best: list[Scored] = []
        self._reasons = Reasons()

    def candidates(self, index: StatementIndex, parties: Mapping[UUID, Party], judge: Judge) -> Candidates:
        """Return all candidates. ``parties`` are the organisations of the index; those unchanged are the same objects
        as the last time, and so is the judge.
        """
        if self._store is not index.organisations:
            self._begin()
            self._store = index.organisations
        try:
            touched = np.union1d(self._meetings.update(index), self._renewed(index, parties))
            if judge is not self._judge:
                touched = np.union1d(touched, self._meetings.everywhere(index))
            self._reasons.parties, self._reasons.statements = parties, Statements(index)
            self._replace(self._pairs(index, touched), self._scores(index, parties, judge, touched))
        except BaseException:
            self._begin()  # half updated it would be wrong for good
            raise
        self._parties, self._judge = parties, judge
        return Candidates(list(self._best), self._reasons, self._reasons.statements)

    def _renewed(self, index: StatementIndex, parties: Mapping[UUID, Party]) -> Keys:
        """Return the pairs with meetings of which one party is not the one of the last time."""
        changed = _changed(self._parties, parties)
        numbers = [number for each in changed if (number := index.number(each)) is not None]
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
        return best_first(scored, self._least_score)

    def _replace(self, pairs: list[Pair], scored: list[Scored]) -> None:
        """Put the new scores of these pairs in place of their old ones."""
        known = self._reasons.scored
        old = [known.pop(pair) for pair in pairs if pair in known]
        for pair in pairs:
            self._reasons.pop(pair, None)
        known.update((each.pair, each) for each in scored)
        if len(old) + len(scored) > MANY * len(known):
            self._best = best_first(known.values(), self._least_score)
            return
        for each in old:
            del self._best[bisect_left(self._best, _order(each), key=_order)]
        for each in scored:
            self._best.insert(bisect_left(self._best, _order(each), key=_order), each)


def _changed(before: Mapping[UUID, Party], now: Mapping[UUID, Party]) -> set[UUID]:
    """Return whose party is not the same object in both, or in one of them only."""
    if len(before) == len(now):
        # Nearly always they are in the same order, and nothing has to be looked up.
        other = [pair for pair in zip(before.values(), now.values(), strict=True) if pair[0] is not pair[1]]
        if len(other) <= MANY * len(now):
            return {party.id for pair in other for party in pair}
    changed = {each for each, party in now.items() if before.get(each) is not party}
    return changed | (before.keys() - now.keys())


def _order(scored: Scored) -> tuple[float, Pair]:
    return -scored.score, scored.pair
