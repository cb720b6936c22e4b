"""The operator's pages: services and lag (live), streams, parked events, dead letters, trace, messages."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.console.asking import act, ask, ask_one, names_of
from services.console.lag import lags
from services.console.live import Live, Look, statuses_of, streams_of
from services.console.schemas import Delivery, Letter, cursor_of, many
from services.console.web import Page, SignedIn, cookie_name, environment, identity_of, page, settings_of
from shared.auth import RoleName
from shared.clock import now
from shared.contracts.topics import SERVICES, TOPICS
from shared.http import Ctx
from shared.problems import Problem, not_found, unprocessable

LETTERS = 200
LINES = 50
MOST_WATCHERS = 100
"""Open streams per replica; each holds a connection."""

router = APIRouter(route_class=Page)


@router.get("/operator")
async def services(request: Request, context: Ctx, visitor: SignedIn) -> Response:
    """Show how each service is; the page then keeps itself up to date by one stream of events."""
    visitor.needs(RoleName.OPERATOR)
    return page(request, "operator.html", look=Look(now(), await statuses_of(context, visitor)))


@router.get("/operator/live")
async def live(request: Request, context: Ctx, visitor: SignedIn) -> Response:
    """Send the live part of the page whenever there is a new look, until the session ends or the browser leaves."""
    visitor.needs(RoleName.OPERATOR)
    watching: Live = context.state.live
    if watching.watchers >= MOST_WATCHERS:
        raise Problem(503, "too-many-watchers", "Too many pages watch already; close some.")
    settings = settings_of(context)
    cookie = request.cookies.get(cookie_name(settings))
    template = environment().get_template("parts/operator_live.html")

    async def looks() -> AsyncIterator[ServerSentEvent]:
        watching.watchers += 1
        try:
            while True:
                present = await identity_of(context).visitor(cookie)
                if present is None or not present.has(RoleName.OPERATOR):
                    return
                look = await watching.look(present)
                yield ServerSentEvent(data=template.render(look=look))
                await asyncio.sleep(settings.live_seconds)
        finally:
            watching.watchers -= 1

    return EventSourceResponse(looks(), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


@router.get("/operator/streams")
async def streams(request: Request, context: Ctx, visitor: SignedIn) -> Response:
    """Show the lag of every consumer on every topic, and who consumes which version of which event."""
    visitor.needs(RoleName.OPERATOR)
    found = await streams_of(context, visitor)
    return page(
        request, "streams.html", lags=lags(found), streams=found, away=set(SERVICES) - {s.service for s in found}
    )


async def _letters(context: Any, visitor: Any, path: str) -> dict[str, list[Letter] | None]:
    answers = await ask(context, visitor, {service: (path, {"limit": LETTERS}) for service in SERVICES})
    return {s: None if isinstance(a, Problem) else many(Letter, a) for s, a in answers.items()}


@router.get("/operator/parked")
async def parked(request: Request, context: Ctx, visitor: SignedIn) -> Response:
    """Show events that wait behind a failure of their key."""
    visitor.needs(RoleName.OPERATOR)
    return page(request, "parked.html", letters=await _letters(context, visitor, "/operations/parked"))


@router.get("/operator/dead-letters")
async def dead_letters(request: Request, context: Ctx, visitor: SignedIn) -> Response:
    """Show what could never be processed."""
    visitor.needs(RoleName.OPERATOR)
    return page(request, "dead_letters.html", letters=await _letters(context, visitor, "/operations/dead-letters"))


@router.post("/operator/dead-letters/redrive")
async def redrive(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    service: Annotated[str, Form()],
    ids: Annotated[list[UUID] | None, Form()] = None,
    confirmed: Annotated[bool, Form()] = False,
) -> Response:
    """Count first (dry run) and ask; redrive only what was confirmed, and say what was really taken."""
    visitor.needs(RoleName.OPERATOR)
    _known_service(service)
    if not ids:
        raise unprocessable("nothing-chosen", "Choose at least one dead letter.")
    body = {"ids": [str(each) for each in ids], "dry_run": not confirmed}
    answer = await act(context, visitor, service, "/operations/dead-letters/redrive", body)
    return page(
        request, "redrive.html", service=service, ids=ids, count=int(answer.get("count", 0)), confirmed=confirmed
    )


@router.post("/operator/replay")
async def replay(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    topic: Annotated[str, Form()],
    confirmed: Annotated[bool, Form()] = False,
) -> Response:
    """Send a topic's journal again: counted first, then confirmed."""
    visitor.needs(RoleName.OPERATOR)
    producer = next((each.producer for each in TOPICS if each.name == topic and each.compacted), None)
    if producer is None:
        raise not_found("topic", topic)
    body = {"topic": topic, "dry_run": not confirmed}
    answer = await act(context, visitor, producer, "/operations/replay", body)
    return page(request, "replay.html", topic=topic, count=int(answer.get("count", 0)), confirmed=confirmed)


@router.get("/operator/trace")
async def trace(
    request: Request, context: Ctx, visitor: SignedIn, organisation_id: Annotated[UUID | None, Query()] = None
) -> Response:
    """Show the newest events that concern one organisation, of all services, in time order."""
    visitor.needs(RoleName.OPERATOR)
    entries: list[dict[str, Any]] = []
    away: list[str] = []
    cut: list[str] = []
    if organisation_id:
        query = {"organisation_id": organisation_id, "limit": LETTERS + 1, "newest": True}
        answers = await ask(context, visitor, dict.fromkeys(SERVICES, ("/operations/trace", query)))
        for service, answer in answers.items():
            if isinstance(answer, Problem):
                away.append(service)
            else:
                if len(answer) > LETTERS:
                    cut.append(service)
                entries += [{**each, "at": datetime.fromisoformat(each["time"])} for each in answer[-LETTERS:]]
        entries.sort(key=lambda each: (each["at"], each["sequence"]))
    names = await names_of(context, [organisation_id] if organisation_id else [])
    told: dict[str, Any] = {"entries": entries, "away": away, "cut": cut, "most": LETTERS}
    return page(request, "trace.html", organisation_id=organisation_id, names=names, **told)


@router.get("/operator/messages")
async def messages(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    state: Annotated[str, Query(pattern="^[a-z]{0,20}$")] = "",
    cursor: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """Show what became of all messages."""
    visitor.needs(RoleName.OPERATOR, RoleName.AUDITOR)
    answer = await ask_one(context, visitor, "notifier", "/deliveries", state=state, limit=LINES, cursor=cursor)
    values: dict[str, Any] = {"deliveries": many(Delivery, answer), "cursor": cursor_of(answer), "state": state}
    return page(request, "messages.html", whose="all", may_resend=visitor.has(RoleName.OPERATOR), **values)


def _known_service(service: str) -> None:
    if service not in SERVICES:
        raise not_found("service", service)
