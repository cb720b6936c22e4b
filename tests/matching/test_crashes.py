"""Killed anywhere, the service owes its work to the database and does it later, once."""

import gc
import weakref
from collections.abc import Sequence

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching import live_plan
from services.matching.engine import Engine
from services.matching.live_lottery import LiveLottery
from services.matching.models import Suggestion
from services.matching.picture import picture_of
from services.matching.reading import read_batch
from services.matching.repository import encoders, profiles
from services.matching.repository import suggestions as rows
from services.matching.rounds import run_round
from services.matching.suggestions import answer_suggestion
from services.matching.work import read_and_match
from shared.contracts.matching import Answer
from shared.contracts.profiles import OrganisationStatus
from tests.matching.conftest import Matching, identifier, organisation

NEED = "recycling of lithium batteries from electric cars"
PAIR = frozenset(("Akku", "Pile"))


class KilledError(Exception):
    """The process dies here."""


async def die(*_arguments: object, **_named: object) -> None:
    """Stand in for a step that the process does not live to see."""
    raise KilledError


async def owed(matching: Matching) -> bool:
    """Whether a round is owed."""
    async with matching.context.database.session() as session:
        return await rows.is_round_owed(session)


@pytest.fixture
async def market(matching: Matching) -> Matching:
    """One pair that fits; nothing is read yet."""
    await matching.hear(organisation("Akku", "DE", needs=[NEED]), organisation("Pile", "FR", offers=[NEED]))
    return matching


async def test_killed_while_reading(market: Matching, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(profiles, "save_vectors", die)
        with pytest.raises(KilledError):
            await read_batch(market.context.database, market.engine)
    await market.restart()
    await market.settle()
    assert await market.pairs() == {PAIR}


@pytest.mark.parametrize("step", ["mark_settled", "insert_new", "mark_matched"])
async def test_killed_in_the_middle_of_a_round(market: Matching, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    await market.read()
    with monkeypatch.context() as patch:
        patch.setattr(rows, step, die)
        with pytest.raises(KilledError):
            await run_round(market.context.database, market.engine)
    assert await owed(market)
    await market.restart()
    await market.settle()
    assert await market.pairs() == {PAIR}
    assert await market.occasions() == ["suggestion.proposed"]
    assert not await owed(market)


async def die_while_planning(market: Matching, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a round that would suggest a third organisation die when its change is half taken over."""
    await market.settle()
    monkeypatch.setattr(live_plan, "MANY", 10.0)
    await market.hear(organisation("Neu", "PL", offers=[NEED]))
    await market.read()
    with monkeypatch.context() as patch:
        patch.setattr(LiveLottery, "change", lambda self, gone, new, kept: self.nothing_is_here)
        with pytest.raises(AttributeError):
            await run_round(market.context.database, market.engine)


async def test_what_was_half_planned_is_planned_anew(market: Matching, monkeypatch: pytest.MonkeyPatch) -> None:
    await die_while_planning(market, monkeypatch)
    await market.settle()
    assert await market.pairs() == {PAIR, frozenset(("Akku", "Neu"))}


async def test_negative_control_going_on_with_what_was_half_planned_would_lose_a_pair(
    market: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    await market.settle()
    half = market.engine.planning
    await die_while_planning(market, monkeypatch)
    market.engine.planning = half
    await market.settle()
    assert await market.pairs() == {PAIR}


async def test_what_another_encoder_must_plan_is_not_thought_of_as_written(
    market: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_more(session: AsyncSession, version: str) -> bool:
        return False

    await market.settle()
    before = market.engine.planning
    with monkeypatch.context() as patch:
        patch.setattr(encoders, "serves", no_more)
        assert not (await market.settle()).final
    assert market.engine.planning is not before
    await market.settle()
    assert await market.pairs() == {PAIR}


async def test_a_replica_that_lost_the_lead_lets_go_of_the_picture_that_it_planned_with(market: Matching) -> None:
    await market.settle()
    engine = market.engine
    former, plan = weakref.ref(engine.shown), weakref.ref(engine.planning)
    engine.show(picture_of(engine.chosen, engine.recipe, engine.settings))
    gc.collect()
    assert former() is None
    assert plan() is None


async def answered_during_a_round(market: Matching, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold a round during which Akku answers, after the round has read what stands."""
    await market.settle()
    (suggestion,) = (await market.suggestions()).values()
    look = rows.changed_since

    async def then_an_answer(session: AsyncSession, transaction: int | None) -> Sequence[Suggestion]:
        seen = await look(session, transaction)
        async with market.context.database.transaction() as other:
            await answer_suggestion(other, suggestion.id, identifier("Akku"), Answer.NOT_INTERESTED)
        return seen

    with monkeypatch.context() as patch:
        patch.setattr(rows, "changed_since", then_an_answer)
        await run_round(market.context.database, market.engine)


async def test_an_answer_during_a_round_owes_another_one(market: Matching, monkeypatch: pytest.MonkeyPatch) -> None:
    await answered_during_a_round(market, monkeypatch)
    assert await owed(market)
    await market.settle()
    assert not await owed(market)


async def test_negative_control_an_answer_that_is_marked_without_being_read_owes_nothing(
    market: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = rows.mark_settled

    async def careless(session: AsyncSession, seen: object) -> None:
        await mark(session, await rows.unsettled(session))

    monkeypatch.setattr(rows, "mark_settled", careless)
    await answered_during_a_round(market, monkeypatch)
    assert not await owed(market)


async def heard_during_a_round(market: Matching, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold a round during which Pile changes its profile again, after the round has read it."""
    await market.settle()
    await market.hear(organisation("Pile", "FR", offers=[NEED, "quiet heat pumps"], n=2))
    await market.read()
    look = rows.changed_since

    async def interrupted(session: AsyncSession, transaction: int | None) -> Sequence[Suggestion]:
        await market.hear(organisation("Pile", "FR", offers=["quiet heat pumps"], n=3))
        await market.read()
        return await look(session, transaction)

    with monkeypatch.context() as patch:
        patch.setattr(rows, "changed_since", interrupted)
        await run_round(market.context.database, market.engine)


async def test_a_change_during_a_round_is_seen_by_the_next(market: Matching, monkeypatch: pytest.MonkeyPatch) -> None:
    await heard_during_a_round(market, monkeypatch)
    assert await owed(market)
    await market.settle()
    assert await market.pairs() == set()


async def test_marking_without_comparing_the_change_would_lose_it(
    market: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: a round that marks what it has not seen leaves a stale suggestion for good."""

    async def careless(session: AsyncSession, seen: dict) -> None:
        now = await profiles.change_sequences(session, seen)
        await mark(session, now)

    mark = rows.mark_matched
    monkeypatch.setattr(rows, "mark_matched", careless)
    await heard_during_a_round(market, monkeypatch)
    assert not await owed(market)


async def test_the_leader_works_until_nothing_is_owed(market: Matching) -> None:
    market.engine.settings.round_quiet_seconds = 0
    market.engine.settings.statements_per_batch = 1
    await read_and_match(market.context)
    assert await market.pairs() == {PAIR}
    assert not await owed(market)


async def test_without_models_what_needs_no_reading_still_happens(market: Matching, tmp_path_factory) -> None:
    await market.settle()
    market.context.settings.models_directory = tmp_path_factory.mktemp("empty")
    blind = Engine(market.context.settings)
    blind.chosen, blind.shown = market.engine.chosen, market.engine.shown
    market.context.state.engine = blind
    await market.hear(
        organisation("Pile", "FR", offers=[NEED], n=2, status=OrganisationStatus.WITHDRAWN),
        organisation("Neu", "PL", offers=["something unread"]),
    )
    await read_and_match(market.context)
    assert await market.pairs() == set()
    assert (await market.occasions())[-1] == "suggestion.withdrawn"
