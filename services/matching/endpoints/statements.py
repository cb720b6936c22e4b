"""Semantic search over all statements of active organisations."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.matching.encoder.spaces import read_text
from services.matching.engine import Engine, engine_of
from services.matching.picture import Picture
from services.matching.repository import encoders, profiles, searching
from services.matching.schemas import FoundStatement, FoundStatements, ReadAgain
from services.matching.search import Found
from services.matching.search import Query as Asked
from services.matching.searching import DatabaseSearch, MemorySearch
from services.matching.succession import shown_now
from shared.clock import today
from shared.context import Context
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

    Public profile texts, so any signed-in caller may search. 503 while the models are missing. While the models are
    being changed and those of before are gone, what is read again is searched, and ``read_again`` says so.
    """
    engine = engine_of(context)
    shown, read = await shown_now(context.database, engine), read_text(q, language)
    query, reader = await engine.encode_query(read, shown)
    read_again = None
    if reader.version == shown.version:
        found = await _search(context, engine, shown, query, limit, role, country)
    else:
        async with context.database.session() as session:
            found = await DatabaseSearch(session, reader.version, reader.fusion).search(query, limit, role, country)
            progress = await encoders.progress(session, engine.stored_under, today())
        read_again = ReadAgain(texts=progress.read, of=progress.of)
    async with context.database.session() as session:
        names = await profiles.names_of(session, {each.statement.organisation_id for each in found})
    items = [
        FoundStatement(
            statement_id=each.statement.id,
            organisation_id=each.statement.organisation_id,
            organisation_name=names[each.statement.organisation_id][0],
            country=each.country,
            role=each.statement.role,
            text=each.statement.text,
            language=each.statement.language,
            similarity=each.similarity,
        )
        for each in found
        if each.statement.organisation_id in names
    ]
    return FoundStatements(items=items, language=read.language, read_again=read_again)


async def _search(
    context: Context,
    engine: Engine,
    shown: Picture,
    query: Asked,
    limit: int,
    role: StatementRole | None,
    country: str | None,
) -> list[Found]:
    """Search where the statements are: in memory, or in the database when they are too many."""
    most = engine.settings.search_in_process_up_to
    async with context.database.session() as session:
        if await searching.count_up_to(session, most + 1) > most:
            return await DatabaseSearch(session, shown.version, shown.fusion).search(query, limit, role, country)
    async with context.database.session() as session:
        await shown.world.refresh(session, every_seconds=1.0)
    return await MemorySearch(shown.world.index).search(query, limit, role, country)
