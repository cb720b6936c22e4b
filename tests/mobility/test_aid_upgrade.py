"""An installation that knew nothing of undertakings learns of them when it is upgraded."""

import asyncio
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.postgres import Postgres
from deploy.local.process import run_apart
from shared.ids import new_id
from shared.migrations import config

FIRM = f"""
    INSERT INTO organisation (version_epoch, version_n, organisation_id, kind, name, country, clusters, active)
    VALUES (1, 7, '{new_id()}', 'sme', 'Alpen Sensorik', 'AT', '{{}}', true)
"""
HEARD = """
    INSERT INTO consumed_position (topic, partition, broker_epoch, "offset", sequence)
    VALUES ('profiles.organisations', 0, 'e', 41, 41), ('profiles.people', 0, 'e', 41, 41)
"""


async def run(url: str, *statements: str) -> list[Any]:
    """Run statements; return the rows of the last."""
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        results = [await connection.execute(sa.text(each)) for each in statements]
        rows = list(results[-1]) if results[-1].returns_rows else []
    await engine.dispose()
    return rows


def test_after_the_upgrade_all_organisations_are_heard_once_more_and_nothing_else(postgres: Postgres) -> None:
    name = f"upgrade_{new_id().hex[-12:]}"
    url = postgres.create_database(name, "mobility")
    alembic = config("mobility", url)
    revisions = ScriptDirectory.from_config(alembic).walk_revisions()
    aid = next(each for each in revisions if each.path.endswith("_state_aid.py"))
    run_apart(lambda: asyncio.to_thread(command.upgrade, alembic, str(aid.down_revision)))
    run_apart(lambda: run(url, FIRM, HEARD))
    run_apart(lambda: asyncio.to_thread(command.upgrade, alembic, aid.revision))
    positions = run_apart(lambda: run(url, "SELECT topic FROM consumed_position"))
    assert [each.topic for each in positions] == ["profiles.people"]
    (firm,) = run_apart(lambda: run(url, "SELECT version_n, undertaking_group, sectors FROM organisation"))
    assert tuple(firm) == (0, None, [])
    postgres.drop_database(name)
