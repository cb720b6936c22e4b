"""The searchable database of organisations, for everybody who is signed in."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.console.asking import ask_one, names_of
from services.console.schemas import FoundStatements, Organisation, OrganisationLine, cursor_of, many, one
from services.console.web import Page, SignedIn, is_htmx, page
from shared.contracts.profiles import OrganisationKind, StatementRole
from shared.http import Ctx
from shared.reference.countries import COUNTRIES

LINES = 25
LONGEST_QUESTION = 200
SHORTEST_MEANING = 2

router = APIRouter(route_class=Page)


@router.get("/organisations")
async def search(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    q: Annotated[str, Query(max_length=LONGEST_QUESTION)] = "",
    country: Annotated[str, Query(max_length=2)] = "",
    kind: Annotated[str, Query(max_length=40)] = "",
    cursor: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """Search by words, country and kind; htmx asks for the hits alone while somebody types."""
    asked = {"q": q, "country": country, "kind": kind}
    answer = await ask_one(context, visitor, "profiles", "/organisations", **asked, cursor=cursor, limit=LINES)
    values: dict[str, Any] = {"lines": many(OrganisationLine, answer), "cursor": cursor_of(answer), "asked": asked}
    if is_htmx(request):
        return page(request, "parts/organisation_lines.html", **values)
    return page(request, "organisations.html", kinds=list(OrganisationKind), countries=sorted(COUNTRIES), **values)


@router.get("/statements")
async def by_meaning(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    q: Annotated[str, Query(max_length=LONGEST_QUESTION)] = "",
    country: Annotated[str, Query(max_length=2)] = "",
    role: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """Search offers and needs by what they mean, in whatever language they are written."""
    asked = {"q": q.strip(), "country": country, "role": role}
    found = FoundStatements(items=[])
    if len(asked["q"]) >= SHORTEST_MEANING:
        answer = await ask_one(context, visitor, "matching", "/statements/search", **asked, limit=LINES)
        found = one(FoundStatements, answer)
    return page(
        request,
        "statements.html",
        found=found.items,
        read_again=found.read_again,
        asked=asked,
        roles=list(StatementRole),
        countries=sorted(COUNTRIES),
    )


@router.get("/organisations/{organisation_id}")
async def profile(request: Request, context: Ctx, visitor: SignedIn, organisation_id: UUID) -> Response:
    """Show one organisation's public profile."""
    answer = await ask_one(context, visitor, "profiles", f"/organisations/{organisation_id}")
    organisation = one(Organisation, answer)
    names = await names_of(context, list(organisation.clusters))
    return page(request, "organisation.html", organisation=organisation, names=names)
