"""Writes a round's plan: rows under lock, their scorings, and the events, in one transaction."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.models import Suggestion
from services.matching.parties import Pair
from services.matching.planning import NAMES_A_CALL
from services.matching.recording import Made, call_of, profile_rows, scoring_row, values_of
from services.matching.repository import history, profiles
from services.matching.repository import suggestions as rows
from services.matching.scoring import Scored
from services.matching.suggestions import REDACTED_REASON, snapshot
from services.matching.world import Known
from shared.clock import now
from shared.contracts import EventType
from shared.contracts.matching import (
    SUGGESTION_CHANGED,
    SUGGESTION_PROPOSED,
    SUGGESTION_WITHDRAWN,
    Round,
    SuggestionSnapshot,
    SuggestionState,
)
from shared.database import next_version
from shared.ids import new_id
from shared.messaging import publish_all

Told = list[tuple[EventType[SuggestionSnapshot], Suggestion]]


async def apply_plan(session: AsyncSession, made: Made) -> int:
    """Write the plan under row locks; what somebody answered in between is left as it is. Returns the events told."""
    plan = made.plan
    unchanged = await _still_unchanged(session, [each.pair for each in (*plan.propose, *plan.change)], made.known)
    propose, change = (
        [each for each in some if unchanged.issuperset(each.pair)] for some in (plan.propose, plan.change)
    )
    touched = [*(each.pair for each in (*propose, *change)), *plan.recall, *plan.withdraw]
    locked = await rows.lock_pairs(session, touched)
    epoch = (await next_version(session, None)).epoch
    new, additions = _new_rows(made, [each for each in propose if each.pair not in locked], epoch)
    told: Told = []
    judged: list[tuple[Suggestion, Scored]] = []
    for scored in propose:
        row = locked.get(scored.pair)
        if row is not None and row.state == SuggestionState.WITHDRAWN:
            _set(row, {**values_of(made, scored), "state": str(SuggestionState.PROPOSED), "proposed_at": now()}, epoch)
            told.append((SUGGESTION_PROPOSED, row))
            judged.append((row, scored))
    for scored in change:
        row = locked.get(scored.pair)
        if row is not None and _untouched(row):
            _set(row, values_of(made, scored), epoch)
            told.append((SUGGESTION_CHANGED, row))
            judged.append((row, scored))
    told += _recalled(made, locked, epoch)
    told += _withdrawn(made, locked, epoch)
    await session.flush()
    inserted = await rows.insert_new(session, additions)
    told += [(SUGGESTION_PROPOSED, row) for row, _ in new if row.id in inserted]
    judged += [(row, scored) for row, scored in new if row.id in inserted]
    await history.keep_profiles(session, profile_rows(made, {side for _, scored in judged for side in scored.pair}))
    await history.add_scorings(session, [scoring_row(made, row, scored) for row, scored in judged])
    await publish_all(session, _snapshots(told, made.final))
    return len(told)


def _new_rows(
    made: Made, propose: Iterable[Scored], epoch: int
) -> tuple[list[tuple[Suggestion, Scored]], list[dict[str, Any]]]:
    new, additions = [], []
    for scored in propose:
        first_id, second_id = scored.pair
        values = {
            **values_of(made, scored), "id": new_id(), "first_id": first_id, "second_id": second_id,
            "state": str(SuggestionState.PROPOSED), "proposed_at": now(), "settled": True,
            "version_epoch": epoch, "version_n": 1,
        }  # fmt: skip
        additions.append(values)
        new.append((Suggestion(**values), scored))
    return new, additions


def _recalled(made: Made, locked: Mapping[Pair, Suggestion], epoch: int) -> Told:
    """Name another call, or none any more, in what stands; the scoring stays what it was."""
    told: Told = []
    for pair in made.plan.recall:
        row = locked.get(pair)
        if row is not None and row.state in NAMES_A_CALL and row.reason != REDACTED_REASON:
            _set(row, {"call": call_of(made, pair)}, epoch)
            told.append((SUGGESTION_CHANGED, row))
    return told


def _withdrawn(made: Made, locked: Mapping[Pair, Suggestion], epoch: int) -> Told:
    told: Told = []
    for pair in made.plan.withdraw:
        row = locked.get(pair)
        inactive = any(not made.known[side].active for side in pair if side in made.known)
        if row is not None and (_untouched(row) or (inactive and row.state == SuggestionState.PROPOSED)):
            _set(row, {"state": str(SuggestionState.WITHDRAWN)}, epoch)
            told.append((SUGGESTION_WITHDRAWN, row))
    return told


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
