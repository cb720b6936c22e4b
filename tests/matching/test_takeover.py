"""What follows when a ranker takes over, and what enters learning from real suggestions."""

from typing import Any
from uuid import UUID

import pytest

from services.matching import training
from services.matching.replay import replay
from services.matching.repository import history, rankers
from services.matching.suggestions import answer_suggestion
from services.matching.training import train
from shared.contracts.matching import Answer
from tests.matching.answered import MANY, SHIPPED, learned, remember, settings_of, suggested
from tests.matching.conftest import Matching, identifier
from tests.matching.rankings import SECTORS_FIRST


async def test_after_a_takeover_all_pairs_are_scored_again_and_old_scores_can_be_had_as_they_were(
    matching: Matching,
) -> None:
    suggestion = await suggested(matching)
    (before,) = (await matching.suggestions()).values()
    await remember(matching, MANY)
    await train(matching.context.database, settings_of(matching))
    await matching.lead()
    (after,) = (await matching.suggestions()).values()
    assert abs(after.score - before.score) >= settings_of(matching).least_change
    async with matching.context.database.session() as session:
        active = await rankers.active_version(session)
        assert not await rankers.is_round_owed(session)
        old, new = await replay(session, suggestion, "1.1"), await replay(session, suggestion, None)
    assert (old.same, old.scoring.score, old.scoring.ranker) == (True, before.score, SHIPPED.version)
    assert (new.same, new.scoring.score, new.scoring.ranker) == (True, after.score, active)


async def test_unless_a_takeover_makes_a_round_owed_the_old_scores_would_stay(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""

    async def never(*_: Any) -> bool:
        return False

    monkeypatch.setattr("services.matching.repository.rankers.is_round_owed", never)
    await suggested(matching)
    (before,) = (await matching.suggestions()).values()
    await remember(matching, MANY)
    await train(matching.context.database, settings_of(matching))
    await matching.lead()
    (after,) = (await matching.suggestions()).values()
    assert after.score == before.score


async def test_a_round_that_fails_after_a_takeover_stays_owed(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    await suggested(matching)
    await remember(matching, MANY)
    await train(matching.context.database, settings_of(matching))

    async def fails(*_: Any) -> int:
        raise ConnectionError("gone")

    monkeypatch.setattr("services.matching.rounds.apply_plan", fails)
    with pytest.raises(ConnectionError):
        await matching.lead()
    async with matching.context.database.session() as session:
        assert await rankers.is_round_owed(session)
    monkeypatch.undo()
    await matching.restart()
    matching.engine.settings.round_quiet_seconds = 0
    await matching.lead()
    async with matching.context.database.session() as session:
        assert not await rankers.is_round_owed(session)


async def test_a_releases_own_ranker_is_applied_too_and_a_restart_alone_holds_no_round(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    await suggested(matching)
    await matching.restart()
    async with matching.context.database.session() as session:
        assert not await rankers.is_round_owed(session)
    monkeypatch.setattr("services.matching.judging.start_ranker", lambda: SECTORS_FIRST)
    async with matching.context.database.transaction() as session:
        await training.install_start_ranker(session)
        assert await rankers.is_round_owed(session)


async def test_the_answers_to_a_suggestion_become_rows_with_what_it_was_scored_with(matching: Matching) -> None:
    suggestion = await suggested(matching)
    async with matching.context.database.transaction() as session:
        await answer_suggestion(session, suggestion, identifier("Akku"), Answer.NOT_INTERESTED)
    async with matching.context.database.transaction() as session:
        await answer_suggestion(session, suggestion, identifier("Akku"), Answer.INTERESTED)
        await answer_suggestion(session, suggestion, identifier("Pile"), Answer.INTERESTED)
    async with matching.context.database.session() as session:
        rows = (await rankers.memory(session)).examples()
        scoring = await history.scoring(session, suggestion, None)
    assert scoring is not None
    assert [each.kind for each in rows] == ["interested", "interested"]
    assert {tuple(each.shown.factors.items()) for each in rows} == {tuple(scoring.factors.items())}


async def test_a_ranker_learned_after_an_erasure_has_no_row_of_who_was_erased(matching: Matching) -> None:
    suggestion = await suggested(matching)
    async with matching.context.database.transaction() as session:
        await answer_suggestion(session, suggestion, identifier("Akku"), Answer.INTERESTED)
    await remember(matching, MANY)
    _, rehearsed = await rows_of(matching)
    assert identifier("Akku") in rehearsed
    await matching.erase("Akku")
    answers_left, left = await rows_of(matching)
    assert identifier("Akku") not in left
    assert (await learned(matching)).answers == answers_left == len(MANY)


async def rows_of(matching: Matching) -> tuple[int, set[UUID]]:
    """Return how many rows there are to learn from, and whom they are about."""
    async with matching.context.database.session() as session:
        found = (await rankers.memory(session)).examples()
    return len(found), {side for each in found for side in each.pair}
