"""Use case: have the models read statements and calls that nobody has read yet, batch by batch.

What is to be read stands in the database, so a crash loses at most one batch's work, and a text that was ever read
is not read again.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import structlog

from services.matching.calls.comparing import Plain, comparison_for, stored_under
from services.matching.calls.words import CallWords
from services.matching.encoder.encoder import Encoder
from services.matching.encoder.spaces import ReadText
from services.matching.engine import Engine
from services.matching.models import Call, Statement
from services.matching.repository import calls, encoders, profiles
from shared.clock import today
from shared.database import Database

log = structlog.get_logger()

Row = tuple[bytes, npt.NDArray[np.float16]]
Batch = Sequence[Statement] | Sequence[Call]
Table = type[Statement] | type[Call]


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


async def _read(database: Database, engine: Engine, batch: Batch, table: Table) -> int:
    """Read a batch as the encoder that serves does. If that one can't be loaded any more, nothing is read before
    another one serves.
    """
    reader = await engine.reader(engine.shown) if batch else None
    if reader is None:
        return 0
    vectors = await vectors_by(database, engine, reader, batch)
    async with database.transaction() as session:
        if await encoders.serves(session, reader.version):
            read = {each.id: each.text_hash for each in batch}
            model = _model(reader, table)
            await profiles.save_vectors(session, reader.version, read, vectors, table, model=model)
    return len(batch)


async def vectors_by(database: Database, engine: Engine, reader: Encoder, batch: Batch) -> list[Row]:
    """Return the vectors of the texts of a batch that this encoder has not read yet; of a call several may be read."""
    of_calls = any(isinstance(each, Call) for each in batch)  # statements are read whatever is wrong with calls
    async with database.session() as session:
        model = _model(reader, Call if of_calls else Statement)
        known = await profiles.known_vectors(session, model, {each.text_hash for each in batch})
    unread = {each.text_hash: each for each in batch if each.read_text and each.text_hash not in known}
    comparison = comparison_for(reader.version, reader.fusion) if of_calls else Plain({})
    texts: dict[bytes, ReadText] = {}
    parts_of: dict[bytes, list[bytes]] = {}
    for text_hash, each in unread.items():
        reads = comparison.reads(words_of(each)) if isinstance(each, Call) else (_said(each),)
        parts_of[text_hash] = [text_hash + bytes([place]) for place in range(len(reads))]
        texts |= dict(zip(parts_of[text_hash], reads, strict=True))
    found = dict(await _encode(engine, reader, texts))
    return [
        (text_hash, comparison.to_store(np.stack(parts)) if isinstance(unread[text_hash], Call) else parts[0])
        for text_hash, names in parts_of.items()
        if len(parts := [found[each] for each in names if each in found]) == len(names)
    ]


def _model(reader: Encoder, table: Table) -> str:
    """Return the name under which an encoder's vectors of statements, or of calls, are stored."""
    return stored_under(reader.version, reader.fusion) if table is Call else reader.version


def _said(statement: Statement) -> ReadText:
    return ReadText(statement.language, statement.read_text)


def words_of(call: Call) -> CallWords:
    """Return what a call says."""
    return CallWords(call.supplied_id, call.title, call.language, call.read_text)


async def _encode(engine: Engine, reader: Encoder, texts: dict[bytes, ReadText]) -> list[Row]:
    """Encode all at once; if that fails, one by one, so that one bad text can't stop all others."""
    if not texts:
        return []
    try:
        return list(zip(texts, await engine.encode(list(texts.values()), reader), strict=True))
    except (RuntimeError, ValueError, IndexError) as error:
        if len(texts) == 1:
            log.error("a text can't be read", text_hash=next(iter(texts)).hex(), fault=type(error).__name__)
            return []
    return [row for text_hash, text in texts.items() for row in await _encode(engine, reader, {text_hash: text})]
