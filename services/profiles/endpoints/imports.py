"""Routes of imports."""

import re
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


BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-ndjson": {"schema": {"type": "string", "description": "One JSON object per line."}},
            "text/csv": {"schema": {"type": "string", "description": "A header, then one organisation per row."}},
        },
    }
}


@router.post("", openapi_extra=BODY)
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

    JSONL fields: `national_id` or `supplied_id` (by which a second import finds it again), `kind`, `name`, `country`,
    and optional `region`, `city`, `website`, `sectors`, `languages`, `tags`, `member_of` (supplied ids of clusters,
    also later in the file), `undertaking_group`, `offers` and `needs` (`text`, `language`, `illustrative`), `contacts`
    (`supplied_id`, `name`, `email`, `role`, `language`, `time_zone`, `consent`), `source`. An absent field keeps what
    is stored. CSV columns have the same names; lists are separated by `|`; further `offer_1` …, `need_1` … (with
    `_language`, `_illustrative`), `contact_name`, `contact_email`, `contact_role`, `contact_language`,
    `contact_consent_at`, `contact_consent_wording`, `contact_consent_source`. Limits: file 50 MB, row 256 KB,
    statement 5,000 characters.
    """
    length = request.headers.get("content-length", "")
    if re.fullmatch("[0-9]{1,18}", length) and int(length) > MAX_FILE_BYTES:
        raise Problem(413, "file-too-large", "The file is larger than 50 MB.")
    batch_size = getattr(context.settings, "import_batch", 100)
    return await imports.import_file(
        context.database, caller, request.stream(), format, (source or "").strip() or None, batch_size
    )


@router.get("/{import_id}")
async def read_import(caller: SignedIn, session: Session, import_id: UUID) -> ImportOut:
    """Return the report of an import to whoever made it, or to an operator."""
    return await imports.report_of(session, caller, import_id)
