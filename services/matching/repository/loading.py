"""SQL for the picture of the database that is kept in memory: plain columns in bulk, without objects of the tables."""

from collections.abc import AsyncIterator, Collection
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.matching.models import Organisation, Statement, Vector
from shared.contracts.profiles import OrganisationStatus

AT_ONCE = 4096
"""Vectors in memory besides those that are already in their place."""

ALL = None
"""In place of ids: everybody's."""


def _among(column: Any, wanted: Collection[Any] | None, kind: type[sa.types.TypeEngine[Any]]) -> Any:
    """Return the condition that a column is one of these; an array, for there may be more than a query has room for."""
    return sa.true() if wanted is ALL else column == sa.any_(sa.cast(list(wanted), ARRAY(kind)))


async def organisations(session: AsyncSession, ids: Collection[UUID] | None) -> Any:
    """Return the columns of organisations that matching works with."""
    query = sa.select(
        col(Organisation.id),
        col(Organisation.kind),
        col(Organisation.name),
        col(Organisation.country),
        col(Organisation.sectors),
        col(Organisation.languages),
        col(Organisation.tags),
        col(Organisation.clusters),
        col(Organisation.undertaking_group),
        col(Organisation.status),
        col(Organisation.version_epoch),
        col(Organisation.version_n),
    )
    return await session.execute(query.where(_among(col(Organisation.id), ids, sa.Uuid)))


async def statements(session: AsyncSession, ids: Collection[UUID] | None) -> Any:
    """Return the columns of the statements of active organisations."""
    active = sa.select(col(Organisation.id)).where(col(Organisation.status) == OrganisationStatus.ACTIVE)
    query = sa.select(
        col(Statement.id),
        col(Statement.organisation_id),
        col(Statement.role),
        col(Statement.language),
        col(Statement.text),
        col(Statement.text_hash),
    ).where(_among(col(Statement.organisation_id), ids, sa.Uuid), col(Statement.organisation_id).in_(active))
    return await session.execute(query)


async def vectors(
    session: AsyncSession, model: str, text_hashes: Collection[bytes] | None
) -> AsyncIterator[list[tuple[bytes, npt.NDArray[np.float16]]]]:
    """Yield the stored vectors of these texts with their hashes, some at a time."""
    # The binary form of halfvec (two 16-bit numbers, then big-endian halves) is read 50 times as fast as its text.
    binary = sa.func.halfvec_send(col(Vector.values), type_=sa.LargeBinary)
    query = sa.select(col(Vector.text_hash), binary).where(
        col(Vector.model) == model, _among(col(Vector.text_hash), text_hashes, sa.LargeBinary)
    )
    found = await session.stream(query.execution_options(yield_per=AT_ONCE))
    async for rows in found.partitions():
        yield [(row[0], np.frombuffer(row[1], ">f2", offset=4)) for row in rows]
