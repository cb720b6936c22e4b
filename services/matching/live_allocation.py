"""The allocation in turns, kept while candidates come and go: only what a change reaches is decided again. Pure.

An event is a turn and a candidate; whether the candidate is taken then depends on how many pairs its two sides have by
then, and on nothing else. A side with more pairs than before can only lose one that it had taken later; a side with
fewer can only win one. So a change is followed from event to event, in their order, until nobody's list differs any
more. What comes out is what :func:`~services.matching.allocation.in_turns` would choose; a test holds the two against
each other.
"""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping
from heapq import heappop, heappush

from services.matching.scoring import Scored

Key = tuple[float, int, int]
"""A candidate in the order of the market, best first, ties by ids: its score, negative, and its sides' ids."""
Event = tuple[int, Key]
NOBODY = -1


def key_of(scored: Scored) -> Key:
    """Return a candidate's place in the order of the market."""
    return -scored.score, scored.pair[0].int, scored.pair[1].int


class LiveAllocation:
    """Which candidates are taken in which turn; organisations are told by their ids as integers."""

    def __init__(self, most: int, keys: Iterable[Key] = (), turns: Iterable[int] = ()) -> None:
        """``keys``: all candidates, best first, with the turn in which each is taken, 0 for none."""
        self.most = most
        self.rows: defaultdict[int, list[Key]] = defaultdict(list)
        """By organisation its candidates, best first."""
        self.taken: defaultdict[int, list[Event]] = defaultdict(list)
        """By organisation the events at which it gets a pair, in their order."""
        self.kept: defaultdict[int, int] = defaultdict(int)
        """By organisation, how many pairs stand already."""
        for key, turn in zip(keys, turns, strict=True):
            for side in key[1:]:
                self.rows[side].append(key)
                if turn:
                    self.taken[side].append((turn, key))
        for events in self.taken.values():
            events.sort()

    def length(self, side: int) -> int:
        """Return the length of an organisation's list."""
        return self.kept[side] + len(self.taken[side])

    def chosen(self, side: int) -> list[Key]:
        """Return the candidates that an organisation gets, best first."""
        return sorted(key for _, key in self.taken[side])

    def has(self, key: Key) -> bool:
        """Whether a candidate is there."""
        rows = self.rows[key[1]]
        place = bisect_left(rows, key)
        return place < len(rows) and rows[place] == key

    def is_chosen(self, key: Key) -> bool:
        """Whether a candidate is taken in some turn."""
        return key in [taken for _, taken in self.taken[key[1]]]

    def change(self, gone: Iterable[Key], new: Iterable[Key], kept: Mapping[int, int]) -> dict[int, list[Event]]:
        """Take candidates out and in, and tell by organisation how many pairs more (or fewer) stand; return the
        organisations whose lists are not the same any more, with what they had taken before.
        """
        following = _Following(self)
        for key in gone:
            for side in key[1:]:
                rows = self.rows[side]
                del rows[bisect_left(rows, key)]
            following.look_at_all(key)
        for key in new:
            for side in key[1:]:
                insort(self.rows[side], key)
            following.look_at_all(key)
        for side, more in kept.items():
            following.note(side)
            self.kept[side] += more
            following.after(side, (0, (0.0, NOBODY, NOBODY)))
        return following.follow()


class _Following:
    """Follows a change through the events that it reaches."""

    def __init__(self, state: LiveAllocation) -> None:
        self._state = state
        self._before: dict[int, tuple[int, list[Event]]] = {}
        """What stood and was taken when the change began, of organisations that were reached."""
        self._heap: list[tuple[Event, int]] = []
        """Events to look at, in order; with an organisation, when all that follow in its list are to be looked at."""
        self._searching: set[int] = set()

    def note(self, side: int) -> None:
        """Remember how an organisation's list was before the change."""
        if side not in self._before:
            self._before[side] = (self._state.kept[side], list(self._state.taken[side]))

    def look_at_all(self, key: Key) -> None:
        """Look at a candidate in all turns."""
        for turn in range(1, self._state.most + 1):
            heappush(self._heap, ((turn, key), NOBODY))

    def follow(self) -> dict[int, list[Event]]:
        """Decide again whatever the change reaches; return whose lists have changed, and how they were."""
        state = self._state
        while self._heap:
            event, searching = heappop(self._heap)
            if self._takes(event) != (event in state.taken[event[1][1]]):
                self._turn_over(event)
            if searching != NOBODY:
                self._go_on(event, searching)
        differ = {each: old for each, old in self._before.items() if old != (state.kept[each], state.taken[each])}
        return {each: events for each, (_, events) in differ.items()}

    def _takes(self, event: Event) -> bool:
        """Whether a candidate is to be taken in a turn; everything before is decided."""
        state, (turn, key) = self._state, event
        if not state.has(key) or any(taken == key and at < turn for at, taken in state.taken[key[1]]):
            return False
        mine, theirs = (state.kept[side] + bisect_left(state.taken[side], event) for side in key[1:])
        return max(mine, theirs) < state.most and min(mine, theirs) < turn

    def _turn_over(self, event: Event) -> None:
        """Take a candidate that was not taken here, or the other way round, and see what depends on it."""
        turn, key = event
        for side in key[1:]:
            self.note(side)
            events = self._state.taken[side]
            if event in events:
                events.remove(event)
            else:
                insort(events, event)
        for later in range(turn + 1, self._state.most + 1):
            heappush(self._heap, ((later, key), NOBODY))
        for side in key[1:]:
            self.after(side, event)

    def after(self, side: int, event: Event) -> None:
        """Look at what an organisation's length after an event decides."""
        taken = self._state.taken[side]
        for each in taken[bisect_right(taken, event) :]:
            heappush(self._heap, (each, NOBODY))
        if side not in self._searching and self._has_fewer(side, event):
            self._searching.add(side)
            self._go_on(event, side)

    def _has_fewer(self, side: int, event: Event) -> bool:
        """Whether an organisation has fewer pairs after an event than before the change, and room for one."""
        kept, before = self._before[side]
        now = self._state.kept[side] + bisect_right(self._state.taken[side], event)
        return now < self._state.most and now < kept + bisect_right(before, event)

    def _go_on(self, event: Event, side: int) -> None:
        """Look at an organisation's next event, as long as it has fewer pairs than before."""
        rows, (turn, key) = self._state.rows[side], event
        place = bisect_right(rows, key)
        if turn == 0 or place == len(rows):
            turn, place = turn + 1, 0
        if not rows or turn > self._state.most or not self._has_fewer(side, event):
            self._searching.discard(side)
            return
        heappush(self._heap, ((turn, rows[place]), side))
