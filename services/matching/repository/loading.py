"""SQL for the picture of the database that is kept in memory: plain columns in bulk, without objects of the tables."""

import asyncio
from collections.abc import AsyncGenerator, Collection
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

AT_ONCE = 2048
"""Vectors in memory besides those that are already in their place."""

ALL = None
"""In place of ids: everybody's."""

ORGANISATIONS = (
    "SELECT id, kind, name, country, sectors, languages, tags, clusters, undertaking_group, region, status,"
    " version_epoch, version_n FROM organisation WHERE CAST(:ids AS uuid[]) IS NULL OR id = ANY(CAST(:ids AS uuid[]))"
)
STATEMENTS = (
    "SELECT s.id, s.organisation_id, s.role, s.language, s.text, s.text_hash FROM statement s"
    " JOIN organisation o ON o.id = s.organisation_id AND o.status = 'active'"
    " WHERE CAST(:ids AS uuid[]) IS NULL OR s.organisation_id = ANY(CAST(:ids AS uuid[]))"
)
# The binary form of halfvec (two 16-bit numbers, then big-endian halves) is read 50 times as fast as its text.
VECTORS = 'SELECT text_hash, halfvec_send("values") FROM text_vector WHERE model = $1'


async def organisations(session: AsyncSession, ids: Collection[UUID] | None) -> Any:
    """Return the columns of organisations that matching works with."""
    return (await session.execute(sa.text(ORGANISATIONS), {"ids": None if ids is ALL else list(ids)})).all()


async def statements(session: AsyncSession, ids: Collection[UUID] | None) -> Any:
    """Return the columns of the statements of active organisations."""
    return (await session.execute(sa.text(STATEMENTS), {"ids": None if ids is ALL else list(ids)})).all()


async def vectors(
    session: AsyncSession, model: str, text_hashes: Collection[bytes] | None
) -> AsyncGenerator[list[tuple[bytes, npt.NDArray[np.float16]]], None]:
    """Yield the stored vectors of these texts with their hashes, some at a time. The session has begun already, and
    does nothing else until this generator is closed.

    The driver's own cursor: half a gigabyte goes through it when a large site starts.
    """
    connection: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    if text_hashes is ALL:
        cursor = await connection.cursor(VECTORS, model)
    else:
        cursor = await connection.cursor(f"{VECTORS} AND text_hash = ANY($2)", model, list(text_hashes))
    ahead = asyncio.ensure_future(cursor.fetch(AT_ONCE))
    try:
        while rows := await ahead:
            ahead = asyncio.ensure_future(cursor.fetch(AT_ONCE))
            await asyncio.sleep(0)  # the database makes the next ones while these are put in their place
            together = np.frombuffer(b"".join([row[1] for row in rows]), ">f2").reshape(len(rows), -1)[:, 2:]
            yield list(zip([row[0] for row in rows], together.astype(np.float16), strict=True))
    finally:
        ahead.cancel()
        await asyncio.gather(ahead, return_exceptions=True)
