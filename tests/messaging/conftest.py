"""A two-service example on real PostgreSQL and a real broker: one service announces organisations, another one keeps them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.broker import Broker
from deploy.local.keys import Keys
from deploy.local.postgres import Postgres
from shared.context import Context
from shared.ids import new_id
from shared.service import Service
from shared.settings import ServiceSettings
from tests.messaging import example


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
