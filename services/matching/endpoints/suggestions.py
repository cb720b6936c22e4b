"""Suggestions, answers and connections."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.access import may_answer, scope_of
from services.matching.models import Call, Suggestion
from services.matching.planning import NAMES_A_CALL
from services.matching.repository import calls
from services.matching.repository import suggestions as rows
from services.matching.repository.profiles import names_of
from services.matching.schemas import AnswerBody, SuggestionPage, SuggestionView
from services.matching.suggestions import answer_suggestion, snapshot
from shared.audit import audit
from shared.auth import Principal
from shared.clock import today
from shared.contracts.matching import Answer, CallFit, SuggestionState
from shared.http import Caller, CallerOrLink, Session
from shared.problems import forbidden, not_found, unprocessable

router = APIRouter(tags=["suggestions"])

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str, Query(max_length=100)]


@router.get("/suggestions")
async def list_suggestions(
    caller: Caller,
    session: Session,
    organisation_id: UUID | None = None,
    state: SuggestionState | None = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> SuggestionPage:
    """List the suggestions that the caller may see, best first."""
    return await _page(session, caller, organisation_id, state, limit, cursor)


@router.get("/connections")
async def list_connections(
    caller: Caller, session: Session, organisation_id: UUID | None = None, limit: Limit = 50, cursor: Cursor = ""
) -> SuggestionPage:
    """List connections: suggestions that both sides were interested in."""
    return await _page(session, caller, organisation_id, SuggestionState.CONNECTED, limit, cursor)


async def _page(
    session: AsyncSession,
    caller: Principal,
    organisation_id: UUID | None,
    state: SuggestionState | None,
    limit: int,
    cursor: str,
) -> SuggestionPage:
    scope = scope_of(caller)
    if organisation_id is not None and not await rows.may_see_organisation(session, scope, organisation_id):
        raise not_found("organisation", organisation_id)
    found = await rows.page(session, scope, limit + 1, _place(cursor), organisation_id, state)
    shown = found[:limit]
    following = f"{shown[-1].score!r}_{shown[-1].id}" if len(found) > limit else None
    return SuggestionPage(items=await views(session, shown, scope), next_cursor=following)


def _place(cursor: str) -> tuple[float, UUID] | None:
    if not cursor:
        return None
    try:
        score, identifier = cursor.split("_")
        return float(score), UUID(identifier)
    except ValueError as error:
        raise unprocessable("malformed-cursor", "This cursor is none of ours; begin at the first page.") from error


@router.get("/suggestions/{suggestion_id}")
async def show_suggestion(caller: Caller, session: Session, suggestion_id: UUID) -> SuggestionView:
    """Show one suggestion."""
    scope = scope_of(caller)
    row = await rows.find(session, scope, suggestion_id)
    if row is None:
        raise not_found("suggestion", suggestion_id)
    return (await views(session, [row], scope))[0]


@router.post("/suggestions/{suggestion_id}/answers")
async def answer(caller: CallerOrLink, session: Session, suggestion_id: UUID, body: AnswerBody) -> SuggestionView:
    """Say whether one side is interested; both interested: connected. The same again changes nothing."""
    if not may_answer(caller, suggestion_id, body.organisation_id, body.answer):
        if await rows.find(session, scope_of(caller), suggestion_id) is None:
            raise not_found("suggestion", suggestion_id)
        raise forbidden("You may not answer for this organisation.")
    row, changed = await answer_suggestion(session, suggestion_id, body.organisation_id, body.answer)
    if changed:
        detail = {"answer": str(body.answer), "state": row.state}
        await audit(session, caller, "suggestion.answered", body.organisation_id, suggestion_id, detail)
    return (await views(session, [row], rows.Scope(organisations=frozenset({body.organisation_id}))))[0]


async def views(session: AsyncSession, found: Sequence[Suggestion], scope: rows.Scope) -> list[SuggestionView]:
    """Return suggestions as the API shows them; an erased organisation has no name.

    Before both have agreed, nobody is told what the other side has answered: to who has not declined herself, a
    declined suggestion is one that is not open any more, as a withdrawn one is. A call is named only as long as it can
    be answered.
    """
    day = today()
    open_calls = await calls.still_open(session, {UUID(row.call["call_id"]) for row in found if row.call}, day)
    sides = {side for row in found for side in (row.first_id, row.second_id)}
    names = await names_of(session, sides)
    own = await rows.within(session, scope, sides)
    shown = []
    for row in found:
        (first_name, first_country), (second_name, second_country) = (
            names.get(side, ("", "")) for side in (row.first_id, row.second_id)
        )
        connected = row.state == SuggestionState.CONNECTED
        told = dict(snapshot(row)) | {
            "first_answer": row.first_answer if connected or row.first_id in own else None,
            "second_answer": row.second_answer if connected or row.second_id in own else None,
            "call": _open_call(row, open_calls, day),
        }
        shown_answers = (told["first_answer"], told["second_answer"])
        if row.state == SuggestionState.DECLINED and Answer.NOT_INTERESTED not in shown_answers:
            told["state"] = SuggestionState.WITHDRAWN
        shown.append(
            SuggestionView(
                **told,
                first_name=first_name,
                second_name=second_name,
                first_country=first_country,
                second_country=second_country,
            )
        )
    return shown


def _open_call(row: Suggestion, open_calls: Mapping[UUID, Call], day: date) -> CallFit | None:
    """Return the call as it is now; the round that takes it off a suggestion may not have been held yet."""
    if row.call is None or row.state not in NAMES_A_CALL:
        return None
    told = CallFit.model_validate(row.call)
    call = open_calls.get(told.call_id)
    deadline = min((each for each in call.deadlines if each >= day), default=None) if call else None
    return told.model_copy(update={"deadline": deadline}) if deadline else None
