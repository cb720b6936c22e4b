"""One PostgreSQL database per service: engine, transactions, versions of aggregates, projections."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

from shared.contracts import Version
from shared.settings import ServiceSettings

CONNECT_SECONDS = 10.0
"""How long a new connection may take, from the name's look-up to the server's first word."""

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


def table_base() -> type[SQLModel]:
    """Return a base class for one service's tables, with metadata of its own (all services fit in one test process)."""

    class Base(SQLModel, registry=registry(metadata=sa.MetaData(naming_convention=NAMING))):
        pass

    return Base


def create_engine(settings: ServiceSettings, pool_size: int | None = None) -> AsyncEngine:
    """Open the pool; the server's certificate is verified when a root certificate is set."""
    arguments: dict[str, Any] = {"server_settings": {"jit": "off"}, "timeout": CONNECT_SECONDS}
    if settings.database_ssl_root_certificate:
        arguments["ssl"] = ssl.create_default_context(cafile=str(settings.database_ssl_root_certificate))
    return create_async_engine(
        settings.database_url.get_secret_value(),
        pool_size=pool_size or settings.database_pool_size,
        max_overflow=settings.database_pool_size,
        pool_pre_ping=True,
        hide_parameters=True,  # an error that reaches a log must not carry somebody's name or address
        connect_args=arguments,
    )


class Database:
    """The service's database. Transactions are opened at the edge: one per request, message or job."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.engine = create_engine(settings)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    def session(self) -> AsyncSession:
        """Return a session; nothing is committed unless the caller does."""
        return self._sessions()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Yield a session whose transaction commits at the end and rolls back on any error."""
        async with self._sessions() as session, session.begin():
            yield session

    async def ping(self) -> None:
        """Raise if the database does not answer."""
        async with self.engine.connect() as connection:
            await connection.execute(sa.text("SELECT 1"))

    async def close(self) -> None:
        """Close the pool."""
        await self.engine.dispose()


async def next_version(session: AsyncSession, current: Version | None) -> Version:
    """Return the version that follows ``current`` under the service's present epoch.

    Call it only after the aggregate's row is locked: versions then become visible in order.
    """
    epoch = await session.scalar(sa.text("SELECT epoch FROM service_epoch"))
    return Version(epoch=epoch or 1, n=(current.n if current else 0) + 1)


async def upsert_if_newer(
    session: AsyncSession, table: type[SQLModel], key: dict[str, Any], version: Version, values: dict[str, Any]
) -> bool:
    """Write a projection row unless the stored version is the same or newer.

    ``key`` holds the primary key, ``values`` the other columns; the table has ``version_epoch`` and ``version_n``.
    Returns ``False`` when the event was stale (redelivered, reordered or replayed), which is no error.
    """
    row = {**key, **values, "version_epoch": version.epoch, "version_n": version.n}
    expressions = {name: each for name, each in row.items() if isinstance(each, sa.ClauseElement)}
    statement = _upserting(table, tuple(key), tuple(row))
    if expressions:
        statement = statement.values(expressions)
    plain = {name: each for name, each in row.items() if name not in expressions}
    return bool(await session.scalar(statement, plain))


@cache
def _upserting(table: type[SQLModel], key: tuple[str, ...], columns: tuple[str, ...]) -> Any:
    """Return the statement, made once: to put it together takes longer than to run it."""
    target = sa.inspect(table).local_table
    inserting = insert(target)
    newer = sa.tuple_(target.c.version_epoch, target.c.version_n) < sa.tuple_(
        inserting.excluded.version_epoch, inserting.excluded.version_n
    )
    changed = {name: inserting.excluded[name] for name in columns if name not in key}
    return inserting.on_conflict_do_update(index_elements=list(key), set_=changed, where=newer).returning(
        sa.literal(True)
    )
