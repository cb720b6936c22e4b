"""Lists in pages: newest first by id (UUIDv7), never unbounded."""

from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

RowT = TypeVar("RowT")
MAX_LIMIT = 200


async def newest_first(
    session: AsyncSession, statement: sa.Select[RowT], key: Any, limit: int, cursor: UUID | None
) -> tuple[list[RowT], UUID | None]:
    """Return one page and the cursor of the next one (``None`` at the end). ``key`` is the id column."""
    column: InstrumentedAttribute[UUID] = key
    if cursor is not None:
        statement = statement.where(column < cursor)
    rows = list(await session.scalars(statement.order_by(column.desc()).limit(limit + 1)))
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], getattr(rows[limit - 1], column.key)
