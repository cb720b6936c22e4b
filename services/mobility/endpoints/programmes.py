"""Routes of programmes and their books."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.mobility import books, programmes
from services.mobility.endpoints.lists import DEFAULT_LIMIT, Cursor, Limit, text
from services.mobility.exports import to_csv
from services.mobility.schemas import LedgerOut, Page, ProgrammeIn, ProgrammeOut
from services.mobility.scopes import require_any_role
from shared.http import Caller, ExpectedVersion, Session

router = APIRouter(prefix="/programmes", tags=["programmes"])

COLUMNS = (
    "programme",
    "sequence",
    "made_at",
    "occasion",
    "account",
    "amount",
    "currency",
    "voucher_id",
    "beneficiary",
    "invoice_number",
    "bank_reference",
    "made_by",
    "movement_id",
)


@router.post("", status_code=201)
async def create_programme(body: ProgrammeIn, caller: Caller, session: Session, response: Response) -> ProgrammeOut:
    """Create a programme of the caller's own funder."""
    made = await programmes.create(session, caller, body)
    response.headers["Location"] = f"/programmes/{made.programme_id}"
    response.headers["ETag"] = f'"{made.terms_version}"'
    return made


@router.get("")
async def list_programmes(
    caller: Caller,
    session: Session,
    only_open: Annotated[bool, Query(alias="open", description="only those that take applications today")] = False,
    funder_id: UUID | None = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[ProgrammeOut]:
    """Programmes with their rules, newest first; public to everybody who signed in."""
    require_any_role(caller)
    items, following = await programmes.page(session, limit, cursor, funder_id=funder_id, only_open=only_open)
    return Page(items=items, next_cursor=text(following))


@router.get("/{programme_id}")
async def read_programme(programme_id: UUID, caller: Caller, session: Session, response: Response) -> ProgrammeOut:
    """One programme; `ETag` is the version of its terms."""
    require_any_role(caller)
    found = await programmes.read(session, programme_id)
    response.headers["ETag"] = f'"{found.terms_version}"'
    return found


@router.put("/{programme_id}")
async def change_programme(
    programme_id: UUID,
    body: ProgrammeIn,
    expected: ExpectedVersion,
    caller: Caller,
    session: Session,
    response: Response,
) -> ProgrammeOut:
    """Give the programme new terms (`If-Match`: the terms' version). Earlier claims keep the terms of their day."""
    changed = await programmes.change(session, caller, programme_id, expected, body)
    response.headers["ETag"] = f'"{changed.terms_version}"'
    return changed


@router.get("/{programme_id}/ledger")
async def read_ledger(
    programme_id: UUID,
    caller: Caller,
    session: Session,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Annotated[int | None, Query(ge=0, le=2**62, description="`next_cursor` of the page before")] = None,
) -> LedgerOut:
    """Entries oldest first; the balances, and on the first page the check, are those of the whole ledger."""
    return await books.read_ledger(session, caller, programme_id, limit, cursor)


@router.get("/{programme_id}/ledger.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
async def export_ledger(programme_id: UUID, caller: Caller, session: Session) -> Response:
    """The whole ledger for a spreadsheet."""
    records = await books.export_ledger(session, caller, programme_id)
    headers = {"Content-Disposition": f'attachment; filename="ledger-{programme_id}.csv"'}
    return Response(to_csv(records, COLUMNS), media_type="text/csv; charset=utf-8", headers=headers)
