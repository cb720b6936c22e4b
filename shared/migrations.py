"""Alembic for every service: one environment, one command, also in process.

A service's ``migrations/env.py`` says ``run(Base.metadata)``; its revisions stand in ``migrations/versions``.
"""

import asyncio
from pathlib import Path

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

REPOSITORY = Path(__file__).resolve().parent.parent


def config(service: str, database_url: str) -> Config:
    """Return the Alembic configuration of one service."""
    made = Config()
    made.set_main_option("script_location", str(REPOSITORY / "services" / service / "migrations").replace("%", "%%"))
    made.attributes["database_url"] = database_url
    return made


def upgrade(service: str, database_url: str) -> None:
    """Bring the service's database to the newest revision. Must not be called inside a running event loop."""
    command.upgrade(config(service, database_url), "head")


def run(metadata: sa.MetaData) -> None:
    """Run the migrations of the service whose tables are in ``metadata`` (called by its ``env.py``)."""
    url = context.config.attributes["database_url"]

    def migrate(connection: sa.Connection) -> None:
        # Two replicas may start at once: the second waits here and finds nothing left to do.
        connection.execute(sa.text("SELECT pg_advisory_lock(hashtext('intercluster.migrations'))"))
        context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()

    async def connect() -> None:
        engine = create_async_engine(url, poolclass=NullPool)
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
        await engine.dispose()

    asyncio.run(connect())
