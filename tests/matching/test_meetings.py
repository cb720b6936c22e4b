"""Meetings kept between rounds are those that comparing everything anew would find, whatever has changed in between."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.meetings import Meetings
from services.matching.scoring import Meeting
from services.matching.search import Indexed, StatementIndex
from shared.contracts.profiles import StatementRole
from tests.matching.test_search import CALIBRATIONS, COUNTRIES, entry

FEW = 3
"""So short lists are full with a handful of statements, and losing one of the closest is an everyday thing."""


def some(chance: np.random.Generator, number: int) -> Indexed:
    """Return a statement near one of three directions, now and then exactly there: many firms say the same."""
    directions = np.random.default_rng(7).normal(size=(3, 384))
    vector = directions[chance.integers(3)] + chance.choice((0.0, 0.3, 0.8)) * chance.normal(size=384)
    role = (StatementRole.NEED, StatementRole.OFFER)[chance.integers(2)]
    return entry(number, role, COUNTRIES[chance.integers(3)], ("en", "de")[chance.integers(2)], vector)


def anew(index: StatementIndex) -> set[Meeting]:
    """Return the meetings of an index, all of it compared."""
    return set(Meetings(0.5, FEW).update(index))


def a_history(seed: int, steps: int) -> bool:
    """Let statements come, change and go; tell whether what is kept is right after each step."""
    chance = np.random.default_rng(seed)
    kept = Meetings(0.5, FEW)
    stored = {number: some(chance, number) for number in range(1, 20)}
    for _ in range(steps):
        index = StatementIndex(stored.values(), CALIBRATIONS)
        if set(kept.update(index)) != anew(index):
            return False
        for number in chance.integers(1, 30, size=chance.integers(1, 5)).tolist():
            if number in stored and chance.integers(2):
                del stored[number]
            else:
                stored[number] = some(chance, number)
    return True


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1_000_000))
def test_what_is_kept_is_what_comparing_everything_finds(seed: int) -> None:
    assert a_history(seed, 6)


@pytest.mark.parametrize("guard", ["_forget", "_floors"])
def test_without_its_care_for_full_lists_something_would_be_missed(monkeypatch: pytest.MonkeyPatch, guard: str) -> None:
    """Negative controls: lists that lost one of their closest are not compared again; full lists take nothing in."""
    whole = getattr(Meetings, guard)

    def careless(self: Meetings, *arguments: object) -> object:
        right = whole(self, *arguments)
        return set() if guard == "_forget" else np.full_like(right, np.inf)

    monkeypatch.setattr(Meetings, guard, careless)
    assert not all(a_history(seed, 6) for seed in range(40))


def test_nothing_is_compared_again_when_nothing_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(1)
    stored = [some(chance, number) for number in range(1, 30)]
    kept = Meetings(0.5)
    first = kept.update(StatementIndex(stored, CALIBRATIONS))
    monkeypatch.setattr(StatementIndex, "abroad", None)
    assert kept.update(StatementIndex(stored, CALIBRATIONS)) == first
