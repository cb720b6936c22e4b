"""Routes of small state aid: headroom, declarations, the reporting queue, the statement letter's data."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.mobility.aid import declaring, rates, reading, reporting
from services.mobility.endpoints.lists import DEFAULT_LIMIT, Cursor, Limit, text
from services.mobility.exports import to_csv
from services.mobility.programme_rules import Country
from services.mobility.schemas import (
    AidOut,
    DeclarationIn,
    DeclarationOut,
    DeclarationsOut,
    HeadroomOut,
    Page,
    RateIn,
    RateOut,
    Reported,
    StatementOut,
)
from services.mobility.schemas.base import Day
from services.mobility.scopes import require_any_role, scope_of
from shared.contracts.mobility import StateAid
from shared.http import Caller, Session

router = APIRouter(prefix="/state-aid", tags=["state aid"])


@router.get("/headroom")
async def read_headroom(
    organisation_id: UUID,
    country: Annotated[Country, Query(description="the granting country")],
    caller: Caller,
    session: Session,
    regulation: StateAid = StateAid.DE_MINIMIS,
    on: Annotated[Day | None, Query(description="today unless given")] = None,
) -> HeadroomOut:
    """What the organisation, with all firms linked with it, may still be granted in a country before an award."""
    return await reading.headroom(session, caller, organisation_id, country, regulation, on)


@router.get("/statement")
async def read_statement(
    organisation_id: UUID, caller: Caller, session: Session, on: Annotated[Day | None, Query()] = None
) -> StatementOut:
    """All small aid of the organisation's undertaking that counts, by granting country: what a letter tells it."""
    return await reading.statement(session, caller, organisation_id, on)


@router.post("/declarations", status_code=201)
async def declare(body: DeclarationIn, caller: Caller, session: Session) -> DeclarationOut:
    """Sign what small aid the undertaking received from elsewhere in one country; the newest declaration counts."""
    return await declaring.declare(session, caller, body)


@router.get("/declarations")
async def list_declarations(
    organisation_id: UUID,
    caller: Caller,
    session: Session,
    country: Country | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> DeclarationsOut:
    """What an organisation has declared, newest first, and the text that it would sign today."""
    await reading.require_reader(session, caller, organisation_id)
    return await declaring.page(session, organisation_id, country, limit, cursor)


@router.get("/queue")
async def list_queue(
    caller: Caller,
    session: Session,
    funder_id: UUID | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[AidOut]:
    """Awards that wait to be entered or corrected in the country's register, with their last day."""
    items, following = await reporting.queue(session, scope_of(caller), funder_id, limit, cursor)
    return Page(items=items, next_cursor=text(following))


@router.get("/register.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
async def export_register(
    caller: Caller,
    session: Session,
    funder_id: UUID | None = None,
    country: Country | None = None,
    due: Annotated[bool, Query(description="only what waits to be entered or corrected")] = False,
) -> Response:
    """The register's fields of all awards of the caller's funders."""
    records = await reporting.export(session, scope_of(caller), funder_id, country, due)
    headers = {"Content-Disposition": 'attachment; filename="state-aid-register.csv"'}
    return Response(to_csv(records, reporting.COLUMNS), media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/reported")
async def report(body: Reported, caller: Caller, session: Session) -> list[AidOut]:
    """Record that awards were entered in the register; 409 `aid-amount-changed` where less is left by now."""
    return await reporting.reported(session, caller, body)


@router.post("/rates", status_code=201)
async def enter_rate(body: RateIn, caller: Caller, session: Session) -> RateOut:
    """Enter the rate by which money of another currency counts under the ceilings, for so many days."""
    return await rates.enter(session, caller, body)


@router.get("/rates")
async def list_rates(
    caller: Caller,
    session: Session,
    currency: Annotated[str | None, Query(pattern=r"^[A-Z]{3}$")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[RateOut]:
    """The rates that operators entered, newest first."""
    require_any_role(caller)
    items, following = await rates.page(session, currency, limit, cursor)
    return Page(items=items, next_cursor=text(following))
