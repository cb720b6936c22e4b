"""Which pairs are doubles: a better one is of the same two firms, one of them registered twice. Pure.

Two organisations are one firm when they have one name and lie in one country. Kept between rounds: nearly all firms are
registered once, and only pairs of the others are looked at together.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from services.matching.parties import Pair, Party, firm_of
from services.matching.scoring import Scored

Firm = tuple[str, str]
"""A name without case, accents and punctuation, and a country."""
Both = frozenset[Firm]


class Firms:
    """Who is one firm, and which pairs are ``doubles``."""

    def __init__(self) -> None:
        self.doubles: set[Pair] = set()
        self._firm: dict[UUID, Firm] = {}
        self._members: defaultdict[Firm, set[UUID]] = defaultdict(set)
        self._rivals: defaultdict[Both, set[Pair]] = defaultdict(set)
        """Pairs of the same two firms, if one of these is registered more than once."""
        self._both: dict[Pair, Both] = {}

    def take_over(self, changed: Iterable[UUID], parties: Mapping[UUID, Party]) -> set[UUID]:
        """Note whose firm is another one, or none any more; return all organisations of these firms."""
        concerned: set[Firm] = set()
        for each in changed:
            party = parties.get(each)
            before, now = self._firm.get(each), None if party is None else (firm_of(party), party.country)
            if before == now:
                continue
            if before is not None:
                del self._firm[each]
                self._members[before].discard(each)
                concerned.add(before)
            if now is not None:
                self._firm[each] = now
                self._members[now].add(each)
                concerned.add(now)
        return self._organisations(concerned)

    def _organisations(self, firms: Iterable[Firm]) -> set[UUID]:
        found: set[UUID] = set()
        for each in firms:
            found |= self._members[each]
            if not self._members[each]:
                del self._members[each]
        return found

    def sort_out(self, pairs: Collection[Pair], scored: Mapping[Pair, Scored]) -> set[Pair]:
        """Bring doubles in line with the scores of these pairs, which have changed, or whose firms have; return the
        pairs that may be doubles now, or not any more.
        """
        concerned: set[Both] = set()
        for pair in pairs:
            if (both := self._both.pop(pair, None)) is not None:
                self._rivals[both].discard(pair)
                concerned.add(both)
            if pair in scored and any(len(self._members[self._firm[side]]) > 1 for side in pair):
                both = self._both[pair] = frozenset(self._firm[side] for side in pair)
                self._rivals[both].add(pair)
                concerned.add(both)
        doubtful = self.doubles.intersection(pairs)
        self.doubles -= doubtful
        for both in concerned:
            ranked = sorted(self._rivals[both], key=lambda each: (-scored[each].score, each))
            self.doubles.difference_update(ranked[:1])
            self.doubles.update(ranked[1:])
            doubtful.update(ranked)
            if not ranked:
                del self._rivals[both]
        return doubtful
