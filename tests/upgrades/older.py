"""A service's database as its first revision had it, with the rows that it could hold."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from deploy.local.postgres import Postgres
from shared.ids import new_id
from shared.migrations import config, upgrade

Rows = dict[str, list[dict[str, Any]]]
BROUGHT_ALONG = ("alembic_version", "service_epoch")
"""Tables of which every new database has its own rows."""


def revisions(service: str) -> list[str]:
    """Return a service's revisions, oldest first."""
    found = ScriptDirectory.from_config(config(service, "")).walk_revisions()
    return [each.revision for each in found][::-1]


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AsyncConnection]:
    """Open a transaction on a database."""
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.begin() as connection:
        yield connection
    await engine.dispose()


async def rows_of(url: str) -> Rows:
    """Return all rows of a database as JSON, by table."""
    async with connected(url) as connection:
        tables = await connection.scalars(sa.text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        return {
            table: list(await connection.scalars(sa.text(f'SELECT to_jsonb(t) FROM "{table}" t ORDER BY t::text')))
            for table in tables.all()
            if table not in BROUGHT_ALONG
        }


@dataclass
class Older:
    """A database of the first revision. ``url`` is for its service, ``admin`` for the superuser."""

    service: str
    url: str
    admin: str

    async def take(self, source: str, without: Collection[str] = ()) -> None:
        """Take over the rows of a database of today, but for some tables: the columns that there were then; guards and
        links sleep.
        """
        taken = {table: rows for table, rows in (await rows_of(source)).items() if table not in without}
        async with connected(source) as connection:
            counters = await connection.execute(sa.text("SELECT sequencename, last_value FROM pg_sequences"))
            reached = {name: value for name, value in counters if value is not None}
        async with connected(self.admin) as connection:
            await connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            for table in await connection.scalars(
                sa.text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            ):
                insert = sa.text(
                    f'INSERT INTO "{table}" OVERRIDING SYSTEM VALUE'
                    f' SELECT (jsonb_populate_record(NULL::"{table}", each)).* FROM jsonb_array_elements(:rows) each'
                ).bindparams(sa.bindparam("rows", type_=sa.dialects.postgresql.JSONB))
                await connection.execute(insert, {"rows": taken.get(table, [])})
            names = await connection.scalars(sa.text("SELECT sequencename FROM pg_sequences"))
            for name in set(names) & reached.keys():
                await connection.execute(
                    sa.text("SELECT setval(:name, :value)"), {"name": name, "value": reached[name]}
                )

    async def change(self, statement: str, **values: Any) -> None:
        """Run a statement."""
        async with connected(self.admin) as connection:
            await connection.execute(sa.text(statement), values)

    async def upgrade(self) -> None:
        """Bring it to the newest revision."""
        await asyncio.to_thread(upgrade, self.service, self.url)


async def older(postgres: Postgres, service: str) -> Older:
    """Make an empty database of a service's first revision."""
    name = f"older_{service}_{new_id().hex[-12:]}"
    url = postgres.create_database(name, service)
    await asyncio.to_thread(command.upgrade, config(service, url), revisions(service)[0])
    return Older(service, url, postgres.url(name))
