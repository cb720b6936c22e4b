"""Use case: one matching round. Reads the database, thinks in a thread, writes rows and events in one transaction."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.considering import Candidates
from services.matching.engine import Engine
from services.matching.models import Suggestion
from services.matching.parties import Pair, Party
from services.matching.planning import Limits, Plan, Standing, plan_round
from services.matching.repository import profiles
from services.matching.repository import suggestions as rows
from services.matching.scoring import Scored
from services.matching.search import StatementIndex
from services.matching.suggestions import REDACTED_REASON, redact_suggestions, snapshot
from services.matching.world import Known
from shared.clock import now
from shared.contracts import EventType
from shared.contracts.matching import (
    SUGGESTION_CHANGED,
    SUGGESTION_PROPOSED,
    SUGGESTION_WITHDRAWN,
    Evidence,
    Round,
    SuggestionSnapshot,
    SuggestionState,
)
from shared.database import Database, next_version
from shared.ids import new_id
from shared.messaging import publish_all, redact

log = structlog.get_logger()

EVIDENCE_LENGTH = 600
"""Characters of a statement that travel in an event; the whole text stands in the database."""

Told = list[tuple[EventType[SuggestionSnapshot], Suggestion]]


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
    started = time.monotonic()
    world = engine.world
    async with database.session() as session:
        await world.refresh(session)
        await engine.book.refresh(session)
    final = world.complete
    seen = {each: known.change[0] for each, known in world.known.items() if known.complete}
    parties, known, index = world.parties, dict(world.known), world.index
    standing, unsettled = engine.book.standing, engine.book.unsettled
    candidates, plan = await asyncio.to_thread(_think, engine, index, parties, standing, final)
    async with database.transaction() as session:
        await _redact_left_behind(session, standing, known)
        told = await _apply(session, engine, plan, candidates, known, final)
        await rows.mark_settled(session, unsettled)
    async with database.transaction() as session:
        await rows.mark_matched(session, seen)
    outcome = Outcome(final, len(plan.propose), len(plan.change), len(plan.withdraw))
    log.info(
        "round", seconds=round(time.monotonic() - started, 3), organisations=len(parties), told=told, **vars(outcome)
    )
    return outcome


def _think(
    engine: Engine, index: StatementIndex, parties: Mapping[UUID, Party], standing: list[Standing], final: bool
) -> tuple[Candidates, Plan]:
    settings = engine.settings
    candidates = engine.considering.candidates(index, parties)
    limits = Limits(settings.suggestions_per_organisation, settings.least_score_in_bursts, settings.least_change)
    return candidates, plan_round(candidates.scored, candidates.reasons, standing, parties.keys(), limits, final)


async def _redact_left_behind(session: AsyncSession, standing: Iterable[Standing], known: Mapping[UUID, Known]) -> None:
    """Redact a suggestion that was written while one side was being erased (the erasure could not see it yet)."""
    erased = {each for each, organisation in known.items() if organisation.status == profiles.ERASED}
    for organisation_id in sorted(
        {side for each in standing for side in each.pair if side in erased and each.reason != REDACTED_REASON}
    ):
        await redact(session, organisation_id)
        await redact_suggestions(session, organisation_id)


async def _apply(
    session: AsyncSession,
    engine: Engine,
    plan: Plan,
    candidates: Candidates,
    known: Mapping[UUID, Known],
    final: bool,
) -> int:
    """Write the plan under row locks; what somebody answered in between is left as it is. Returns the events told."""
    unchanged = await _still_unchanged(session, [each.pair for each in (*plan.propose, *plan.change)], known)
    touched = [*(each.pair for each in (*plan.propose, *plan.change)), *plan.withdraw]
    locked = await rows.lock_pairs(session, touched)
    epoch = (await next_version(session, None)).epoch
    told: Told = []
    additions = []
    for scored in plan.propose:
        if not unchanged.issuperset(scored.pair):
            continue
        values = _values(engine, scored, candidates, known)
        row = locked.get(scored.pair)
        if row is None:
            first_id, second_id = scored.pair
            additions.append({**values, "id": new_id(), "first_id": first_id, "second_id": second_id,
                              "state": str(SuggestionState.PROPOSED), "proposed_at": now(), "settled": True,
                              "version_epoch": epoch, "version_n": 1})  # fmt: skip
        elif row.state == SuggestionState.WITHDRAWN:
            _set(row, {**values, "state": str(SuggestionState.PROPOSED), "proposed_at": now()}, epoch)
            told.append((SUGGESTION_PROPOSED, row))
    for scored in plan.change:
        row = locked.get(scored.pair)
        if row is not None and _untouched(row) and unchanged.issuperset(scored.pair):
            _set(row, _values(engine, scored, candidates, known), epoch)
            told.append((SUGGESTION_CHANGED, row))
    for pair in plan.withdraw:
        row = locked.get(pair)
        inactive = any(not known[side].active for side in pair if side in known)
        if row is not None and (_untouched(row) or (inactive and row.state == SuggestionState.PROPOSED)):
            _set(row, {"state": str(SuggestionState.WITHDRAWN)}, epoch)
            told.append((SUGGESTION_WITHDRAWN, row))
    await session.flush()
    inserted = await rows.insert_new(session, additions)
    new = [Suggestion(**each) for each in additions if each["id"] in inserted]
    events = [*told, *((SUGGESTION_PROPOSED, row) for row in new)]
    await publish_all(session, _snapshots(events, final))
    return len(events)


def _snapshots(events: Told, final: bool) -> Iterable[tuple[EventType[SuggestionSnapshot], SuggestionSnapshot]]:
    """Yield what is told of each suggestion; a proposal also says how many each side gets in this round."""
    round_id = new_id()
    proposed = Counter(
        side for kind, row in events if kind is SUGGESTION_PROPOSED for side in (row.first_id, row.second_id)
    )
    for kind, row in events:
        told = None
        if kind is SUGGESTION_PROPOSED:
            counts = {"to_first": proposed[row.first_id], "to_second": proposed[row.second_id]}
            told = Round(round_id=round_id, final=final, **counts)
        yield kind, snapshot(row, told)


async def _still_unchanged(session: AsyncSession, pairs: list[Pair], known: Mapping[UUID, Known]) -> set[UUID]:
    """Return the organisations whose profile is still the one that the round has seen."""
    wanted = {side for pair in pairs for side in pair}
    changes = await profiles.change_sequences(session, wanted)
    return {each for each in wanted if each in known and changes.get(each) == known[each].change[0]}


def _untouched(row: Suggestion) -> bool:
    return row.state == SuggestionState.PROPOSED and row.first_answer is None and row.second_answer is None


def _set(row: Suggestion, values: Mapping[str, Any], epoch: int) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    row.version_epoch, row.version_n = epoch, row.version_n + 1


def _values(
    engine: Engine,
    scored: Scored,
    candidates: Candidates,
    known: Mapping[UUID, Known],
) -> dict[str, Any]:
    evidence = []
    for met in scored.meetings:
        need, offer = candidates.statements[met.need_id], candidates.statements[met.offer_id]
        shown = Evidence(
            need_statement_id=need.id, need_organisation_id=need.organisation_id, need_language=need.language,
            need_text=need.text[:EVIDENCE_LENGTH],
            offer_statement_id=offer.id, offer_organisation_id=offer.organisation_id, offer_language=offer.language,
            offer_text=offer.text[:EVIDENCE_LENGTH],
            similarity=met.similarity,
        )  # fmt: skip
        evidence.append(shown.model_dump(mode="json"))
    return {
        "score": scored.score,
        "reason": candidates.reasons[scored.pair],
        "evidence": evidence,
        "features": scored.features,
        "profiles": {str(each): known[each].version for each in scored.pair},
        "model_version": engine.version,
    }
