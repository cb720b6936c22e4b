"""Use case: one matching round. Reads the database, thinks in a thread, writes rows and events in one transaction."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.calls.fit import CallOf
from services.matching.considering import Candidates
from services.matching.engine import Engine
from services.matching.exploration import Exploring, week_of
from services.matching.exposure import spread
from services.matching.market import market_of
from services.matching.parties import Party
from services.matching.picture import Picture
from services.matching.planning import Limits, Plan, Standing, plan_round
from services.matching.proposing import apply_plan
from services.matching.recording import Made
from services.matching.repository import calls, encoders, history, profiles, rankers
from services.matching.repository import suggestions as rows
from services.matching.scoring import Judge, Scored, one_of_each_firm
from services.matching.search import StatementIndex
from services.matching.succession import follow
from services.matching.suggestions import REDACTED_REASON, redact_suggestions
from services.matching.world import Known
from shared.clock import now, today
from shared.contracts.matching import SuggestionState
from shared.database import Database
from shared.messaging import redact

log = structlog.get_logger()


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
    world = shown.world
    async with database.session() as session:
        # First what calls have changed, then their picture: so none is taken for seen that is not in it.
        seen_calls = await calls.unmatched(session, day)
        await shown.calls.refresh(session, day)
        await world.refresh(session)
        await engine.book.refresh(session)
        await engine.judging.refresh(session, world.parties)
    judge = engine.judging.judge
    final = world.complete
    seen = {each: known.change[0] for each, known in world.known.items() if known.complete}
    parties, known, index = world.parties, dict(world.known), world.index
    standing, unsettled = engine.book.standing, engine.book.unsettled
    taking_part = {each: organisation.entries for each, organisation in known.items() if organisation.active}
    call_of = shown.calls.for_pairs(taking_part, day)
    candidates, plan = await asyncio.to_thread(_think, engine, shown, index, parties, judge, standing, final, call_of)
    async with database.transaction() as session:
        if not await encoders.serves(session, shown.version):
            return Outcome(final=False, proposed=0, changed=0, withdrawn=0)  # it is owed by the one that does
        await history.one_at_a_time(session)
        await _redact_left_behind(session, standing, known)
        told = await apply_plan(session, Made(shown.version, judge, plan, candidates, known, final))
        await rows.mark_settled(session, unsettled)
    async with database.transaction() as session:
        await rows.mark_matched(session, seen)
        await calls.mark_matched(session, seen_calls)
        await rankers.mark_applied(session, engine.judging.version, now())
        await encoders.mark_applied(session, shown.version, now())
    outcome = Outcome(final, len(plan.propose), len(plan.change) + len(plan.recall), len(plan.withdraw))
    log.info(
        "round", seconds=round(time.monotonic() - started, 3), organisations=len(parties), told=told, **vars(outcome)
    )
    return outcome


def _think(
    engine: Engine,
    shown: Picture,
    index: StatementIndex,
    parties: Mapping[UUID, Party],
    judge: Judge,
    standing: list[Standing],
    final: bool,
    call_of: CallOf,
) -> tuple[Candidates, Plan]:
    settings = engine.settings
    candidates = shown.considering.candidates(index, parties, judge)
    exploring = Exploring(settings.exploration, settings.exploration_seed, week_of(today()))
    longest = settings.suggestions_per_organisation
    limits = Limits(longest, settings.least_score_in_bursts, settings.least_change, exploring)
    best = one_of_each_firm(candidates.scored, parties)
    plan = plan_round(best, candidates.reasons, standing, parties.keys(), limits, final, call_of)
    if final and (plan.propose or plan.withdraw):
        _log_exposure(best, plan, standing, longest)
    return candidates, plan


def _log_exposure(scored: Sequence[Scored], plan: Plan, standing: Iterable[Standing], longest: int) -> None:
    """Say how evenly organisations are shown, beside lists by score alone."""
    answered = {each.pair for each in standing if each.state == SuggestionState.PROPOSED and each.answered}
    settled = {each.pair for each in standing if each.state != SuggestionState.PROPOSED}
    found = spread(market_of(scored, never=settled), {*plan.choices, *answered}, longest)
    explored = sum(each.explored for each in plan.choices.values())
    log.info("exposure", organisations=found.organisations, gini=round(found.shown.gini, 3),
             gini_by_score=round(found.by_score.gini, 3), unseen=found.shown.unseen,
             unseen_by_score=found.by_score.unseen, cost=round(found.cost, 4), explored=explored)  # fmt: skip


async def _redact_left_behind(session: AsyncSession, standing: Iterable[Standing], known: Mapping[UUID, Known]) -> None:
    """Redact a suggestion that was written while one side was being erased (the erasure could not see it yet)."""
    erased = {each for each, organisation in known.items() if organisation.status == profiles.ERASED}
    for organisation_id in sorted(
        {side for each in standing for side in each.pair if side in erased and each.reason != REDACTED_REASON}
    ):
        await redact(session, organisation_id)
        await redact_suggestions(session, organisation_id)
