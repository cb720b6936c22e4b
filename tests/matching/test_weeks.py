"""Explored pairs change from week to week, so a new week owes a round, once, whoever leads."""

from datetime import date

import pytest

from services.matching import rounds, work
from services.matching.exploration import week_of
from services.matching.repository import suggestions as rows
from services.matching.world import World
from tests.matching.conftest import Matching, organisation

NEED = "recycling of lithium batteries from electric cars"
SUNDAY, MONDAY, TUESDAY = date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 24)


class Calendar:
    """The day that it is."""

    def __init__(self, matching: Matching, monkeypatch: pytest.MonkeyPatch) -> None:
        self._matching = matching
        self.day = SUNDAY
        for module in (rounds, work):
            monkeypatch.setattr(module, "today", lambda: self.day)

    async def holds_a_round_on(self, day: date) -> bool:
        """Whether the leader holds a round when it looks for work on a day."""
        self.day = day
        self._matching.engine.last_round_ended = -1e9
        return await work.one_step(self._matching.context, self._matching.engine)


@pytest.fixture
async def calendar(matching: Matching, monkeypatch: pytest.MonkeyPatch) -> Calendar:
    """A Sunday on which all is matched."""
    made = Calendar(matching, monkeypatch)
    assert not await made.holds_a_round_on(SUNDAY), "as long as nothing is suggested, nothing is explored"
    await matching.hear(organisation("Akku", "DE", needs=[NEED]), organisation("Pile", "FR", offers=[NEED]))
    await matching.settle()
    return made


async def test_a_new_week_owes_one_round(matching: Matching, calendar: Calendar) -> None:
    assert not await calendar.holds_a_round_on(SUNDAY)
    assert await calendar.holds_a_round_on(MONDAY)
    assert not await calendar.holds_a_round_on(TUESDAY)
    await matching.restart()
    assert not await calendar.holds_a_round_on(TUESDAY), "another leader knows of it"


async def test_negative_control_without_looking_at_the_week_lists_stay_those_of_the_last_one(
    calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(session: object, week: str) -> bool:
        return False

    monkeypatch.setattr(rows, "is_week_owed", never)
    assert not await calendar.holds_a_round_on(MONDAY)


async def is_owed_after_a_round_on_monday(matching: Matching, calendar: Calendar) -> bool:
    """Whether the new week still owes a round after one that could not see everything."""
    calendar.day = MONDAY
    await matching.hear(organisation("Neu", "PL", offers=["what nobody has read yet"]))
    await rounds.run_round(matching.context.database, matching.engine)
    async with matching.context.database.session() as session:
        return await rows.is_week_owed(session, week_of(MONDAY))


async def test_a_round_that_could_not_read_everything_leaves_the_week_owed(
    matching: Matching, calendar: Calendar
) -> None:
    assert await is_owed_after_a_round_on_monday(matching, calendar)
    await matching.settle()
    assert not await calendar.holds_a_round_on(MONDAY)


async def test_negative_control_a_round_that_is_taken_for_final_settles_the_week_too_early(
    matching: Matching, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(World, "complete", True)
    assert not await is_owed_after_a_round_on_monday(matching, calendar)
