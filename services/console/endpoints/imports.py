"""Uploading a file of organisations and reading its row-by-row report; profiles reads and judges the rows."""

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, Response, UploadFile

from services.console.schemas import ImportReport, one
from services.console.web import Page, SignedIn, identity_of, page
from shared.auth import RoleName
from shared.http import Ctx
from shared.problems import Problem

IMPORTERS = (RoleName.HUB_MANAGER, RoleName.OPERATOR)
LARGEST_FILE = 10_000_000
"""Bytes. Larger files go to profiles' own API, which takes a stream."""
LARGEST_UPLOAD = LARGEST_FILE + 100_000
PATIENCE_SECONDS = 120.0

router = APIRouter(route_class=Page)


class FileKind(StrEnum):
    """How a file is written; ``BY_NAME``: its name says it."""

    BY_NAME = "by-name"
    CSV = "csv"
    JSONL = "jsonl"


@router.get("/imports")
async def upload_form(request: Request, visitor: SignedIn) -> Response:
    """Ask for a file."""
    visitor.needs(*IMPORTERS)
    return page(request, "imports.html", report=None, fault="", source="")


@router.post("/imports")
async def upload(
    request: Request,
    context: Ctx,
    visitor: SignedIn,
    file: Annotated[UploadFile | None, File()] = None,
    kind: Annotated[FileKind, Form(alias="format")] = FileKind.BY_NAME,
    source: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Hand the file on and show what became of each row; good rows are kept whatever happens to others."""
    visitor.needs(*IMPORTERS)
    content = await file.read(LARGEST_FILE + 1) if file else b""
    if not file or not content:
        return page(
            request, "imports.html", status=400, report=None, fault="Choose a file that is not empty.", source=source
        )
    if len(content) > LARGEST_FILE:
        raise Problem(413, "too-large", "The file is larger than 10 MB. Send it in parts, or by the API of profiles.")
    answer = await context.http.post(
        "profiles",
        "/imports",
        token=identity_of(context).token_of(visitor),
        params={"format": written_as(kind, file.filename or ""), "source": source.strip()},
        content=content,
        timeout=PATIENCE_SECONDS,
    )
    return page(request, "imports.html", report=one(ImportReport, answer), fault="", source=source)


def written_as(kind: FileKind, name: str) -> str:
    """Return the format that profiles is told."""
    if kind is not FileKind.BY_NAME:
        return str(kind)
    return str(FileKind.CSV if PurePosixPath(name.lower()).suffix in (".csv", ".txt") else FileKind.JSONL)
