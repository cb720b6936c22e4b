"""One-click links in mails: answering a suggestion, unsubscribing. Opening asks, the button acts; no sign-in needed."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import PlainTextResponse

from services.console import repository
from services.console.capabilities import AnswerLink, read_answer_link
from services.console.web import OneClickPage, Page, identity_of, page
from shared.auth import RoleName
from shared.context import Context
from shared.http import Ctx
from shared.problems import Problem

ONE_CLICK = "One-Click"
"""The value mail providers post (RFC 8058); the button on our page posts another."""

router = APIRouter(route_class=Page)
one_click_router = APIRouter(route_class=OneClickPage)


@router.get("/answer/{capability}")
async def ask(request: Request, context: Ctx, capability: str) -> Response:
    """Show the suggestion and the button that sends the answer."""
    link = await _good_link(context, capability)
    return page(request, "answer.html", capability=capability, done=False, **await _about(context, link))


@router.post("/answer/{capability}")
async def answer(request: Request, context: Ctx, capability: str) -> Response:
    """Send the answer with a token that allows this one action; clicking again changes nothing."""
    link = await _good_link(context, capability)
    token = context.issuer.person_token(link.person_id, actions=(link.action,))
    body = {"organisation_id": str(link.organisation_id), "answer": str(link.answer)}
    await context.http.post("matching", f"/suggestions/{link.suggestion_id}/answers", token=token, json=body)
    return page(request, "answer.html", capability=capability, done=True, **await _about(context, link))


async def _good_link(context: Context, capability: str) -> AnswerLink:
    """Return what a link says; 410 also when she was erased or acts for that organisation no longer.

    The link outlives both by weeks, and matching sees only the one action that we vouch for here.
    """
    link = read_answer_link(context.verifier, capability)
    card = await identity_of(context).cards.of(link.person_id)
    acting = {(role, link.organisation_id) for role in (RoleName.SME_CONTACT, RoleName.HUB_MANAGER)}
    if card is None or not acting & {(each.role, each.organisation_id) for each in card.roles}:
        raise Problem(410, "link-does-not-work", "This link was for somebody who acts for that organisation no longer.")
    return link


async def _about(context: Context, link: AnswerLink) -> dict[str, Any]:
    """Return what the page can say about the suggestion: the projections may still be behind the mail."""
    async with context.database.session() as session:
        gist = await repository.suggestion(session, link.suggestion_id)
        names = await repository.organisations(session, (gist.first_id, gist.second_id) if gist else ())
    partner_id = None
    if gist:
        partner_id = gist.second_id if link.organisation_id == gist.first_id else gist.first_id
    return {
        "link": link,
        "gist": gist,
        "partner": names.get(partner_id) if partner_id else None,
        "own": names.get(link.organisation_id),
    }


@router.get("/unsubscribe/{token}")
async def ask_to_unsubscribe(request: Request, token: str) -> Response:
    """Ask whether the mails shall stop; opening the link alone changes nothing."""
    return page(request, "unsubscribe.html", token=token, done=False)


@one_click_router.post("/unsubscribe/{token}")
async def unsubscribe(
    request: Request,
    context: Ctx,
    token: str,
    one_click: Annotated[str | None, Form(alias="List-Unsubscribe")] = None,
) -> Response:
    """Stop the mails. A mail provider's one-click call gets a plain answer, never a redirect (RFC 8058)."""
    try:
        await context.http.post("notifier", "/unsubscribe", json={"token": token})
    except Problem as problem:
        if problem.status >= 500:
            raise
        raise Problem(410, "link-does-not-work", "This unsubscribe link was cut off or is not ours.") from problem
    if one_click == ONE_CLICK:
        return PlainTextResponse("unsubscribed\n")
    return page(request, "unsubscribe.html", token=token, done=True)
