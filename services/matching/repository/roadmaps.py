"""SQL for roadmaps."""

from collections.abc import Collection, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, JSONPATH
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.matching.models import Roadmap


async def add(session: AsyncSession, roadmap: Roadmap) -> None:
    """Store a new roadmap."""
    session.add(roadmap)
    await session.flush()


async def find(session: AsyncSession, roadmap_id: UUID) -> Roadmap | None:
    """Return a roadmap."""
    return await session.get(Roadmap, roadmap_id)


async def lock(session: AsyncSession, roadmap_id: UUID) -> Roadmap | None:
    """Return a roadmap with its row locked until the transaction ends."""
    query = sa.select(Roadmap).where(col(Roadmap.id) == roadmap_id).with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()


async def page(
    session: AsyncSession, limit: int, cursor: UUID | None, clusters: Collection[UUID] | None
) -> Sequence[Roadmap]:
    """Return roadmaps, newest first; only those in which one of ``clusters`` takes part, unless it is ``None``."""
    query = sa.select(Roadmap)
    if clusters is not None:
        query = query.where(col(Roadmap.cluster_ids).op("&&")(sa.cast(list(clusters), ARRAY(sa.Uuid))))
    if cursor is not None:
        query = query.where(col(Roadmap.id) < cursor)
    return (await session.scalars(query.order_by(col(Roadmap.id).desc()).limit(limit))).all()


async def lock_quoting(session: AsyncSession, statement_ids: Collection[UUID], cluster_id: UUID) -> Sequence[Roadmap]:
    """Return, locked, the roadmaps that contain one of these statements or concern this organisation."""
    quoted = sa.func.jsonb_path_query_array(col(Roadmap.themes), sa.cast("$[*].statement_ids[*]", JSONPATH))
    ids = [str(each) for each in statement_ids]
    condition = sa.or_(
        col(Roadmap.cluster_ids).contains([cluster_id]),
        sa.cast(quoted, JSONB).has_any(sa.cast(ids, ARRAY(sa.Text))),
    )
    query = sa.select(Roadmap).where(condition).order_by(col(Roadmap.id)).with_for_update()
    return (await session.scalars(query)).all()
