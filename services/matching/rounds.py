"""Use case: one matching round. Reads the database, thinks in a thread, writes rows and events in one transaction."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.calls.fit import CallIndex, CallOf
from services.matching.considering import Candidates
from services.matching.engine import Engine
from services.matching.exploration import Choice, Exploring, week_of
from services.matching.exposure import spread
from services.matching.live_plan import LivePlan, Situation
from services.matching.market import market_of
from services.matching.parties import Pair, Party
from services.matching.picture import Picture
from services.matching.planning import Limits, Plan, Standing
from services.matching.proposing import apply_plan
from services.matching.recording import Made
from services.matching.repository import calls, encoders, history, rankers
from services.matching.repository import suggestions as rows
from services.matching.scoring import Judge, Scored
from services.matching.search import Indexed, StatementIndex
from services.matching.standing import Book
from services.matching.succession import follow
from services.matching.suggestions import REDACTED_REASON, redact_suggestions
from services.matching.world import Known, without_collections
from shared.clock import now, today
from shared.contracts.matching import SuggestionState
from shared.database import Database
from shared.messaging import redact
from shared.service import freeze_objects

log = structlog.get_logger()

MANY = 50_000
"""Candidates that are worth to be left out of the garbage collection: it would look through them for a second."""


@dataclass(frozen=True)
class Outcome:
    """What a round did, and whether it saw everything."""

    final: bool
    proposed: int
    changed: int
    withdrawn: int


async def run_round(database: Database, engine: Engine) -> Outcome:
    """Bring suggestions in line with profiles and answers. Runs on one leader; killed anywhere, it is simply owed
    again.
    """
    started, day = time.monotonic(), today()
    shown = await follow(database, engine)
    world, book = shown.world, engine.book
    async with database.session() as session:
        # First what is owed, then the picture: so none is taken for seen that is not in it.
        seen_calls = await calls.unmatched(session, day)
        owed = await rows.unmatched(session)
        await shown.calls.refresh(session, day)
        await world.refresh(session)
        await book.refresh(session)
        await engine.judging.refresh(session, world.parties)
    # What nobody can read before the encoder has changed is not waited for.
    judge, final = engine.judging.judge, world.complete or not await engine.reads(shown)
    known, unsettled = dict(world.known), book.unsettled
    seen = {each: number for each, number in owed.items() if each in known and _has_seen(known[each], number)}
    left_behind = sorted(each for each in world.erased if _is_left_behind(book, each))

    def entries_of(organisation_id: UUID) -> Sequence[Indexed]:
        organisation = known.get(organisation_id)
        return organisation.entries if organisation is not None and organisation.active else ()

    call_of, calls_now = shown.calls.for_pairs(entries_of, day), (shown.calls.index, day)
    planning, engine.planning = engine.planning, LivePlan()  # what is not written down is planned anew
    candidates, plan = await asyncio.to_thread(
        _think, engine, shown, planning, world.index, world.parties, judge, final, call_of, calls_now, day
    )
    async with database.transaction() as session:
        if not await encoders.serves(session, shown.version):
            return Outcome(final=False, proposed=0, changed=0, withdrawn=0)  # it is owed by the one that does
        await history.one_at_a_time(session)
        await _redact(session, left_behind)
        told = await apply_plan(session, Made(shown.version, judge, plan, candidates, known, final))
        await rows.mark_settled(session, unsettled)
    if engine.shown is shown:  # what changes is told of each picture by itself
        engine.planning = planning
    async with database.transaction() as session:
        await rows.mark_matched(session, seen)
        await calls.mark_matched(session, seen_calls)
        await rankers.mark_applied(session, engine.judging.version, now())
        await encoders.mark_applied(session, shown.version, now())
        if final:
            await rows.mark_week(session, week_of(day))
    outcome = Outcome(final, len(plan.propose), len(plan.change) + len(plan.recall), len(plan.withdraw))
    log.info(
        "round",
        seconds=round(time.monotonic() - started, 3),
        organisations=len(world.parties),
        told=told,
        **vars(outcome),
    )
    return outcome


@without_collections()
def _think(
    engine: Engine,
    shown: Picture,
    planning: LivePlan,
    index: StatementIndex,
    parties: Mapping[UUID, Party],
    judge: Judge,
    final: bool,
    call_of: CallOf,
    calls_now: tuple[CallIndex, date],
    day: date,
) -> tuple[Candidates, Plan]:
    settings, book = engine.settings, engine.book
    candidates = shown.considering.candidates(index, parties, judge)
    changes = candidates.changes
    shown.calls.keep(parties.keys(), None if changes is None else changes.organisations)
    exploring = Exploring(settings.exploration, settings.exploration_seed, week_of(day))
    longest = settings.suggestions_per_organisation
    limits = Limits(longest, settings.least_score_in_bursts, settings.least_change, exploring)
    changed = book.take_changes()
    situation = Situation(candidates, book.standing, changed, book.of, parties.keys(), limits, call_of, calls_now)
    plan = planning.plan(situation, final)
    if planning.choices:  # everything was allocated: at the start, in a new week, after large changes
        _log_exposure(candidates.singles, planning.choices, book.standing.values(), longest)
        if len(candidates.by_pair) > MANY:
            freeze_objects()
    return candidates, plan


def _has_seen(known: Known, change: int) -> bool:
    return known.complete and known.change[0] == change


def _log_exposure(
    scored: Sequence[Scored], choices: Mapping[Pair, Choice], standing: Iterable[Standing], longest: int
) -> None:
    """Say how evenly organisations are shown, beside lists by score alone."""
    answered = {each.pair for each in standing if each.state == SuggestionState.PROPOSED and each.answered}
    settled = {each.pair for each in standing if each.state != SuggestionState.PROPOSED}
    found = spread(market_of(scored, never=settled), {*choices, *answered}, longest)
    explored = sum(each.explored for each in choices.values())
    log.info("exposure", organisations=found.organisations, gini=round(found.shown.gini, 3),
             gini_by_score=round(found.by_score.gini, 3), unseen=found.shown.unseen,
             unseen_by_score=found.by_score.unseen, cost=round(found.cost, 4), explored=explored)  # fmt: skip


def _is_left_behind(book: Book, erased: UUID) -> bool:
    """Whether a suggestion was written while one side was being erased (the erasure could not see it yet)."""
    return any(book.standing[pair].reason != REDACTED_REASON for pair in book.of(erased))


async def _redact(session: AsyncSession, organisations: Iterable[UUID]) -> None:
    for organisation_id in organisations:
        await redact(session, organisation_id)
        await redact_suggestions(session, organisation_id)
