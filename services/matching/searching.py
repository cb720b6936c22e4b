"""Searching statements: in memory while they fit there, else in the database; both give the same answer.

Beyond ``search_in_process_up_to`` statements the database compares, and nothing is lost under filters: a filter that
few statements pass is searched exactly. For broad searches ``python -m services.matching index-vectors`` makes an
approximate index once; without it they are exact too, and slow.
"""

from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.encoder.fusion import Fusion
from services.matching.encoder.spaces import LEXICAL_LANGUAGES, UNIVERSAL_LANGUAGES, ground_of
from services.matching.parties import StatementFact
from services.matching.repository import searching
from services.matching.repository.searching import Filter
from services.matching.rows import similarities
from services.matching.scoring import DECIMALS
from services.matching.search import Found, Query, StatementIndex
from shared.contracts.profiles import StatementRole

BROAD = 20_000
"""A filter that so many statements pass is broad: comparing them all would take the database half a second."""
MORE = 20
"""So many more than asked for are compared exactly, for products that the database rounds alike."""


class CandidateSearch(Protocol):
    """Finds the statements closest to a query, best first; filters lose nothing."""

    async def search(
        self, query: Query, limit: int, role: StatementRole | None = None, country: str | None = None
    ) -> list[Found]:
        """Return at most ``limit`` statements."""


class MemorySearch:
    """Compares with all statements of a snapshot."""

    def __init__(self, index: StatementIndex) -> None:
        self._index = index

    async def search(
        self, query: Query, limit: int, role: StatementRole | None = None, country: str | None = None
    ) -> list[Found]:
        """Return at most ``limit`` statements."""
        return self._index.search(query, limit, role, country)


class DatabaseSearch:
    """Has the database compare. A similarity means something else on each ground: each is searched by itself."""

    def __init__(self, session: AsyncSession, model: str, fusion: Fusion) -> None:
        self._session, self._model, self._fusion = session, model, fusion

    async def search(
        self, query: Query, limit: int, role: StatementRole | None = None, country: str | None = None
    ) -> list[Found]:
        """Return at most ``limit`` statements."""
        if not query.ground:
            return []
        passing = Filter(self._model, str(role) if role else None, country)
        found = []
        for languages, excluded in _by_ground():
            wanted = replace(passing, languages=languages, excluded=excluded)
            found += await self._closest(wanted, query, limit + MORE)
        found = [each for each in found if each.similarity > 0]
        return sorted(found, key=lambda each: (-each.similarity, each.statement.id))[:limit]

    async def _closest(self, wanted: Filter, query: Query, limit: int) -> list[Found]:
        narrow = await searching.passing(self._session, wanted, BROAD) < BROAD
        exact = narrow or not await searching.has_index(self._session, self._model)
        compare = searching.closest_exactly if exact else searching.closest_by_index
        rows = await compare(self._session, wanted, query.vector, limit)
        if not rows:
            return []
        vectors = np.stack([np.frombuffer(row.vector, ">f2", offset=4) for row in rows]).astype(np.float64)
        ground = np.array([ground_of(row.language) & query.ground for row in rows])
        products = (vectors * query.vector.astype(np.float64)).sum(axis=1)
        values = np.round(similarities(self._fusion.calibrations, products, ground), DECIMALS)
        return [_found(row, value) for row, value in zip(rows, values.tolist(), strict=True)]


def _by_ground() -> list[tuple[list[str], list[str]]]:
    """Return languages by the ground they live on, as (these, all but these); the last are all that have no model of
    their own.
    """
    named = sorted(UNIVERSAL_LANGUAGES | LEXICAL_LANGUAGES | {"en"})
    grounds = sorted({ground_of(each) for each in named})
    return [([each for each in named if ground_of(each) == ground], []) for ground in grounds] + [([], named)]


def _found(row: Any, similarity: float) -> Found:
    fact = StatementFact(row.id, row.organisation_id, StatementRole(row.role), row.language, row.text)
    return Found(fact, row.country, similarity)
