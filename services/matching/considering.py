"""What a round works out from profiles alone: all pairs that may be proposed, with scores and reasons. Pure.

Kept between rounds, because one changed organisation leaves almost all of it as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from services.matching.meetings import Meetings
from services.matching.parties import Pair, Party, StatementFact, may_meet, pair_of
from services.matching.reasons import reason_for
from services.matching.scoring import Judge, Meeting, Scored, best_first, score_pair
from services.matching.search import StatementIndex


@dataclass(frozen=True)
class Candidates:
    """Pairs at or above the quality floor, best first, ties by id; why they fit; and the statements they quote."""

    scored: list[Scored]
    reasons: dict[Pair, str]
    statements: dict[UUID, StatementFact]


@dataclass(frozen=True)
class _Scoring:
    """A pair's score with all that it was made of: the same objects give the same score and reason."""

    parties: tuple[Party, Party]
    met: tuple[Meeting, ...]
    scored: Scored
    reason: str | None
    """None below the quality floor: nobody will read it."""

    def holds(self, parties: tuple[Party, Party], met: tuple[Meeting, ...]) -> bool:
        """Whether it was made of these very objects."""
        same = self.parties[0] is parties[0] and self.parties[1] is parties[1] and len(met) == len(self.met)
        return same and all(one is other for one, other in zip(met, self.met, strict=True))


class Considering:
    """Finds the candidates of one index after another."""

    def __init__(self, least_similarity: float, least_score: float) -> None:
        self._least_similarity = least_similarity
        self._least_score = least_score
        self._begin()

    def _begin(self) -> None:
        self._meetings = Meetings(self._least_similarity)
        self._known: dict[Pair, _Scoring] = {}
        self._judge: Judge | None = None

    def candidates(self, index: StatementIndex, parties: Mapping[UUID, Party], judge: Judge) -> Candidates:
        """Return all candidates. ``parties`` are the organisations of the index; those unchanged are the same objects
        as the last time, and so is the judge.
        """
        try:
            return self._candidates(index, parties, judge)
        except BaseException:
            self._begin()  # half updated it would be wrong for good
            raise

    def _candidates(self, index: StatementIndex, parties: Mapping[UUID, Party], judge: Judge) -> Candidates:
        if judge is not self._judge:
            self._known, self._judge = {}, judge
        statements = {each.statement.id: each.statement for each in index.entries}
        by_pair: dict[Pair, list[Meeting]] = {}
        for meeting in self._meetings.update(index):
            by_pair.setdefault(pair_of(meeting.need_organisation_id, meeting.offer_organisation_id), []).append(meeting)
        known: dict[Pair, _Scoring] = {}
        for pair, met in by_pair.items():
            if pair[0] not in parties or pair[1] not in parties:
                continue
            both = parties[pair[0]], parties[pair[1]]
            before = self._known.get(pair)
            if before is not None and before.holds(both, tuple(met)):
                known[pair] = before
            elif may_meet(*both):
                scored = score_pair(*both, met, judge)
                good = scored.score >= self._least_score
                reason = reason_for(scored, parties, statements) if good else None
                known[pair] = _Scoring(both, tuple(met), scored, reason)
        self._known = known
        best = best_first((each.scored for each in known.values()), self._least_score)
        return Candidates(best, {each.pair: known[each.pair].reason or "" for each in best}, statements)
