"""Use cases: learn a new ranker from what came of suggestions, and let it take over if it judges better.

No answer serves twice: a shadow is compared only on answers that came after those from which it or the active ranker
has learned, and after those that have already decided between two rankers.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.judging import ACTIVE, REFUSED, RETIRED, SHADOW, install_start_ranker
from services.matching.models import RankerRow
from services.matching.ranking.examples import Memory, answers_after
from services.matching.ranking.learning import facts_of, learn_ranker
from services.matching.ranking.measuring import Comparison, compare_rankers, measures
from services.matching.ranking.ranker import Ranker, from_json, start_ranker
from services.matching.repository import history, rankers
from services.matching.settings import Settings
from services.matching.suggestions import work_to_do
from shared.clock import now
from shared.context import Context
from shared.database import Database

log = structlog.get_logger()

LOOK_EVERY_SECONDS = 60.0
"""How often the leader looks whether it is time to learn."""
HELD_BACK = 0.25
"""The newest part of the answers is not learned from, so that the comparison can follow at once."""


class Step(StrEnum):
    """How learning or comparing has ended."""

    FEW_ANSWERS = "too-few-answers"
    OWN_EXPOSURE = "own-exposure-alone"
    SHADOW_WAITS = "shadow-waits"
    NOTHING_NEW = "nothing-new"
    LEARNED = "learned"
    NO_SHADOW = "no-shadow"
    FEW_NEW_ANSWERS = "too-few-new-answers"
    TAKEN_OVER = "taken-over"
    REFUSED = "refused"


@dataclass(frozen=True)
class Taught:
    """What learning came to; with ``LEARNED`` the ranker and its report."""

    step: Step
    answers: int = 0
    explored: int = 0
    ranker: Ranker | None = None
    until: datetime | None = None
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Compared:
    """What the shadow comparison came to. ``answers``: those that neither ranker has seen."""

    step: Step
    answers: int = 0
    active: str = ""
    shadow: str = ""
    comparison: Comparison | None = None


async def learn(database: Database, settings: Settings) -> Taught:
    """Learn a ranker from the older part of what is known, and store it as the shadow; a shadow that waits stays.

    It always begins with the shipped ranker and learns from all rows, so that none is counted twice.
    """
    async with database.transaction() as session:
        await install_start_ranker(session)
        if SHADOW in await rankers.lock_standing(session):
            return Taught(Step.SHADOW_WAITS)
        memory, judged = await rankers.memory(session), await rankers.judged_until(session)
        taught = await asyncio.to_thread(teach, memory, judged, settings)
        if taught.ranker is None:
            return taught
        if await history.ranker(session, taught.ranker.version) is not None:
            return Taught(Step.NOTHING_NEW, taught.answers, taught.explored)
        values = {
            "version": taught.ranker.version, "state": SHADOW, "parameters": taught.ranker.to_json(),
            "report": dict(taught.report), "made_at": now(), "learned_until": taught.until,
        }  # fmt: skip
        stored = await history.add_ranker(session, values)
        return taught if stored else Taught(Step.SHADOW_WAITS, taught.answers, taught.explored)


def teach(memory: Memory, judged: datetime | None, settings: Settings) -> Taught:
    """Learn from the older part of a memory, and from all that has already decided between two rankers. Pure."""
    answers = answers_after(memory, None)
    explored = sum(each.shown.explored for each in answers)
    if len(answers) < settings.least_answers:
        return Taught(Step.FEW_ANSWERS, len(answers), explored)
    until = answers[len(answers) - 1 - int(len(answers) * HELD_BACK)].at
    until = max(until, judged) if judged is not None else until
    examples = memory.examples(until)
    if sum(each.shown.explored for each in examples if each.is_answer) < settings.least_explored_answers:
        return Taught(Step.OWN_EXPOSURE, len(answers), explored)
    base = start_ranker()
    learned = learn_ranker(base, examples)
    known = [each for each in examples if each.is_answer]
    report = {
        **facts_of(learned, examples),
        "learned_until": until.isoformat(),
        "before": measures(base, known),
        "after": measures(learned.ranker, known),
    }
    return Taught(Step.LEARNED, len(answers), explored, learned.ranker, until, report)


async def compare(database: Database, settings: Settings) -> Compared:
    """Let the shadow take over if it judges new answers better than the active ranker, refuse it if not.

    All in one transaction that holds both rows: of two leaders one decides. Waits while there are too few answers, or
    only answers of one kind. After a takeover a round is owed (see ``rankers.is_round_owed``).
    """
    async with database.transaction() as session:
        standing = await rankers.lock_standing(session)
        if SHADOW not in standing or ACTIVE not in standing:
            return Compared(Step.NO_SHADOW)
        active, shadow = standing[ACTIVE], standing[SHADOW]
        memory, judged = await rankers.memory(session), await rankers.judged_until(session)
        seen = _newest(active.learned_until, shadow.learned_until, judged)
        both = from_json(active.parameters), from_json(shadow.parameters)
        compared = await asyncio.to_thread(hold_against, *both, memory, seen, settings)
        if compared.step in (Step.TAKEN_OVER, Step.REFUSED) and compared.comparison is not None:
            await _decide(session, active, shadow, compared.comparison, answers_after(memory, seen)[-1].at)
        return compared


def hold_against(active: Ranker, shadow: Ranker, memory: Memory, seen: datetime | None, settings: Settings) -> Compared:
    """Compare two rankers on the answers that came after those which one of them has seen. Pure."""
    answers = answers_after(memory, seen)
    names = active.version, shadow.version
    if len(answers) < settings.least_comparison:
        return Compared(Step.FEW_NEW_ANSWERS, len(answers), *names)
    comparison = compare_rankers(active, shadow, answers)
    step = Step.FEW_NEW_ANSWERS
    if comparison.sayable:
        step = Step.TAKEN_OVER if comparison.better else Step.REFUSED
    return Compared(step, len(answers), *names, comparison)


async def _decide(
    session: AsyncSession, active: RankerRow, shadow: RankerRow, comparison: Comparison, until: datetime
) -> None:
    report = {**shadow.report, "comparison": comparison.to_json(), "judged_until": until.isoformat()}
    report["comparison"]["against"] = active.version
    if comparison.better:
        await history.set_ranker_state(session, active.version, RETIRED, active.report)
        work_to_do.ring_after_commit(session)
    await history.set_ranker_state(session, shadow.version, ACTIVE if comparison.better else REFUSED, report)


async def train(database: Database, settings: Settings) -> tuple[Taught, Compared]:
    """Learn and compare, as the schedule and the command do.

    A shadow that has waited is compared first; if that decides, the one learned after it waits for newer answers.
    """
    before = await compare(database, settings)
    taught = await learn(database, settings)
    if before.comparison is not None or taught.step is not Step.LEARNED:
        return taught, before
    return taught, await compare(database, settings)


async def rehearse(database: Database, settings: Settings) -> tuple[Taught, Compared]:
    """Return what learning and comparing would come to now; changes nothing."""
    async with database.session() as session:
        active = await history.ranker_in_state(session, ACTIVE)
        shadow = await history.ranker_in_state(session, SHADOW)
        memory, judged = await rankers.memory(session), await rankers.judged_until(session)
    taught = Taught(Step.SHADOW_WAITS) if shadow else await asyncio.to_thread(teach, memory, judged, settings)
    ranker, until = (from_json(shadow.parameters), shadow.learned_until) if shadow else (taught.ranker, taught.until)
    if ranker is None:
        return taught, Compared(Step.NO_SHADOW)
    ours = from_json(active.parameters) if active else start_ranker()
    seen = _newest(active.learned_until if active else None, until, judged)
    return taught, await asyncio.to_thread(hold_against, ours, ranker, memory, seen, settings)


def _newest(*moments: datetime | None) -> datetime | None:
    return max((each for each in moments if each is not None), default=None)


async def train_when_due(context: Context) -> None:
    """The leader's look at the clock: learn when so many hours have passed since this process did it last."""
    settings = context.settings
    assert isinstance(settings, Settings)
    last: float | None = getattr(context.state, "trained", None)
    if last is None or time.monotonic() - last >= settings.learn_every_hours * 3600:
        taught, compared = await train(context.database, settings)
        log.info("learning", learned=str(taught.step), compared=str(compared.step), answers=taught.answers)
        context.state.trained = time.monotonic()
