"""A two-service example on real PostgreSQL and a real broker: one announces organisations, the other keeps them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from aiokafka import AIOKafkaProducer
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.broker import Broker
from deploy.local.keys import Keys
from deploy.local.postgres import Postgres
from deploy.local.process import run_apart
from deploy.topics import ensure_topics
from shared.context import Context
from shared.ids import new_id
from shared.service import Service
from shared.settings import ServiceSettings
from tests.conftest import emptied, new_broker
from tests.messaging import example


@pytest.fixture
def broker(broker_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Broker]:
    """A broker without a past, because tests kill it and databases begin at its first record."""
    if broker_kind == "kafka":
        yield emptied(request.getfixturevalue("apache_kafka"))
        return
    started = new_broker(broker_kind, tmp_path)
    started.start()
    run_apart(lambda: ensure_topics({"bootstrap_servers": started.bootstrap}))
    yield started
    started.stop()


@pytest.fixture
async def example_context(postgres: Postgres, keys: Keys) -> AsyncIterator[Callable[..., Awaitable[Context]]]:
    """Return a function that makes the context of one example service with a database of its own."""
    async with AsyncExitStack() as opened:

        async def make(service: Service, bootstrap: str, profile: str, **overrides: Any) -> Context:
            name = f"example_{new_id().hex[-12:]}"
            url = postgres.create_database(name, "example")
            engine = create_async_engine(url)
            async with engine.begin() as connection:
                await connection.run_sync(example.create_tables)
            await engine.dispose()
            context = service.context(
                ServiceSettings(
                    database_url=url,
                    database_pool_size=4,
                    kafka_bootstrap_servers=bootstrap,
                    kafka_profile=profile,
                    signing_key_file=keys.private(service.name),
                    trusted_keys_file=keys.trusted,
                    **overrides,
                )
            )
            opened.push_async_callback(context.database.close)
            opened.push_async_callback(context.http.close)
            return context

        yield make


@pytest.fixture
async def running(
    example_context: Callable[..., Awaitable[Context]], broker: Broker
) -> AsyncIterator[Callable[..., Awaitable[tuple[Context, Any]]]]:
    """Return a function that starts an example service in this process on the shared broker."""
    async with AsyncExitStack() as opened:

        async def start(service: Service, role: str = "all") -> tuple[Context, Any]:
            context = await example_context(service, broker.bootstrap, broker.profile)
            messaging = service.runtime(context)
            await opened.enter_async_context(service.running(context, messaging, role))
            return context, messaging

        yield start


async def scalar(context: Context, query: Any) -> Any:
    """Read one value from a service's database."""
    async with context.database.session() as session:
        return await session.scalar(query if not isinstance(query, str) else sa.text(query))


async def eventually(read: Callable[[], Awaitable[Any]], expected: Any, seconds: float = 40.0) -> None:
    """Wait until ``read()`` gives the expected value; fail with the last value otherwise."""
    deadline = asyncio.get_running_loop().time() + seconds
    while (found := await read()) != expected:
        assert asyncio.get_running_loop().time() < deadline, f"waited {seconds} s for {expected!r}, still {found!r}"
        await asyncio.sleep(0.05)


def headers(organisation_id: UUID, n: int, **changed: bytes | None) -> list[tuple[str, bytes]]:
    """Return the CloudEvents headers of an example event; ``ce_type=None`` leaves one out."""
    values: dict[str, bytes | None] = {
        "ce_specversion": b"1.0",
        "ce_id": str(new_id()).encode(),
        "ce_type": b"org.intercluster.organisation.changed.v1",
        "ce_source": b"/profiles",
        "ce_subject": str(organisation_id).encode(),
        "ce_time": b"2026-11-01T00:00:00+00:00",
        "ce_aggregateversion": f"1.{n}".encode(),
        **changed,
    }
    return [(name, value) for name, value in values.items() if value is not None]


async def raw_record(
    producer: AIOKafkaProducer, topic: str, key: str | None, header: list[tuple[str, bytes]], body: bytes | None
) -> None:
    """Send a record as any foreign producer could."""
    await producer.send_and_wait(topic, body, key=key.encode() if key else None, headers=header)
