"""Open calls: all of them, for everybody who is signed in, and those that fit one's own organisation."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.console.asking import ask_one, names_of
from services.console.schemas import FittingCall, OpenCalls, cursor_of, many, one
from services.console.web import Page, SignedIn, page
from shared.auth import RoleName
from shared.http import Ctx

ROLES = (RoleName.SME_CONTACT, RoleName.HUB_MANAGER)
CARDS = 20

router = APIRouter(route_class=Page)


@router.get("/calls")
async def calls(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    q: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """List open calls, the earliest deadline first, or those that fit a question, the closest first if it was read."""
    answer = await ask_one(context, visitor, "matching", "/calls", open="true", q=q, limit=CARDS, cursor=cursor)
    found = one(OpenCalls, answer)
    compared = any(each.similarity is not None for each in found.items)
    return page(
        request,
        "calls.html",
        calls=found.items,
        read_again=found.read_again,
        compared=compared,
        cursor=cursor_of(answer),
        q=q,
    )


@router.get("/calls/fitting")
async def fitting_calls(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    acting: Annotated[UUID | None, Query(alias="organisation_id")] = None,
) -> Response:
    """Show the open calls that fit what the visitor's organisation offers or needs, best first."""
    ours = visitor.acts_for(acting, *ROLES)
    answer = await ask_one(context, visitor, "matching", f"/organisations/{ours}/calls", limit=CARDS)
    return page(
        request,
        "fitting_calls.html",
        calls=many(FittingCall, answer),
        ours=ours,
        choices=visitor.organisations(*ROLES),
        names=await names_of(context, visitor.organisations(*ROLES)),
    )
