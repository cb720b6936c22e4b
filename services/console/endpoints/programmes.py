"""Programmes: pots of money with their rules, their applications and their ledger. Each tab is one call."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.console import repository
from services.console.asking import ask_one
from services.console.endpoints.programme_forms import administers
from services.console.identity import Visitor
from services.console.models import ProgrammeGist
from services.console.schemas import Ledger, Programme, Voucher, cursor_of, many, one
from services.console.web import Page, SignedIn, identity_of, page
from shared.auth import RoleName
from shared.context import Context
from shared.http import Ctx
from shared.problems import not_found

BOOKKEEPERS = (RoleName.VOUCHER_ADMINISTRATOR, RoleName.AUDITOR)
LINES = 25

router = APIRouter(route_class=Page)


def keeps_books(visitor: Visitor, funder_id: UUID) -> bool:
    """Whether to offer applications and ledger: to the funder's people, to operators, to auditors of no one funder."""
    roaming = any(role.role == RoleName.AUDITOR and not role.organisation_id for role in visitor.card.roles)
    return roaming or visitor.has(RoleName.OPERATOR) or funder_id in visitor.organisations(*BOOKKEEPERS)


@router.get("/programmes")
async def programmes(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    only_open: Annotated[bool, Query(alias="open")] = False,
    cursor: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """List programmes with what is left in each pot."""
    query = {"open": "true" if only_open else None, "limit": LINES, "cursor": cursor}
    answer = await ask_one(context, visitor, "mobility", "/programmes", **query)
    return page(
        request,
        "programmes.html",
        programmes=many(Programme, answer),
        cursor=cursor_of(answer),
        only_open=only_open,
    )


@router.get("/programmes/{programme_id}")
async def programme(request: Request, context: Ctx, visitor: SignedIn, programme_id: UUID) -> Response:
    """Show a programme's pot and rules."""
    found = one(Programme, await ask_one(context, visitor, "mobility", f"/programmes/{programme_id}"))
    return page(
        request,
        "programme.html",
        programme=found,
        books=keeps_books(visitor, found.funder_id),
        may_edit=administers(visitor, found.funder_id),
    )


@router.get("/programmes/{programme_id}/applications")
async def applications(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    programme_id: UUID,
    cursor: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """List the programme's vouchers."""
    gist = await _gist(context, visitor, programme_id)
    query = {"programme_id": programme_id, "limit": LINES, "cursor": cursor}
    answer = await ask_one(context, visitor, "mobility", "/vouchers", **query)
    vouchers = many(Voucher, answer)
    return page(request, "applications.html", programme=gist, vouchers=vouchers, cursor=cursor_of(answer))


@router.get("/programmes/{programme_id}/ledger")
async def ledger(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    programme_id: UUID,
    cursor: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Show the ledger with its balances, and whether it adds up."""
    gist = await _gist(context, visitor, programme_id)
    path = f"/programmes/{programme_id}/ledger"
    found = one(Ledger, await ask_one(context, visitor, "mobility", path, limit=100, cursor=cursor))
    return page(request, "ledger.html", programme=gist, ledger=found)


@router.get("/programmes/{programme_id}/ledger.csv")
async def export(context: Ctx, visitor: SignedIn, programme_id: UUID) -> Response:
    """Hand on mobility's export (which guards against formulas)."""
    token = identity_of(context).token_of(visitor)
    content = await context.http.download("mobility", f"/programmes/{programme_id}/ledger.csv", token=token)
    name = f'attachment; filename="ledger-{programme_id}.csv"'
    return Response(content, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": name})


async def _gist(context: Context, visitor: Visitor, programme_id: UUID) -> ProgrammeGist:
    """Return what the projection knows of a programme whose books this person may open; 404 otherwise."""
    async with context.database.session() as session:
        found = await repository.programmes(session, [programme_id])
    if not found or not keeps_books(visitor, found[0].funder_id):
        raise not_found("programme", programme_id)
    return found[0]
