"""What is shown of a market, kept while candidates come and go: allocation and exploration of what a change reaches.

Pure. The policy is that of :mod:`~services.matching.exploration`, whose arrays begin it; here it goes on pair by pair.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from heapq import heappop, heappush
from itertools import compress

import numpy as np

from services.matching.exploration import Choice, Exploring, Lottery, digests, most_rate
from services.matching.live_allocation import Event, Key, LiveAllocation, key_of
from services.matching.scoring import Scored

WORD = 2**64 - 1


class LiveLottery:
    """Which candidates are shown, and with which probability; organisations are told by their ids as integers."""

    def __init__(
        self,
        lottery: Lottery,
        keys: list[Key],
        kept: Mapping[int, int],
        per_organisation: int,
        exploring: Exploring | None,
    ) -> None:
        """``lottery``: of a market of which ``keys`` are the rows; ``kept``: by organisation, how many pairs stand
        already, also of those without a candidate.
        """
        self.allocation = LiveAllocation(per_organisation, keys, lottery.turns.tolist())
        self.allocation.kept.update(kept)
        self._exploring = exploring if exploring is not None and exploring.share else None
        self._words: dict[int, int] = {}
        self._named: dict[Key, int] = {}
        """By chosen candidate the side that would give it for an explored one."""
        self._unable: set[int] = set()
        """Organisations with a full list of which nothing may give way."""
        self._entries: set[Key] = set()
        self._count: defaultdict[int, int] = defaultdict(int)
        """By organisation, how many entries it is in."""
        self._times: dict[Key, float] = {}
        """When the clocks of entries ring, of those that ring before time 1."""
        self._ringing: defaultdict[int, set[Key]] = defaultdict(set)
        self._shares: dict[int, float] = {}
        """By organisation what it gives each of its entries, as far as that was asked for since the last change."""
        self._most = _Most(exploring.share if exploring else 0.0)
        self._won: dict[int, Key] = {}
        """By organisation the candidate that it explores with."""
        if self._exploring is not None:
            self._begin(lottery, keys, self._exploring)

    def _begin(self, lottery: Lottery, keys: list[Key], exploring: Exploring) -> None:
        for side, row in zip(lottery.market.number, lottery.gives.tolist(), strict=True):
            if row >= 0:
                self._named[keys[row]] = side
        there = np.zeros(len(keys), bool)
        there[lottery.entries] = True
        self._unable = {side for side in lottery.market.number if not self._is_able(side)}
        self._entries = set(compress(keys, there.tolist()))
        count = lottery.market.count(lottery.entries).tolist()
        self._count.update((side, each) for side, each in zip(lottery.market.number, count, strict=True) if each)
        times = lottery.times(exploring.seed, exploring.period)
        early = times < 1
        touched: set[int] = set()
        for row, time in zip(lottery.entries[early].tolist(), times[early].tolist(), strict=True):
            self._ring(keys[row], time, touched)
        self._decide(touched)

    def change(self, gone: Collection[Key], new: Collection[Key], kept: Mapping[int, int]) -> set[Key]:
        """Take candidates out and in, and tell by organisation how many pairs more (or fewer) stand; return those that
        may be shown now, or not any more.
        """
        moved = self.allocation.change(gone, new, kept)
        doubtful = {key for side, events in moved.items() for _, key in events}
        doubtful |= {key for side in moved for key in self.allocation.chosen(side)} | set(gone)
        if self._exploring is None:
            return doubtful
        renamed = self._name(moved, doubtful)
        reached = {*moved, *(side for key in (*gone, *new, *renamed) for side in key[1:])}
        return doubtful | renamed | self._draw(gone, reached, moved)

    def is_shown(self, key: Key) -> bool:
        """Whether a candidate is shown."""
        if self.allocation.is_chosen(key):
            return self._named.get(key) not in self._won
        return self._won.get(key[1]) == key

    def choice(self, scored: Scored) -> Choice:
        """Return a candidate that is shown with the probability of that."""
        key = key_of(scored)
        if not self.allocation.is_chosen(key):
            return Choice(scored, self._chance(key), True)
        namer = self._named.get(key)
        explores = 0.0 if namer is None else sum(map(self._chance, self._entries_of(namer)))
        return Choice(scored, 1.0 - explores)

    def _name(self, moved: Mapping[int, list[Event]], doubtful: Iterable[Key]) -> set[Key]:
        """Name what gives way in the lists that have changed, and wherever that leads; return what was named otherwise
        before. The worst are named first, so each depends on worse ones only.
        """
        renamed = {key for key in doubtful if not self.allocation.is_chosen(key)} & self._named.keys()
        for key in renamed:
            del self._named[key]
        worst_first: list[tuple[float, int, int]] = []
        for side in moved:
            for key in self.allocation.chosen(side):
                heappush(worst_first, (-key[0], -key[1], -key[2]))
        while worst_first:
            score, one, other = heappop(worst_first)
            key = (-score, -one, -other)
            namer = self._namer(key)
            if namer == self._named.get(key):
                continue
            renamed.add(key)
            self._named.pop(key, None)
            if namer is not None:
                self._named[key] = namer
            for each in (each for side in key[1:] for each in self.allocation.chosen(side) if each < key):
                heappush(worst_first, (-each[0], -each[1], -each[2]))
        return renamed

    def _namer(self, key: Key) -> int | None:
        _, one, other = key
        for mine, partner in ((one, other), (other, one)):
            worse = [self._named.get(each) for each in self.allocation.chosen(mine) if each > key]
            theirs = [self._named.get(each, partner) for each in self.allocation.chosen(partner) if each > key]
            spare = self.allocation.length(partner) - 1 - sum(each != partner for each in theirs)
            if self._is_full(mine) and mine not in worse and spare > 0:
                return mine
        return None

    def _is_full(self, side: int) -> bool:
        return self.allocation.length(side) >= self.allocation.most

    def _is_able(self, side: int) -> bool:
        return not self._is_full(side) or any(self._named.get(key) == side for _, key in self.allocation.taken[side])

    def _draw(self, gone: Iterable[Key], reached: Iterable[int], moved: Iterable[int]) -> set[Key]:
        """Draw again where entries have come or gone, or have another rate; return what may be shown otherwise."""
        for side in reached:
            (self._unable.discard if self._is_able(side) else self._unable.add)(side)
        self._shares.clear()
        rated, touched = set(moved), set[int]()
        self._enter(gone, rated, touched)
        self._enter((key for side in reached for key in self.allocation.rows[side]), rated, touched)
        again = {key for side in rated for key in self._entries_of(side)}
        for key in again:
            self._ring(key, -math.log(self._uniform(key)) / self._rate(key), touched)
        return self._decide(touched)

    def _enter(self, keys: Iterable[Key], rated: set[int], touched: set[int]) -> None:
        """Enter candidates that may be explored with, and strike out the others."""
        for key in keys:
            enters = self._may_enter(key)
            if enters == (key in self._entries):
                continue
            (self._entries.add if enters else self._entries.discard)(key)
            for side in key[1:]:
                self._count[side] += 1 if enters else -1
                rated.add(side)
            if not enters:
                self._ring(key, math.inf, touched)

    def _may_enter(self, key: Key) -> bool:
        able = key[1] not in self._unable and key[2] not in self._unable
        return able and self.allocation.has(key) and not self.allocation.is_chosen(key)

    def _ring(self, key: Key, time: float, touched: set[int]) -> None:
        """Set a clock; only what rings before time 1 can win."""
        if time >= 1 and key not in self._times:
            return
        touched.update(key[1:])
        self._times.pop(key, None)
        if time < 1:
            self._times[key] = time
        for side in key[1:]:
            (self._ringing[side].add if time < 1 else self._ringing[side].discard)(key)

    def _decide(self, touched: set[int]) -> set[Key]:
        """See who explores with what, among those whose clocks have been set and their partners."""
        near = touched | {side for each in touched for key in self._ringing[each] for side in key[1:]}
        doubtful = set[Key]()
        for side in near:
            first = self._first(side)
            wins = first if first is not None and all(self._first(each) == first for each in first[1:]) else None
            before = self._won.pop(side, None)
            if wins is not None:
                self._won[side] = wins
            if wins != before:
                doubtful.update(self.allocation.chosen(side), (each for each in (wins, before) if each is not None))
        return doubtful

    def _first(self, side: int) -> Key | None:
        return min(self._ringing[side], key=self._times.__getitem__, default=None)

    def _entries_of(self, side: int) -> list[Key]:
        """Return the entries that an organisation is in, in the order in which arrays sum them up."""
        mine = [key for key in self.allocation.rows[side] if key in self._entries]
        return [key for place in (1, 2) for key in mine if key[place] == side]

    def _rate(self, key: Key) -> float:
        return min(self._share(key[1]), self._share(key[2]))

    def _share(self, side: int) -> float:
        """Return what an organisation gives each of its entries."""
        share = self._shares.get(side)
        if share is None:
            share = self._shares[side] = self._most[self.allocation.length(side)] / self._count[side]
        return share

    def _chance(self, key: Key) -> float:
        """Return the probability that an entry is explored."""
        rate = self._rate(key)
        around = sum(sum(map(self._rate, self._entries_of(side))) for side in key[1:]) - rate
        return rate / around * -math.expm1(-around)

    def _uniform(self, key: Key) -> float:
        """Return the pair's number of (0, 1], as :func:`~services.matching.exploration.uniform` does."""
        return ((_mix((self._word(key[1]) + self._word(key[2])) & WORD) >> 11) + 1) * 2.0**-53

    def _word(self, side: int) -> int:
        if side not in self._words:
            assert self._exploring is not None
            (digest,) = digests((side,), self._exploring.seed, self._exploring.period)
            self._words[side] = _mix(int.from_bytes(digest, "little"))
        return self._words[side]


class _Most(dict[int, float]):
    """What the rates of an organisation may sum to, by the length of its list."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self._share = share

    def __missing__(self, length: int) -> float:
        rate = self[length] = float(most_rate(length, self._share))
        return rate


def _mix(word: int) -> int:
    """Scatter a 64-bit word, as ``exploration`` does it with arrays."""
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 & WORD
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB & WORD
    return word ^ (word >> 31)
