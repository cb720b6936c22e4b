"""Parameters that all lists share."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.mobility.repository.pages import MAX_LIMIT

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[UUID | None, Query(description="`next_cursor` of the page before")]
DEFAULT_LIMIT = 50


def text(cursor: UUID | None) -> str | None:
    """Return a cursor as the response carries it."""
    return str(cursor) if cursor else None
