"""The migrations make exactly the tables that the code expects."""

from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.profiles.models import metadata
from shared.context import Context

OURS = set(metadata.tables)


def differences(connection: sa.Connection) -> list[Any]:
    def ours(thing: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
        table = thing if kind == "table" else getattr(thing, "table", None)
        return table is None or table.name in OURS

    options = {"include_object": ours, "compare_type": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


async def test_tables_and_migrations_agree(profiles: Context) -> None:
    async with profiles.database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_control_a_forgotten_migration_is_seen(profiles: Context) -> None:
    async with profiles.database.engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE organisation DROP COLUMN website"))
        assert await connection.run_sync(differences) != []
