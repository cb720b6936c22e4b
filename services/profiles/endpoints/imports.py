"""Routes of imports."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from services.profiles import imports
from services.profiles.endpoints.common import SignedIn
from services.profiles.importing import FileFormat
from services.profiles.importing.parsing import MAX_FILE_BYTES
from services.profiles.schemas import ImportOut
from shared.http import Ctx, Session
from shared.problems import Problem

router = APIRouter(prefix="/imports", tags=["imports"])


@router.post("")
async def import_file(
    caller: SignedIn,
    context: Ctx,
    request: Request,
    format: FileFormat = FileFormat.JSONL,  # noqa: A002 - the word of the route
    source: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = None,
) -> ImportOut:
    """Import organisations from the raw body, JSONL or CSV in UTF-8; the answer is the row-by-row report.

    Good rows are kept whatever happens to others. The same file again changes nothing. Operators import anything,
    a hub its own cluster and its members.
    """
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_FILE_BYTES:
        raise Problem(413, "file-too-large", "The file is larger than 50 MB.")
    batch_size = getattr(context.settings, "import_batch", 100)
    return await imports.import_file(
        context.database, caller, request.stream(), format, (source or "").strip() or None, batch_size
    )


@router.get("/{import_id}")
async def read_import(caller: SignedIn, session: Session, import_id: UUID) -> ImportOut:
    """Return the report of an import to whoever made it, or to an operator."""
    return await imports.report_of(session, caller, import_id)
