"""Use case: have the models read statements and calls that nobody has read yet, batch by batch.

What is to be read stands in the database, so a crash loses at most one batch's work, and a text that was ever read
is not read again.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import structlog

from services.matching.encoder.spaces import ReadText
from services.matching.engine import Engine
from services.matching.models import Call, Statement
from services.matching.repository import calls, profiles
from shared.clock import today
from shared.database import Database

log = structlog.get_logger()

Row = tuple[bytes, npt.NDArray[np.float16]]


async def read_batch(database: Database, engine: Engine) -> int:
    """Read up to one batch of statements; returns how many were there to read. Raises ``ModelUnavailableError``."""
    async with database.session() as session:
        batch = await profiles.statements_to_read(session, engine.settings.statements_per_batch)
    return await _read(database, engine, batch, Statement)


async def read_calls(database: Database, engine: Engine) -> int:
    """Read up to one batch of open calls, as :func:`read_batch` does statements."""
    async with database.session() as session:
        batch = await calls.calls_to_read(session, today(), engine.settings.calls_per_batch)
    return await _read(database, engine, batch, Call)


async def _read(
    database: Database, engine: Engine, batch: Sequence[Statement] | Sequence[Call], table: type[Statement] | type[Call]
) -> int:
    if not batch:
        return 0
    hashes = {each.text_hash for each in batch}
    async with database.session() as session:
        known = await profiles.known_vectors(session, engine.version, hashes)
    vectors = await _encode(engine, _texts(batch, known))
    async with database.transaction() as session:
        read = {each.id: each.text_hash for each in batch}
        await profiles.save_vectors(session, engine.version, read, vectors, table)
    return len(batch)


def _texts(batch: Sequence[Statement] | Sequence[Call], known: set[bytes]) -> dict[bytes, ReadText]:
    return {
        each.text_hash: ReadText(each.language, each.read_text)
        for each in batch
        if each.read_text and each.text_hash not in known
    }


async def _encode(engine: Engine, texts: dict[bytes, ReadText]) -> list[Row]:
    """Encode all at once; if that fails, one by one, so that one bad text can't stop all others."""
    if not texts:
        return []
    try:
        return list(zip(texts, await engine.encode(list(texts.values())), strict=True))
    except (RuntimeError, ValueError, IndexError) as error:
        if len(texts) == 1:
            log.error("a text can't be read", text_hash=next(iter(texts)).hex(), fault=type(error).__name__)
            return []
    return [row for text_hash, text in texts.items() for row in await _encode(engine, {text_hash: text})]
