"""Meetings kept between rounds are those that comparing everything anew would find, whatever has changed in between."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.matching import meetings, search
from services.matching import store as store_module
from services.matching.closest import ClosestLists
from services.matching.meetings import Meetings
from services.matching.scoring import Meeting
from services.matching.search import Indexed, StatementIndex
from services.matching.store import StatementStore, index_of
from shared.contracts.profiles import StatementRole
from tests.matching.test_search import CALIBRATIONS, COUNTRIES, all_meetings, entry

FEW = 3
"""So short lists are full with a handful of statements, and losing one of the closest is an everyday thing."""


def some(chance: np.random.Generator, number: int) -> Indexed:
    """Return a statement near one of three directions, now and then exactly there: many firms say the same."""
    directions = np.random.default_rng(7).normal(size=(3, 384))
    vector = directions[chance.integers(3)] + chance.choice((0.0, 0.3, 0.8)) * chance.normal(size=384)
    role = (StatementRole.NEED, StatementRole.OFFER)[chance.integers(2)]
    return entry(number, role, COUNTRIES[chance.integers(3)], ("en", "de")[chance.integers(2)], vector)


def a_history(seed: int, steps: int) -> bool:
    """Let statements come, change and go; tell whether what is kept is right after each step."""
    chance = np.random.default_rng(seed)
    kept, store = Meetings(0.5, FEW), StatementStore(CALIBRATIONS)
    stored = {number: some(chance, number) for number in range(1, 20)}
    store.put(stored.values())
    before: dict[frozenset[UUID], set[Meeting]] = {}
    for _ in range(steps):
        index = store.snapshot()
        touched = kept.update(index)
        now = by_pair(each for _, met in kept.between(index, kept.everywhere(index)) for each in met)
        if now != by_pair(all_meetings(index_of(stored.values(), CALIBRATIONS), FEW)):
            return False
        told = {frozenset(index.organisations[int(each)] for each in (key >> 32, key & 0xFFFFFFFF)) for key in touched}
        if any(now.get(pair) != before.get(pair) for pair in now.keys() | before.keys() if pair not in told):
            return False
        before = now
        for number in chance.integers(1, 30, size=chance.integers(1, 5)).tolist():
            if number in stored and chance.integers(2):
                del stored[number]
                store.drop([UUID(int=number)])
            else:
                stored[number] = some(chance, number)
                store.put([stored[number]])
    return True


def by_pair(meetings: Iterable[Meeting]) -> dict[frozenset[UUID], set[Meeting]]:
    """Return meetings by the two organisations."""
    found: dict[frozenset[UUID], set[Meeting]] = {}
    for each in meetings:
        found.setdefault(frozenset((each.need_organisation_id, each.offer_organisation_id)), set()).add(each)
    return found


@pytest.fixture(autouse=True, params=[None, 4], ids=["usual segments", "tiny segments"])
def segments(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have everything also work when rows are left, segments copied and rows filled again all the time."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param:
            for module in (search, store_module):
                patch.setattr(module, "SEGMENT", request.param)
            patch.setattr(store_module, "WORTH_COPYING", 1)
        yield


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1_000_000))
def test_what_is_kept_is_what_comparing_everything_finds(seed: int) -> None:
    assert a_history(seed, 6)


@pytest.mark.parametrize("guard", ["_short", "_floors", "replace"])
def test_without_its_care_for_full_lists_something_would_be_missed(monkeypatch: pytest.MonkeyPatch, guard: str) -> None:
    """Negative controls: lists that lost one of their closest are not compared again; full lists take nothing in; it is
    not told who has met.
    """
    owner = ClosestLists if guard == "replace" else Meetings
    whole = getattr(owner, guard)

    def careless(self: object, *arguments: object) -> object:
        right = whole(self, *arguments)
        if guard == "replace":
            return replace(right, won=right.won[:0])
        return right[:0] if guard == "_short" else np.full_like(right, np.inf)

    monkeypatch.setattr(owner, guard, careless)
    assert not all(a_history(seed, 6) for seed in range(40))


def test_nothing_is_compared_again_when_nothing_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(1)
    store = StatementStore(CALIBRATIONS)
    store.put(some(chance, number) for number in range(1, 30))
    kept = Meetings(0.5)
    assert len(kept.update(store.snapshot()))
    monkeypatch.setattr(StatementIndex, "close", None)
    assert not len(kept.update(store.snapshot()))


def a_first_look(seed: int) -> bool:
    """Compare many statements for the first time, a few at once; tell whether all is found."""
    chance = np.random.default_rng(seed)
    stored = [some(chance, number) for number in range(1, 60)]
    index, made = index_of(stored, CALIBRATIONS), Meetings(0.5, FEW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meetings, "BLOCK", 4)
        patch.setattr(meetings, "BLOCKS_BETWEEN", 1)
        made.update(index)
    found = by_pair(each for _, met in made.between(index, made.everywhere(index)) for each in met)
    return found == by_pair(all_meetings(index, FEW))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1_000_000))
def test_a_first_look_compares_each_need_and_offer_once_and_finds_all(seed: int) -> None:
    assert a_first_look(seed)


def test_negative_control_an_offer_that_is_thought_to_be_served_too_early_misses_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reached = Meetings._reached
    monkeypatch.setattr(Meetings, "_reached", lambda self, entries, rows: reached(self, entries, rows) + 2)
    assert not all(map(a_first_look, range(5)))
