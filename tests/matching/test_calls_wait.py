"""Calls are read when nothing else is to be done: statements and rounds go first."""

from dataclasses import replace
from typing import Any

import pytest

from services.matching import rounds, work
from services.matching.encoder.spaces import Space
from services.matching.live_plan import LivePlan, Situation
from services.matching.parties import Pair
from tests.matching.callers import TODAY, call, it_is, load
from tests.matching.conftest import Matching, organisation

BATTERY = "recycling of lithium batteries from electric cars"
CHEESE = "organic goat cheese with a protected origin"


@pytest.fixture(autouse=True)
def _on_a_fixed_day(monkeypatch: pytest.MonkeyPatch) -> None:
    it_is(TODAY, monkeypatch)


def read(matching: Matching) -> list[str]:
    """Return what the English model has read so far, in order."""
    return matching.models[Space.ENGLISH].read


async def step(matching: Matching) -> None:
    """Take one step of the leader's turn, when whatever came has been quiet for long."""
    matching.engine.last_round_ended = -1e9
    await work.one_step(matching.context, matching.engine)


async def test_statements_and_their_round_go_before_calls(matching: Matching) -> None:
    await load(matching, [call("cheese", CHEESE)])
    await matching.hear(organisation("Akku", "DE", needs=[BATTERY]), organisation("Pile", "FR", offers=[BATTERY]))
    await step(matching)
    assert read(matching) == [BATTERY]
    assert await matching.occasions() == ["suggestion.proposed"], "told before any call was read"
    await step(matching)
    assert read(matching) == [BATTERY, CHEESE]


async def test_calls_read_a_moment_ago_are_named_in_the_next_step(matching: Matching) -> None:
    await matching.hear(organisation("Akku", "DE", needs=[BATTERY]), organisation("Pile", "FR", offers=[BATTERY]))
    await step(matching)
    await load(matching, [call("batteries", BATTERY, description=CHEESE)])
    for _ in range(2):
        await step(matching)
    assert await matching.occasions() == ["suggestion.proposed", "suggestion.changed"]
    await step(matching)
    assert len(await matching.occasions()) == 2


async def test_while_some_calls_wait_no_round_is_held_for_the_others(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    await matching.hear(organisation("Akku", "DE", needs=[BATTERY]), organisation("Pile", "FR", offers=[BATTERY]))
    await step(matching)
    monkeypatch.setattr(matching.engine.settings, "calls_per_batch", 1)
    await load(matching, [call("a", f"{BATTERY} and trains"), call("b", BATTERY), call("c", CHEESE)])
    for _ in range(3):
        await step(matching)
    assert await matching.occasions() == ["suggestion.proposed"]
    await step(matching)
    assert await matching.occasions() == ["suggestion.proposed", "suggestion.changed"]
    (row,) = (await matching.suggestions()).values()
    assert row.call
    assert row.call["title"] == BATTERY


async def test_a_missing_model_stops_nothing_else(matching: Matching, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.matching.encoder.errors import ModelMissingError

    async def missing(*_: object) -> None:
        raise ModelMissingError("no model")

    await load(matching, [call("batteries", BATTERY)])
    monkeypatch.setattr(matching.engine, "encode", missing)
    await step(matching)
    assert read(matching) == []


async def calls_change_during_a_round(matching: Matching, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold a round that begins with no call; by the time it plans, another one is known to everybody."""
    await matching.hear(organisation("Akku", "DE", needs=[BATTERY]), organisation("Pile", "FR", offers=[BATTERY]))
    await matching.settle()
    before = matching.engine.calls.index
    await load(matching, [call("batteries", BATTERY)])
    await matching.read()
    async with matching.context.database.session() as session:
        await matching.engine.calls.refresh(session, TODAY)
    after, matching.engine.calls.index = matching.engine.calls.index, before
    think = rounds._think

    def overtaken(*arguments: Any) -> Any:
        matching.engine.calls.index = after
        return think(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(rounds, "_think", overtaken)
        await rounds.run_round(matching.context.database, matching.engine)


async def is_a_call_named(matching: Matching) -> bool:
    """Whether the one suggestion names a call."""
    (row,) = (await matching.suggestions()).values()
    return row.call is not None


async def test_calls_that_change_during_a_round_are_named_in_the_next(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    await calls_change_during_a_round(matching, monkeypatch)
    assert not await is_a_call_named(matching)
    await rounds.run_round(matching.context.database, matching.engine)
    assert await is_a_call_named(matching)


async def test_negative_control_going_by_other_calls_than_it_names_a_round_would_lose_them(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    concerned = LivePlan._concerned

    def careless(self: LivePlan, now: Situation) -> set[Pair]:
        return concerned(self, replace(now, calls=(matching.engine.calls.index, TODAY)))

    monkeypatch.setattr(LivePlan, "_concerned", careless)
    await calls_change_during_a_round(matching, monkeypatch)
    await rounds.run_round(matching.context.database, matching.engine)
    assert not await is_a_call_named(matching)
