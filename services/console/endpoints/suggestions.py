"""Suggestions and connections of an organisation."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response

from services.console.asking import act, ask_one, names_of
from services.console.schemas import CardOf, Explanation, Suggestion, cursor_of, many, one
from services.console.web import Page, SignedIn, is_htmx, page, see
from shared.auth import RoleName
from shared.context import Context
from shared.contracts.matching import Answer, SuggestionState
from shared.http import Ctx
from shared.problems import Problem

ROLES = (RoleName.SME_CONTACT, RoleName.HUB_MANAGER)
CARDS = 20

router = APIRouter(route_class=Page)

Acting = Annotated[UUID | None, Query(alias="organisation_id")]


@router.get("/suggestions")
async def suggestions(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    acting: Acting = None,
    state: Annotated[SuggestionState, Query()] = SuggestionState.PROPOSED,
    cursor: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """Show the organisation's suggestions as cards, the open ones first."""
    ours = visitor.acts_for(acting, *ROLES)
    query = {"organisation_id": ours, "state": state, "limit": CARDS, "cursor": cursor}
    answer = await ask_one(context, visitor, "matching", "/suggestions", **query)
    names = await names_of(context, visitor.organisations(*ROLES))
    return page(
        request,
        "suggestions.html",
        suggestions=many(Suggestion, answer),
        cursor=cursor_of(answer),
        ours=ours,
        state=state,
        states=[SuggestionState.PROPOSED, SuggestionState.DECLINED, SuggestionState.WITHDRAWN],
        choices=visitor.organisations(*ROLES),
        names=names,
    )


@router.get("/suggestions/{suggestion_id}")
async def suggestion(
    request: Request, context: Ctx, visitor: SignedIn, suggestion_id: UUID, acting: Acting = None
) -> Response:
    """Show one suggestion."""
    found = one(Suggestion, await ask_one(context, visitor, "matching", f"/suggestions/{suggestion_id}"))
    mine = [each for each in visitor.organisations(*ROLES) if each in (found.first_id, found.second_id)]
    ours = acting if acting in mine else next(iter(mine), found.first_id)
    return page(request, "suggestion.html", suggestion=found, ours=ours, may_answer=bool(mine))


@router.get("/suggestions/{suggestion_id}/why")
async def why(
    request: Request, context: Ctx, visitor: SignedIn, suggestion_id: UUID, acting: Acting = None
) -> Response:
    """Show why a pair is suggested: who gains what, how the score comes about and what speaks against it.

    The texts come in the visitor's own language, as far as matching writes it.
    """
    path = f"/suggestions/{suggestion_id}/explanation"
    found = one(Explanation, await ask_one(context, visitor, "matching", path, language=visitor.card.language))
    mine = [each for each in visitor.organisations(*ROLES) if each in (found.first_id, found.second_id)]
    ours = acting if acting in (found.first_id, found.second_id) else next(iter(mine), found.first_id)
    sides = sorted((found.first_id, found.second_id), key=lambda side: side != ours)
    return page(request, "why.html", why=found, ours=ours, sides=sides)


@router.post("/suggestions/{suggestion_id}/answers")
async def answer(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    suggestion_id: UUID,
    organisation_id: Annotated[UUID, Form()],
    answer: Annotated[Answer, Form()],
) -> Response:
    """Accept or decline; htmx gets the card as it is now."""
    body = {"organisation_id": str(organisation_id), "answer": str(answer)}
    result = await act(context, visitor, "matching", f"/suggestions/{suggestion_id}/answers", body)
    if is_htmx(request):
        found = one(Suggestion, result)
        return page(request, "parts/suggestion.html", suggestion=found, ours=organisation_id, fresh=True)
    return see("/suggestions", organisation_id=str(organisation_id), done=str(answer))


@router.get("/connections")
async def connections(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    acting: Acting = None,
    cursor: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """Show the connections with the other side's contacts: both sides agreed to show them."""
    ours = visitor.acts_for(acting, *ROLES)
    query = {"organisation_id": ours, "limit": CARDS, "cursor": cursor}
    answer = await ask_one(context, visitor, "matching", "/connections", **query)
    found = [each for each in many(Suggestion, answer) if each.state == SuggestionState.CONNECTED]
    found = [each for each in found if ours in (each.first_id, each.second_id)]
    contacts = await _contacts(context, [each.partner_id(ours) for each in found])
    return page(
        request,
        "connections.html",
        connections=found,
        contacts=contacts,
        cursor=cursor_of(answer),
        ours=ours,
        choices=visitor.organisations(*ROLES),
        names=await names_of(context, visitor.organisations(*ROLES)),
    )


async def _contacts(context: Context, partners: list[UUID]) -> dict[UUID, list[CardOf]] | None:
    """Return the contacts of connected partners, ``None`` when profiles does not answer: the mail has them too.

    Asked with the console's own token, so only ever for partners that matching just said are connected.
    """
    if not partners:
        return {}
    body = {"organisation_ids": [str(each) for each in partners]}
    try:
        answer: Any = await context.http.post("profiles", "/contact-cards/by-organisation", json=body)
    except Problem:
        return None
    cards = many(CardOf, answer)
    return {
        partner: [card for card in cards if any(_speaks_for(role, partner) for role in card.roles)]
        for partner in partners
    }


def _speaks_for(role: Any, partner: UUID) -> bool:
    return role.organisation_id == partner and role.role in ROLES
