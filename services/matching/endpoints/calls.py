"""Open calls: importing them, looking through them, and those that fit an organisation."""

import re
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from services.matching.access import scope_of
from services.matching.calls.finding import asks_for_words, by_meaning
from services.matching.calls.imports import import_calls
from services.matching.calls.parsing import MAX_FILE_BYTES
from services.matching.calls.views import CallImportOut, CallPage, CallView, FittingCall, FittingCalls, FoundCall, view
from services.matching.encoder.errors import ModelUnavailableError
from services.matching.engine import engine_of
from services.matching.repository import calls as rows
from services.matching.repository import encoders, profiles
from services.matching.repository import suggestions as suggestion_rows
from services.matching.schemas import ReadAgain
from services.matching.succession import shown_now
from shared.clock import today
from shared.context import Context
from shared.http import Caller, Ctx, Session, operator_only
from shared.problems import Problem, not_found, unprocessable

router = APIRouter(tags=["calls"])

BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/x-ndjson": {"schema": {"type": "string", "description": "One JSON object per line."}}},
    }
}


@router.post("/calls/imports", openapi_extra=BODY, dependencies=[Depends(operator_only)])
async def import_file(
    caller: Caller,
    context: Ctx,
    request: Request,
    source: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = None,
) -> CallImportOut:
    """Import calls from the raw body, JSON lines in UTF-8; the answer is the row-by-row report. Operators only.

    Good rows are kept whatever happens to others. The same file again changes nothing.

    Fields: `supplied_id` (by which a second import finds it again), `title`, `deadline` or `deadlines` (dates, the last
    one counts until its day is over in UTC), and optional `description`, `language`, `programme`, `kind_of_action`,
    `status` (`open`, `forthcoming`, `closed`), `opens_on`, `budget_min`, `budget_max` with `currency`, `url`, `source`.
    An absent field is emptied. Calls that are over are taken and named under `warnings`. Limits: file 20 MB, row
    256 KB, title 500 characters, description 20,000 (4,000 are kept).
    """
    length = request.headers.get("content-length", "")
    if re.fullmatch("[0-9]{1,18}", length) and int(length) > MAX_FILE_BYTES:
        raise Problem(413, "file-too-large", "The file is larger than 20 MB.")
    report = await import_calls(context.database, caller, request.stream(), (source or "").strip() or None)
    return CallImportOut.of(report)


@router.get("/calls")
async def list_calls(
    _caller: Caller,
    context: Ctx,
    open: Annotated[bool, Query(description="Only those that can still be answered.")] = True,  # noqa: A002
    q: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str, Query(max_length=100)] = "",
) -> CallPage:
    """List calls, the earliest deadline first. Calls are public, so any signed-in caller may read them.

    `q`, in any language: open calls that mean it, as calls are fitted to statements, and those with all its words, the
    closest first; 200 at most. A part of the supplied id comes before all. Who writes quotation marks or a minus before
    a word, asks for calls that are over (`open=false`), or while the models are missing, gets those with the words
    alone (quoted ones beside each other), the earliest deadline first. So does everybody while the models are being
    changed and those of before are gone; then `read_again` says so.
    """
    day, words = today(), q.strip()
    # A page that follows is of the kind of the first one, whether or not models have gone or come meanwhile.
    if words and open and not asks_for_words(words) and "_" not in cursor:
        try:
            return await _by_meaning(context, words, limit, cursor)
        except ModelUnavailableError as error:
            if cursor:
                raise Problem(503, "models-unavailable", f"Search by meaning is off: {error}") from error
            # Logged by the engine; words can be looked for all the same.
    async with context.database.session() as session:
        found = await rows.page(session, day, limit + 1, words, open, _place(cursor))
    shown = found[:limit]
    following = f"{shown[-1][1].isoformat()}_{shown[-1][0].id}" if len(found) > limit else None
    return CallPage(items=[FoundCall(**dict(view(call, day))) for call, _ in shown], next_cursor=following)


async def _by_meaning(context: Context, words: str, limit: int, cursor: str) -> CallPage:
    """Return a page of the calls that mean these words; a cursor is the number of calls that were shown before."""
    before = _number(cursor)
    engine = engine_of(context)
    picture = await shown_now(context.database, engine)
    found = await by_meaning(context.database, engine, picture, words)
    read_again = None
    if await engine.reader(picture) is None:
        async with context.database.session() as session:
            progress = await encoders.progress(session, engine.stored_under, today())
        read_again = ReadAgain(texts=progress.read, of=progress.of)
    shown = found[before : before + limit]
    items = [FoundCall(**dict(view(each.call, today())), similarity=each.similarity) for each in shown]
    following = str(before + limit) if len(found) > before + limit else None
    return CallPage(items=items, next_cursor=following, read_again=read_again)


def _number(cursor: str) -> int:
    if cursor and not re.fullmatch("[0-9]{1,4}", cursor):
        raise unprocessable("malformed-cursor", "This cursor is none of ours; begin at the first page.")
    return int(cursor or 0)


def _place(cursor: str) -> rows.Place | None:
    if not cursor:
        return None
    try:
        day, call_id = cursor.split("_")
        return rows.Place(date.fromisoformat(day), UUID(call_id))
    except ValueError as error:
        raise unprocessable("malformed-cursor", "This cursor is none of ours; begin at the first page.") from error


@router.get("/calls/{call_id}")
async def show_call(_caller: Caller, session: Session, call_id: UUID) -> CallView:
    """Show one call, also one that is over."""
    call = await rows.find(session, call_id)
    if call is None:
        raise not_found("call", call_id)
    return view(call, today())


@router.get("/organisations/{organisation_id}/calls")
async def calls_of_organisation(
    caller: Caller,
    context: Ctx,
    session: Session,
    organisation_id: UUID,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> FittingCalls:
    """List the open calls that fit an organisation's statements, best first, with the statement that met each.

    Shown to those who may see the organisation's suggestions. What is not read yet by the models is not in it.
    """
    shown, day = await shown_now(context.database, engine_of(context)), today()  # before the session has a connection
    if not await suggestion_rows.may_see_organisation(session, scope_of(caller), organisation_id):
        raise not_found("organisation", organisation_id)
    await shown.world.refresh(session, every_seconds=1.0)
    await shown.calls.refresh(session, day)
    known = shown.world.known.get(organisation_id)
    fitting = shown.calls.fitting(organisation_id, known.entries) if known and known.active else {}
    best = sorted(fitting.items(), key=lambda each: (-each[1].similarity, each[0]))
    stored = await rows.still_open(session, [call_id for call_id, _ in best], day)
    said = {each.id: each for each in await profiles.statements_of(session, [organisation_id])}
    items = [
        FittingCall(
            **dict(view(stored[call_id], day)),
            similarity=met.similarity,
            statement_id=met.statement_id,
            statement=said[met.statement_id].text,
            statement_language=said[met.statement_id].language,
        )
        for call_id, met in best
        if call_id in stored and met.statement_id in said
    ]
    return FittingCalls(items=items[:limit])
