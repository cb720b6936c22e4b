"""Use cases of suggestions: answering, connecting, and forgetting an erased organisation's words."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.answers import ANSWERABLE, state_after
from services.matching.models import Suggestion
from services.matching.outcomes import note_answer, note_connection
from services.matching.repository import suggestions as rows
from shared.bell import Bell
from shared.clock import now
from shared.contracts import EventType, Version
from shared.contracts.matching import (
    SUGGESTION_ANSWERED,
    SUGGESTION_CHANGED,
    SUGGESTION_CONNECTED,
    SUGGESTION_WITHDRAWN,
    Answer,
    Round,
    SuggestionSnapshot,
    SuggestionState,
)
from shared.database import next_version
from shared.messaging import publish
from shared.problems import conflict, not_found

work_to_do = Bell("matching")
"""Rung when a profile or an answer has changed: there may be something to read, or a round to hold."""

REDACTED_REASON = "One of the two organisations has been erased."


def snapshot(row: Suggestion, proposed_in: Round | None = None) -> SuggestionSnapshot:
    """Return the event body: the whole suggestion as it stands, and the round that proposes it."""
    values: dict[str, Any] = row.model_dump(
        exclude={"id", "features", "profiles", "settled", "version_epoch", "version_n"}
    )
    version = Version(epoch=row.version_epoch, n=row.version_n)
    return SuggestionSnapshot.model_validate(
        {**values, "suggestion_id": row.id, "version": version, "round": proposed_in}
    )


async def tell(session: AsyncSession, row: Suggestion, event_type: EventType[SuggestionSnapshot]) -> None:
    """Raise the version of a locked, changed row and publish the event in the same transaction."""
    version = await next_version(session, Version(epoch=row.version_epoch, n=row.version_n))
    row.version_epoch, row.version_n = version.epoch, version.n
    await session.flush()
    await publish(session, event_type, snapshot(row))


async def answer_suggestion(
    session: AsyncSession, suggestion_id: UUID, organisation_id: UUID, answer: Answer
) -> tuple[Suggestion, bool]:
    """Record one side's answer; returns the suggestion and whether anything changed.

    Both interested → connected, told exactly once however the two answers race: the row is locked first. The same
    answer again changes nothing. Raises a 409 problem after a connection, after a withdrawal, and when a side has left;
    when the other side has declined, the one of a withdrawal, for nobody is told that: only who declined may go back.
    """
    row = await rows.lock(session, suggestion_id)
    if row is None or organisation_id not in (row.first_id, row.second_id):
        raise not_found("suggestion", suggestion_id)
    side = "first_answer" if organisation_id == row.first_id else "second_answer"
    if getattr(row, side) == answer:
        return row, False
    if row.state == SuggestionState.CONNECTED:
        raise conflict("already-connected", "Both sides have agreed; a connection can't be taken back here.")
    if row.state not in ANSWERABLE or _declined_by_the_other(row, getattr(row, side)):
        raise conflict("suggestion-withdrawn", "This suggestion is no longer open.")
    if not await rows.both_active(session, row):
        raise conflict("organisation-inactive", "One of the two organisations does not take part any more.")
    setattr(row, side, str(answer))
    row.state = state_after(_answer(row.first_answer), _answer(row.second_answer))
    row.settled = False
    work_to_do.ring_after_commit(session)
    pair, moment = (row.first_id, row.second_id), now()
    await note_answer(session, pair, organisation_id, answer, moment)
    if row.state == SuggestionState.CONNECTED:
        row.connected_at = moment
        await note_connection(session, pair, moment)
        await tell(session, row, SUGGESTION_CONNECTED)
    else:
        await tell(session, row, SUGGESTION_ANSWERED)
    return row, True


def _declined_by_the_other(row: Suggestion, own: str | None) -> bool:
    return row.state == SuggestionState.DECLINED and own != Answer.NOT_INTERESTED


def _answer(stored: str | None) -> Answer | None:
    return Answer(stored) if stored else None


async def redact_suggestions(session: AsyncSession, organisation_id: UUID) -> int:
    """Take an erased organisation's words out of its suggestions and tell the others; returns how many changed.

    Open ones are withdrawn; declined and connected ones keep their state as a fact about the other side.
    """
    changed = 0
    for row in await rows.lock_of_organisation(session, organisation_id):
        if row.reason == REDACTED_REASON:
            continue
        row.reason, row.evidence, row.features, row.settled = REDACTED_REASON, [], {}, False
        row.call = None
        if row.state == SuggestionState.PROPOSED:
            row.state = SuggestionState.WITHDRAWN
        withdrawn = row.state == SuggestionState.WITHDRAWN
        await tell(session, row, SUGGESTION_WITHDRAWN if withdrawn else SUGGESTION_CHANGED)
        changed += 1
    return changed
