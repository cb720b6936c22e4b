"""Learning on the real database: what enters, who takes over, and what follows from it."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching import training
from services.matching.__main__ import main
from services.matching.judging import ACTIVE, REFUSED, RETIRED, SHADOW
from services.matching.models import RankerRow
from services.matching.ranking.examples import Example
from services.matching.ranking.learning import learn_ranker
from services.matching.ranking.measuring import Comparison
from services.matching.ranking.ranker import Ranker, from_json, start_ranker
from services.matching.replay import replay
from services.matching.repository import history, rankers
from services.matching.settings import Settings
from services.matching.suggestions import answer_suggestion
from services.matching.training import Compared, Step, Taught, compare, learn, rehearse, train, train_when_due
from services.matching.work import read_and_match
from shared.clock import now
from shared.contracts.matching import Answer
from shared.ids import new_id
from tests.matching.conftest import Api, Matching, identifier, organisation
from tests.matching.rankings import SECTORS_FIRST, answers, exposed, taste

SHIPPED = start_ranker()
MANY = list(exposed(300, 0.2))
"""Answers to what a ranker shows, and to some pairs shown by chance."""


def settings_of(matching: Matching) -> Settings:
    """Return the service's settings."""
    assert isinstance(matching.context.settings, Settings)
    return matching.context.settings


async def remember(matching: Matching, examples: Sequence[Example]) -> None:
    """Store scorings and outcomes as rounds and answers would have."""
    async with matching.context.database.transaction() as session:
        await history.add_scorings(
            session,
            [
                {
                    "suggestion_id": new_id(), "version": "1.1", "at": each.shown.at, "first_id": each.pair[0],
                    "second_id": each.pair[1], "score": 0.7, "features": {}, "factors": dict(each.shown.factors),
                    "met": [], "profiles": {}, "encoder": "words", "ranker": SHIPPED.version, "network_until": None,
                    "propensity": each.shown.propensity, "explored": each.shown.explored,
                }
                for each in examples
            ],
        )  # fmt: skip
        for each in examples:
            values = {"id": new_id(), "first_id": each.pair[0], "second_id": each.pair[1], "kind": each.kind}
            await history.add_outcome(session, {**values, "organisation_id": each.pair[0], "at": each.at})


async def stand(matching: Matching, shadow: Ranker, until: Any = None) -> None:
    """Make a ranker the shadow, as if it had been learned until a moment."""
    async with matching.context.database.transaction() as session:
        await training.install_start_ranker(session)
        values = {"version": shadow.version, "state": SHADOW, "parameters": shadow.to_json(), "report": {}}
        assert await history.add_ranker(session, {**values, "made_at": now(), "learned_until": until})


async def states(matching: Matching) -> dict[str, str]:
    """Return the state of every ranker by version."""
    async with matching.context.database.session() as session:
        return {row.version: row.state for row in (await session.scalars(sa.select(RankerRow))).all()}


async def learned(matching: Matching) -> Taught:
    return await learn(matching.context.database, settings_of(matching))


async def compared(matching: Matching) -> Compared:
    return await compare(matching.context.database, settings_of(matching))


async def test_a_ranker_learned_from_the_older_answers_takes_over_by_the_newer_ones(matching: Matching) -> None:
    await remember(matching, MANY)
    taught = await learned(matching)
    assert taught.step is Step.LEARNED
    assert taught.ranker is not None
    assert (taught.answers, taught.report["rows"], taught.until) == (300, 225, MANY[224].at)
    assert await states(matching) == {SHIPPED.version: ACTIVE, taught.ranker.version: SHADOW}
    found = await compared(matching)
    assert (found.step, found.answers) == (Step.TAKEN_OVER, 75)
    assert await states(matching) == {SHIPPED.version: RETIRED, taught.ranker.version: ACTIVE}
    async with matching.context.database.session() as session:
        row = await history.ranker(session, taught.ranker.version)
        assert row is not None
        assert from_json(row.parameters).version == row.version
        assert row.report["comparison"]["better"] is True
        assert row.report["comparison"]["against"] == SHIPPED.version
        assert await rankers.judged_until(session) == MANY[-1].at
    assert (await compared(matching)).step is Step.NO_SHADOW


async def test_nothing_is_learned_from_few_answers(matching: Matching) -> None:
    await remember(matching, MANY[:99])
    taught = await learned(matching)
    assert (taught.step, taught.answers) == (Step.FEW_ANSWERS, 99)
    assert await states(matching) == {SHIPPED.version: ACTIVE}


async def test_nothing_is_learned_from_a_rankers_own_exposure_alone(matching: Matching) -> None:
    await remember(matching, answers(SECTORS_FIRST, 300))
    assert (await learned(matching)).step is Step.OWN_EXPOSURE
    settings_of(matching).least_explored_answers = 0  # negative control
    assert (await learned(matching)).step is Step.LEARNED


async def test_a_shadow_waits_for_answers_that_nobody_has_seen(matching: Matching) -> None:
    await remember(matching, MANY[:120])
    assert (await learned(matching)).step is Step.LEARNED
    waiting = await compared(matching)
    assert (waiting.step, waiting.answers) == (Step.FEW_NEW_ANSWERS, 30)
    assert (await learned(matching)).step is Step.SHADOW_WAITS
    await remember(matching, MANY[120:140])
    assert (await compared(matching)).step in (Step.TAKEN_OVER, Step.REFUSED)


async def test_an_answer_decides_once_and_the_next_ranker_learns_from_it(matching: Matching) -> None:
    await remember(matching, MANY)
    await stand(matching, taste(sectors=(0, -4.0)))
    first = await compared(matching)
    assert (first.step, first.answers) == (Step.REFUSED, 300)
    taught = await learned(matching)
    assert (taught.step, taught.report["rows"]) == (Step.LEARNED, 300)
    assert (await compared(matching)).answers == 0


async def test_the_same_answers_teach_the_same_ranker_only_once(matching: Matching) -> None:
    await remember(matching, MANY)
    until = MANY[224].at
    again = learn_ranker(SHIPPED, MANY[:225]).ranker
    async with matching.context.database.transaction() as session:
        values = {"version": again.version, "state": REFUSED, "parameters": again.to_json(), "made_at": now()}
        await history.add_ranker(session, {**values, "learned_until": until})
    assert (await learned(matching)).step is Step.NOTHING_NEW


async def test_a_worse_shadow_is_refused_with_the_report_that_says_why(matching: Matching) -> None:
    await remember(matching, MANY)
    worse = taste(sectors=(0, -4.0))
    await stand(matching, worse)
    assert (await compared(matching)).step is Step.REFUSED
    assert await states(matching) == {SHIPPED.version: ACTIVE, worse.version: REFUSED}
    async with matching.context.database.session() as session:
        row = await history.ranker(session, worse.version)
        assert row is not None
        assert row.report["comparison"]["log_loss_gain"] < 0
        assert len(row.report["comparison"]["shadow"]["reliability"]) == 10


async def test_without_the_comparison_a_worse_ranker_would_take_over(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr(Comparison, "better", True)
    await remember(matching, MANY)
    worse = taste(sectors=(0, -4.0))
    await stand(matching, worse)
    await compared(matching)
    assert (await states(matching))[worse.version] == ACTIVE


async def test_compared_on_what_it_has_learned_a_worse_ranker_would_take_over(matching: Matching) -> None:
    """A crowd that has passed had another taste; ``learned_until`` keeps it out of the comparison."""
    passing = answers(taste(statements=(0, 0.0), both_ways=(0, 4.0)), 200, 1)
    since = answers(SHIPPED, 300, 2)[200:]
    shadow = learn_ranker(SHIPPED, passing).ranker
    await remember(matching, [*passing, *since])
    await stand(matching, shadow, until=passing[-1].at)
    fair = await rehearse(matching.context.database, settings_of(matching))
    assert (fair[1].step, fair[1].answers) == (Step.REFUSED, 100)
    async with matching.context.database.transaction() as session:  # negative control
        await session.execute(sa.update(RankerRow).values(learned_until=None))
    assert (await compared(matching)).step is Step.TAKEN_OVER


async def test_of_many_leaders_at_once_one_learns_and_one_switches(matching: Matching) -> None:
    await remember(matching, MANY)
    taught = await asyncio.gather(*(learned(matching) for _ in range(4)))
    assert sorted(each.step for each in taught) == [Step.LEARNED, *[Step.SHADOW_WAITS] * 3]
    found = await asyncio.gather(*(compared(matching) for _ in range(4)))
    assert sorted(each.step for each in found) == [*[Step.NO_SHADOW] * 3, Step.TAKEN_OVER]
    assert sorted((await states(matching)).values()) == [ACTIVE, RETIRED]


async def test_without_the_lock_two_leaders_would_both_switch(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: both look before either has decided."""
    await remember(matching, MANY)
    assert (await learned(matching)).step is Step.LEARNED
    both_have_looked = asyncio.Barrier(2)

    async def look(session: AsyncSession) -> dict[str, RankerRow]:
        return {row.state: row for row in (await session.scalars(sa.select(RankerRow))).all()}

    async def wait(session: AsyncSession) -> None:
        assert await judged_until(session) is None
        await both_have_looked.wait()

    judged_until = rankers.judged_until
    monkeypatch.setattr(rankers, "lock_standing", look)
    monkeypatch.setattr(rankers, "judged_until", wait)
    found = await asyncio.gather(compared(matching), compared(matching))
    assert [each.step for each in found] == [Step.TAKEN_OVER, Step.TAKEN_OVER]


async def test_a_rehearsal_says_what_would_be_and_changes_nothing(matching: Matching) -> None:
    await remember(matching, MANY)
    taught, found = await rehearse(matching.context.database, settings_of(matching))
    assert (taught.step, found.step) == (Step.LEARNED, Step.TAKEN_OVER)
    assert await states(matching) == {}
    really, decided = await train(matching.context.database, settings_of(matching))
    assert really.ranker is not None
    assert taught.ranker is not None
    assert (really.ranker.version, decided.step) == (taught.ranker.version, found.step)


async def test_the_leader_learns_when_it_is_time(matching: Matching) -> None:
    await remember(matching, MANY)
    await train_when_due(matching.context)
    assert sorted((await states(matching)).values()) == [ACTIVE, RETIRED]
    await remember(matching, [])
    async with matching.context.database.transaction() as session:
        await session.execute(sa.delete(RankerRow))
    await train_when_due(matching.context)  # not again on the same day
    assert await states(matching) == {}
    settings_of(matching).learn_every_hours = 1e-9
    await train_when_due(matching.context)
    assert sorted((await states(matching)).values()) == [ACTIVE, RETIRED]


# What follows from a takeover, and what enters from real suggestions


NEED, OFFER = "recycling of lithium batteries from electric cars", "we recycle lithium batteries of electric cars"


async def suggested(matching: Matching) -> UUID:
    """Have the leader make one suggestion."""
    matching.engine.settings.round_quiet_seconds = 0
    await matching.hear(
        organisation("Akku", "DE", needs=[NEED], offers=["quiet heat pumps"], sectors=("38.32",)),
        organisation("Pile", "FR", offers=[OFFER], needs=["heat pumps that are quiet"], sectors=("38.32",)),
    )
    await read_and_match(matching.context)
    (row,) = (await matching.suggestions()).values()
    return row.id


async def test_after_a_takeover_all_pairs_are_scored_again_and_old_scores_can_be_had_as_they_were(
    matching: Matching,
) -> None:
    suggestion = await suggested(matching)
    (before,) = (await matching.suggestions()).values()
    await remember(matching, MANY)
    await train(matching.context.database, settings_of(matching))
    await read_and_match(matching.context)
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
    await read_and_match(matching.context)
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
        await read_and_match(matching.context)
    async with matching.context.database.session() as session:
        assert await rankers.is_round_owed(session)
    monkeypatch.undo()
    await matching.restart()
    matching.engine.settings.round_quiet_seconds = 0
    await read_and_match(matching.context)
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


# What operators see


async def test_operators_and_auditors_see_all_rankers_and_why(matching: Matching, api: Api) -> None:
    await remember(matching, MANY)
    await train(matching.context.database, settings_of(matching))
    newest = (await api.get("/rankers?limit=1", "operator")).json()
    assert [each["state"] for each in newest["items"]] == [ACTIVE]
    assert newest["items"][0]["report"]["comparison"]["better"] is True
    rest = (await api.get(f"/rankers?cursor={newest['next_cursor'].replace('+', '%2B')}", "auditor")).json()
    assert [each["version"] for each in rest["items"]] == [SHIPPED.version]
    assert rest["next_cursor"] is None
    assert (await api.get("/rankers?cursor=nonsense", "operator")).status_code == 422
    assert (await api.get("/rankers", "sme_contact", new_id())).status_code == 403


async def test_the_command_learns_and_shows_its_report(
    matching: Matching,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    await remember(matching, MANY)
    picture = tmp_path_factory.mktemp("report") / "reliability.svg"
    monkeypatch.setattr("services.matching.learn.Settings", lambda: settings_of(matching))
    run: Callable[[list[str]], Any] = lambda given: asyncio.to_thread(main, given)  # noqa: E731
    assert await run(["learn", "--dry-run", "--json", "--svg", str(picture)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["dry_run"], told["learned"]["step"], told["compared"]["step"]) == (True, "learned", "taken-over")
    assert told["learned"]["report"]["kinds"].keys() == {"interested", "not_interested"}
    assert "<svg" in picture.read_text(encoding="utf-8")
    assert await states(matching) == {}
    assert await run(["learn"]) == 0
    shown = capsys.readouterr().out
    assert "takes over" in shown
    assert "reliability by tenths" in shown
    assert await run(["learn", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["learned"]["step"] == "learned"  # nothing else on the standard output
    assert sorted((await states(matching)).values()) == [ACTIVE, RETIRED, SHADOW]


async def test_the_command_says_when_there_is_no_database(
    matching: Matching, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = SecretStr("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    away = settings_of(matching).model_copy(update={"database_url": nowhere})
    monkeypatch.setattr("services.matching.learn.Settings", lambda: away)
    assert await asyncio.to_thread(main, ["learn"]) == 1
    assert "Nothing could be learned" in capsys.readouterr().err
