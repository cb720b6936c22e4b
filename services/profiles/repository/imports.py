"""Imports and their reports."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.profiles.models import import_run


async def add(
    session: AsyncSession, run_id: UUID, imported_by: str, source: str | None, file_format: str, started_at: datetime
) -> None:
    """Record that an import begins."""
    await session.execute(
        sa.insert(import_run).values(
            id=run_id, imported_by=imported_by, source=source, format=file_format, started_at=started_at, report={}
        )
    )


async def finish(session: AsyncSession, run_id: UUID, report: dict[str, Any], finished_at: datetime) -> None:
    """Record its report."""
    await session.execute(
        sa.update(import_run).where(import_run.c.id == run_id).values(report=report, finished_at=finished_at)
    )


async def get(session: AsyncSession, run_id: UUID) -> sa.RowMapping | None:
    """Return one import."""
    found = await session.execute(sa.select(import_run).where(import_run.c.id == run_id))
    return found.mappings().one_or_none()
