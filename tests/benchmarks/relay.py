"""Journal rows per second through the relay, beside raw aiokafka sending the same bytes to the same broker."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.broker import Broker
from deploy.local.postgres import Postgres
from shared.contracts.profiles import ORGANISATION_CHANGED, Statement, StatementRole
from shared.database import Database
from shared.ids import new_id
from shared.messaging import publish_all
from shared.messaging.broker import EpochLookup, make_producer
from shared.messaging.relay import Relay
from shared.messaging.sending import Row, columns_of_row, headers_of
from shared.messaging.tables import journal, unsent
from shared.settings import ServiceSettings
from tests.benchmarks.figures import Figure, at_least
from tests.messaging import example

ROWS = 20_000
TEXT = "We build wave-driven desalination pumps that work off-grid and need membranes that stand salt and sand. " * 6


async def measure(postgres: Postgres, broker: Broker, progress: Callable[[str], None]) -> list[Figure]:
    """Fill a journal, relay it, then send the same bytes with the bare client."""
    name = f"bench_{new_id().hex[-12:]}"
    url = postgres.create_database(name, "bench")
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(example.create_tables)
    await engine.dispose()
    settings = ServiceSettings(database_url=url, kafka_bootstrap_servers=broker.bootstrap, kafka_profile=broker.profile)
    database = Database(settings)
    try:
        progress(f"relay: {ROWS} journal rows")
        await _fill(database)
        relayed = await _relay(database, settings)
        progress("relay: the same bytes by the bare client")
        raw, size = await _raw(database, settings)
    finally:
        await database.close()
        postgres.drop_database(name)
    return [
        Figure("relay", ROWS / relayed, "rows/s", note=f"{size / ROWS:.0f} bytes a row, {broker.profile} broker"),
        Figure("bare aiokafka", ROWS / raw, "rows/s", note="the same bytes, keys and headers, same settings"),
        at_least("relay beside bare aiokafka", 100 * raw / relayed, "%", 25),
    ]


async def _fill(database: Database) -> None:
    statement = Statement(id=new_id(), role=StatementRole.OFFER, text=TEXT, language="en")
    for _ in range(ROWS // 1000):
        async with database.transaction() as session:
            snapshots = (example.snapshot(new_id(), 1, statements=(statement,)) for _ in range(1000))
            await publish_all(session, ((ORGANISATION_CHANGED, each) for each in snapshots))


async def _relay(database: Database, settings: ServiceSettings) -> float:
    lookup = EpochLookup(settings)
    epoch = await lookup.current()
    await lookup.close()
    relay = Relay("profiles", database, lambda: epoch, settings)
    waiting = sa.select(sa.func.count()).select_from(unsent)
    started = time.perf_counter()
    running = asyncio.create_task(relay.run())
    async with database.session() as session:
        while await session.scalar(waiting):
            await session.rollback()
            await asyncio.sleep(0.05)
    seconds = time.perf_counter() - started
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await relay.stop()
    return seconds


async def _raw(database: Database, settings: ServiceSettings) -> tuple[float, int]:
    both = sa.outerjoin(journal, unsent, journal.c.seq == unsent.c.seq)
    async with database.session() as session:
        rows = [Row(*each) for each in await session.execute(sa.select(*columns_of_row()).select_from(both))]
    records = [(row.topic, (row.body or "").encode(), row.key.encode(), headers_of(row, "profiles")) for row in rows]
    producer = make_producer(settings)
    await producer.start()
    try:
        started = time.perf_counter()
        futures = [await producer.send(topic, body, key=key, headers=header) for topic, body, key, header in records]
        await asyncio.gather(*futures)
        return time.perf_counter() - started, sum(len(body) for _, body, _, _ in records)
    finally:
        await producer.stop()
