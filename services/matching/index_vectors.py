"""``python -m services.matching index-vectors``: make the approximate index that broad searches in the database use.

Only sites with more statements than ``search_in_process_up_to`` want it. The service goes on meanwhile. When the
settings name another encoder, it is made once more for that one, best while its vectors are still being made: so it is
there when that encoder takes over.
"""

import asyncio

import sqlalchemy as sa

from services.matching.repository.searching import index_statement
from services.matching.settings import Settings
from shared.database import create_engine


def index_vectors(settings: Settings | None = None) -> int:
    """Make the index unless it is there; returns the exit status."""
    asyncio.run(make_index(settings or Settings()))
    return 0


async def make_index(settings: Settings) -> None:
    """Make it outside a transaction, as an index that is made concurrently must be."""
    engine = create_engine(settings, 1)
    try:
        async with engine.connect() as connection:
            plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
            chosen = settings.models
            await plain.execute(sa.text(index_statement(chosen.version, chosen.fusion.dimensions)))
    finally:
        await engine.dispose()
