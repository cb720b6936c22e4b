"""Semantic search over all statements of active organisations."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.matching.encoder.spaces import read_text
from services.matching.engine import engine_of
from services.matching.schemas import FoundStatement, FoundStatements
from shared.contracts.profiles import StatementRole
from shared.http import Caller, Ctx

router = APIRouter(prefix="/statements", tags=["search"])


@router.get("/search")
async def search(
    _caller: Caller,
    context: Ctx,
    q: Annotated[str, Query(min_length=2, max_length=2_000)],
    role: StatementRole | None = None,
    country: Annotated[str | None, Query(pattern="^[A-Z]{2}$")] = None,
    language: Annotated[str | None, Query(pattern="^[a-z]{2}$")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> FoundStatements:
    """Find offers and needs that mean what ``q`` says, in whatever language; filters lose nothing.

    Public profile texts, so any signed-in caller may search. 503 while the models are missing.
    """
    engine = engine_of(context)
    read = read_text(q, language)
    vectors = await engine.encode_query(read)
    async with context.database.session() as session:
        await engine.world.refresh(session, every_seconds=1.0)
    index, parties = engine.world.index, engine.world.parties
    found = index.search(vectors, limit, role, country)
    items = [
        FoundStatement(
            statement_id=each.statement.id,
            organisation_id=each.statement.organisation_id,
            organisation_name=parties[each.statement.organisation_id].name,
            country=each.country,
            role=each.statement.role,
            text=each.statement.text,
            language=each.statement.language,
            similarity=each.similarity,
        )
        for each in found
    ]
    return FoundStatements(items=items, language=read.language)
