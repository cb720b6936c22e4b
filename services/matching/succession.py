"""Use cases: one encoder serves; when the settings name another, that one reads everything in the background and then
takes over, without a moment in which nothing is found.

The vectors themselves say how far it has come, so a process that is killed goes on where it was, and going back to an
encoder whose vectors still stand costs nothing. While one still serves, what is new is read by it first, if its models
are still here (most often only constants or one model change, and the others are shared); if they are not, what is new
takes part after the change, and only searches by words cannot be read as before: those are answered by the chosen
encoder from what it has read so far, and say so.
"""

import asyncio
import time
from datetime import timedelta
from uuid import UUID

import structlog
from prometheus_client import Gauge
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.encoder.encoder import Encoder
from services.matching.engine import RETRY_SECONDS, Ahead, Engine, engine_of
from services.matching.models import Call, Statement
from services.matching.picture import Picture, picture_of
from services.matching.reading import Batch, Table, vectors_by
from services.matching.repository import encoders, history, profiles
from services.matching.suggestions import work_to_do
from shared.clock import now, today
from shared.context import Context
from shared.database import Database
from shared.observability import fault_of

log = structlog.get_logger()

TELL_SECONDS = 10.0
"""How often it is said how far the chosen encoder has come."""
DELETED_AT_ONCE = 2_000
"""Vectors of a retired encoder that are looked at in one transaction."""
FORGET_EVERY_SECONDS = 600.0
LOST_OF_HUNDRED = 1
"""So many texts, and one more, may the next encoder be unable to read that the one before could: with more of them
it is itself at fault, and all that rests on them would be withdrawn.
"""

TEXTS = Gauge("intercluster_matching_texts_to_read_again", "Texts that the next encoder has still to read")


async def follow(database: Database, engine: Engine) -> Picture:
    """Return the picture by the encoder that serves now. When another has taken over, its picture is loaded before it
    takes the place of the old one; who asks meanwhile gets the old one.
    """
    async with database.session() as session:
        version = await encoders.serving(session)
    if version in (None, engine.shown.version) or (engine.followed and engine.following.locked()):
        engine.followed = True
        return engine.shown
    async with engine.following:
        async with database.session() as session:
            version = await encoders.serving(session)  # once more: who waited here may know an older one
        if version not in (None, engine.shown.version):
            engine.show(await _picture(database, engine, str(version)))
            TEXTS.set(0)
            log.info("another encoder serves", encoder=version)
        engine.followed = True
    return engine.shown


async def shown_now(database: Database, engine: Engine) -> Picture:
    """Return the picture to answer a request from. When another encoder has taken over, its picture is loaded in the
    background meanwhile; if that fails, it is tried again later: the old one still stands.
    """
    if not engine.followed:
        return await follow(database, engine)  # nothing is loaded yet that could be shown
    async with database.session() as session:
        version = await encoders.serving(session)
    idle = engine.loading is None or engine.loading.done()
    rested = time.monotonic() - engine.not_loaded >= RETRY_SECONDS
    if version not in (None, engine.shown.version) and idle and rested:
        engine.loading = asyncio.create_task(_load_next(database, engine))
    return engine.shown


async def _load_next(database: Database, engine: Engine) -> None:
    try:
        await follow(database, engine)
    except Exception as error:  # noqa: BLE001 - whatever it is, requests go on with what is shown
        engine.not_loaded = time.monotonic()
        log.error("the picture of the next encoder can't be loaded", fault=fault_of(error))


async def _picture(database: Database, engine: Engine, version: str) -> Picture:
    async with database.session() as session:
        stored = await history.encoder_constants(session, version) or {}
        # One that was noted before its whole recipe was kept had the dimensions that all encoders had then.
        picture = picture_of(version, {**engine.recipe, "folders": {}, "calls": "", **stored}, engine.settings)
        if engine.shown.world.known:
            await picture.world.refresh(session)
            await picture.calls.refresh(session, today())
    return picture


async def read_ahead(database: Database, engine: Engine) -> bool:
    """One step of the chosen encoder while another serves: read a few texts, or take over when all are read.

    Returns whether there was something to do. Raises ``ModelUnavailableError``.
    """
    if engine.shown.version == engine.chosen or time.monotonic() - engine.ahead.refused < RETRY_SECONDS:
        return False
    reader = await engine.encoder()
    for table in (Statement, Call):
        if await _read_some(database, engine, reader, table):
            await _tell(database, engine)
            return True
    return await _take_over(database, engine)


async def _read_some(database: Database, engine: Engine, reader: Encoder, table: Table) -> bool:
    ahead, name = engine.ahead, table.__name__
    async with database.session() as session:
        batch = await _next(session, engine, table, ahead.after.get(name))
        if not batch and ahead.after.pop(name, None) is not None:
            batch = await _next(session, engine, table, None)
    if not batch:
        return False
    vectors = await vectors_by(database, engine, reader, batch)
    async with database.transaction() as session:
        texts = {each.id: each.text_hash for each in batch}
        model = engine.stored_under[table]
        await profiles.save_vectors(session, reader.version, texts, vectors, table, mark=False, model=model)
    ahead.unreadable |= set(texts.values()) - {text_hash for text_hash, _ in vectors}
    ahead.after[name] = batch[-1].id
    ahead.texts += len(batch)
    if not vectors:  # nothing of a whole batch: perhaps it can read nothing at all
        async with database.session() as session:
            await _refused(session, engine, engine.shown.version, at_end=False)
    return True


async def _refused(session: AsyncSession, engine: Engine, old: str, at_end: bool) -> bool:
    """Whether the chosen encoder can't read too much of what the old one has read: then it is tried again later."""
    unreadable = engine.ahead.unreadable
    lost = await encoders.count_read(session, old, unreadable) if unreadable else 0
    if not lost:
        return False
    progress = await encoders.progress(session, engine.stored_under, today())
    nothing = at_end and not progress.read
    if not nothing and lost <= 1 + progress.of * LOST_OF_HUNDRED // 100:
        return False
    log.error("the next encoder can't read", encoder=engine.chosen, unreadable=lost, of=progress.of, goes_on=old)
    engine.ahead = Ahead(refused=time.monotonic())
    return True


async def _next(session: AsyncSession, engine: Engine, table: Table, after: UUID | None) -> Batch:
    most = engine.settings.calls_per_batch
    return await encoders.to_read(
        session, table, engine.stored_under[table], engine.ahead.unreadable, after, most, today()
    )


async def _tell(database: Database, engine: Engine) -> None:
    """Say every few seconds how far it is, and how long the rest takes at the pace of this process."""
    ahead, moment = engine.ahead, time.monotonic()
    if moment - ahead.told < TELL_SECONDS:
        return
    async with database.session() as session:
        progress = await encoders.progress(session, engine.stored_under, today())
    if ahead.began is None:
        ahead.began, ahead.texts = moment, 0
    left = progress.of - progress.read - len(ahead.unreadable)
    pace = ahead.texts / (moment - ahead.began) if ahead.texts else 0.0
    minutes = round(left / pace / 60, 1) if pace else None
    log.info("reading again", encoder=engine.chosen, read=progress.read, of=progress.of, minutes_left=minutes)
    TEXTS.set(left)
    ahead.told = moment


async def _take_over(database: Database, engine: Engine) -> bool:
    """Let the chosen encoder serve if really nothing is left to read; a round with it is owed then."""
    old = engine.shown.version
    async with database.transaction() as session:
        if await encoders.lock_serving(session) != old:
            return False
        for table in (Statement, Call):
            if await _next(session, engine, table, None):
                return False
        if await _refused(session, engine, old, at_end=True):
            return False
        await encoders.hand_over(session, old, engine.chosen, engine.stored_under, now())
        work_to_do.ring_after_commit(session)
    log.info("all is read again", encoder=engine.chosen, before=old)
    await follow(database, engine)
    return True


async def forget_former_vectors(context: Context) -> None:
    """Delete the vectors of encoders that have been retired for long, but for those that a past score needs."""
    engine = engine_of(context)
    before = now() - timedelta(days=engine.settings.former_vectors_days)
    async with context.database.session() as session:
        retired = await encoders.retired(session, before)
    for version, since in retired:
        if engine_of(context).cleaned.get(version) == since:
            continue
        async with context.database.session() as session:
            kept = await encoders.needed(session, version)
        after: bytes | None = b""
        gone = 0
        while after is not None:
            async with context.database.transaction() as session:
                after, deleted = await encoders.delete_vectors(session, version, before, kept, after, DELETED_AT_ONCE)
            gone += deleted
        engine_of(context).cleaned[version] = since
        if gone:
            log.info("vectors of a former encoder deleted", encoder=version, deleted=gone, kept=len(kept))
