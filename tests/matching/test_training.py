"""Learning and comparing on the real database: what enters, who takes over, and that one leader decides."""

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.judging import ACTIVE, REFUSED, RETIRED, SHADOW
from services.matching.models import RankerRow
from services.matching.ranking.learning import learn_ranker
from services.matching.ranking.measuring import Comparison
from services.matching.ranking.ranker import from_json
from services.matching.repository import history, rankers
from services.matching.training import Step, rehearse, train, train_when_due
from shared.clock import now
from tests.matching.answered import MANY, SHIPPED, compared, learned, remember, settings_of, stand, states
from tests.matching.conftest import Matching
from tests.matching.rankings import SECTORS_FIRST, answers, taste


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
