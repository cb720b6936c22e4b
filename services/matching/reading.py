"""Use case: have the models read statements that nobody has read yet, batch by batch.

What is to be read stands in the database, so a crash loses at most one batch's work, and a text that was ever read
is not read again.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import structlog

from services.matching.encoder.spaces import ReadText
from services.matching.engine import Engine
from services.matching.models import Statement
from services.matching.repository import profiles
from shared.database import Database

log = structlog.get_logger()

Row = tuple[bytes, npt.NDArray[np.float16]]


async def read_batch(database: Database, engine: Engine) -> int:
    """Read up to one batch of statements; returns how many were there to read. Raises ``ModelUnavailableError``."""
    async with database.session() as session:
        batch = await profiles.statements_to_read(session, engine.settings.statements_per_batch)
        if not batch:
            return 0
        hashes = {each.text_hash for each in batch}
        known = await profiles.known_vectors(session, engine.version, hashes)
    vectors = await _encode(engine, _texts(batch, known))
    async with database.transaction() as session:
        await profiles.save_vectors(session, engine.version, {each.id: each.text_hash for each in batch}, vectors)
    return len(batch)


def _texts(batch: Sequence[Statement], known: set[bytes]) -> dict[bytes, ReadText]:
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
