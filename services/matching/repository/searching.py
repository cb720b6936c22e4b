"""SQL for searching statements in the database, where they are too many to be kept in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from pgvector import HalfVector
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.ext.asyncio import AsyncSession

LOOKED_AT = 400
"""Neighbours that the approximate index looks at before it goes on for more that pass the filter (``ef_search``)."""

COUNTED = (
    "SELECT count(*) FROM (SELECT 1 FROM organisation o JOIN statement s ON s.organisation_id = o.id"
    " WHERE {wanted} LIMIT :most) AS few"
)
EXACTLY = (
    "WITH passing AS MATERIALIZED (SELECT s.id, s.organisation_id, s.role, s.language, s.text, o.country,"
    ' v."values" FROM organisation o JOIN statement s ON s.organisation_id = o.id'
    " JOIN text_vector v ON v.text_hash = s.text_hash AND v.model = :model WHERE {wanted})"
    ' SELECT id, organisation_id, role, language, text, country, halfvec_send("values") AS vector FROM passing'
    ' ORDER BY "values" <#> :vector, id LIMIT :limit'
)
BY_INDEX = (
    'WITH near AS MATERIALIZED (SELECT v.text_hash, v."values" FROM text_vector v WHERE v.model = :model AND EXISTS'
    " (SELECT 1 FROM statement s JOIN organisation o ON o.id = s.organisation_id WHERE s.text_hash = v.text_hash"
    " AND {wanted})"
    ' ORDER BY (v."values"::halfvec({width})) <#> CAST(:vector AS halfvec({width})) LIMIT :limit)'
    ' SELECT s.id, s.organisation_id, s.role, s.language, s.text, o.country, halfvec_send(near."values") AS vector'
    " FROM near JOIN statement s ON s.text_hash = near.text_hash JOIN organisation o ON o.id = s.organisation_id"
    ' WHERE {wanted} ORDER BY near."values" <#> :vector, s.id LIMIT :limit'
)
"""``wanted``: the conditions of a :class:`Filter`, which hold no value."""


@dataclass(frozen=True)
class Filter:
    """Which statements are searched. ``languages``: those of one ground; ``excluded``: all but these."""

    model: str
    role: str | None = None
    country: str | None = None
    languages: Sequence[str] = ()
    excluded: Sequence[str] = ()

    @property
    def conditions(self) -> str:
        """The SQL conditions on ``s`` and ``o``."""
        said = ["o.status = 'active'"]
        said += ["s.role = :role"] if self.role else []
        said += ["o.country = :country"] if self.country else []
        said += ["s.language = ANY(:languages)"] if self.languages else []
        said += ["s.language <> ALL(:excluded)"] if self.excluded else []
        return " AND ".join(said)

    @property
    def values(self) -> dict[str, Any]:
        """The values of the conditions' parameters."""
        named = {"role": self.role, "country": self.country, "languages": self.languages, "excluded": self.excluded}
        return {"model": self.model} | {name: value for name, value in named.items() if value}


async def count_up_to(session: AsyncSession, most: int) -> int:
    """Return how many statements there are, counted up to ``most``."""
    query = sa.text("SELECT count(*) FROM (SELECT 1 FROM statement LIMIT :most) AS few")
    return int(await session.scalar(query, {"most": most}) or 0)


async def passing(session: AsyncSession, wanted: Filter, most: int) -> int:
    """Return how many statements pass a filter, counted up to ``most``."""
    counted = sa.text(COUNTED.format(wanted=wanted.conditions))
    return int(await session.scalar(counted, {**wanted.values, "most": most}) or 0)


async def closest_exactly(
    session: AsyncSession, wanted: Filter, vector: npt.NDArray[np.float16], limit: int
) -> Sequence[Any]:
    """Return the closest statements that pass a filter (id, organisation_id, role, language, text, country, vector):
    all of them are compared, so nothing is lost however narrow the filter is.
    """
    query = EXACTLY.format(wanted=wanted.conditions)
    return await _rows(session, query, wanted, vector, limit)


async def closest_by_index(
    session: AsyncSession, wanted: Filter, vector: npt.NDArray[np.float16], limit: int
) -> Sequence[Any]:
    """Return the same by the approximate index (see ``index_statement``): for filters that most statements pass."""
    await session.execute(sa.text("SET LOCAL hnsw.iterative_scan = strict_order"))
    await session.execute(sa.text(f"SET LOCAL hnsw.ef_search = {LOOKED_AT}"))
    query = BY_INDEX.format(wanted=wanted.conditions, width=len(vector))
    return await _rows(session, query, wanted, vector, limit)


async def _rows(
    session: AsyncSession, query: str, wanted: Filter, vector: npt.NDArray[np.float16], limit: int
) -> Sequence[Any]:
    typed = sa.text(query).bindparams(sa.bindparam("vector", type_=HALFVEC()))
    given = {**wanted.values, "vector": HalfVector(vector), "limit": limit}
    return (await session.execute(typed, given)).all()


def index_name(model: str) -> str:
    """Return the name of the approximate index on one encoder's vectors."""
    return "ix_text_vector_" + "".join(each if each.isalnum() else "_" for each in model.lower())[-40:]


def index_statement(model: str, dimensions: int) -> str:
    """Return the SQL that makes the approximate index. It takes minutes; nothing has to wait for it meanwhile."""
    name = model.replace("'", "''")
    return (
        f'CREATE INDEX CONCURRENTLY IF NOT EXISTS {index_name(model)} ON text_vector USING hnsw (("values"::halfvec'
        f"({dimensions})) halfvec_ip_ops) WHERE model = '{name}'"
    )


async def has_index(session: AsyncSession, model: str) -> bool:
    """Whether the approximate index is there and finished."""
    query = "SELECT EXISTS (SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND indisvalid)"
    return bool(await session.scalar(sa.text(query), {"name": index_name(model)}))
