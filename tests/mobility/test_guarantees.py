"""What holds for the service as a whole: audit of every step, tables as the models say, visits seen by their funder."""

from datetime import timedelta

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.mobility.models import Base
from shared.messaging.tables import audit_entry
from tests.mobility.conftest import Town, last_monday


async def actions(town: Town, subject_id: str) -> list[str]:
    statement = sa.select(audit_entry.c.action).where(audit_entry.c.subject_id == subject_id).order_by(audit_entry.c.id)
    async with town.context.database.session() as session:
        return list(await session.scalars(statement))


async def test_every_change_of_a_visit_is_audited(town: Town) -> None:
    done = await town.completed_visit()
    assert await actions(town, done["visit_id"]) == ["visit.request", *["visit.decide"] * 4, "visit.report"]
    earlier = last_monday() - timedelta(days=21)
    other = await town.visit(kind="ambassador", starts_on=earlier, ends_on=earlier + timedelta(days=4))
    await town.done("host", f"/visits/{other['visit_id']}/cancel", {"reason": "Fire."})
    assert await actions(town, other["visit_id"]) == ["visit.request", "visit.cancel"]


async def test_every_change_of_a_programme_is_audited(town: Town) -> None:
    programme = await town.programme()
    path = f"/programmes/{programme['programme_id']}"
    headers = {"If-Match": f'"{programme["terms_version"]}"'}
    await town.call("clerk", "PUT", path, town.programme_body(name="New"), **headers)
    assert await actions(town, programme["programme_id"]) == ["programme.create", "programme.change"]


async def test_what_is_refused_is_neither_audited_nor_published(town: Town) -> None:
    visit = await town.visit()
    await town.post("host", f"/visits/{visit['visit_id']}/report", {"text": "x", "evidence": []})
    await town.post("stranger", f"/visits/{visit['visit_id']}/cancel", {"reason": "No."})
    assert await actions(town, visit["visit_id"]) == ["visit.request"]
    assert await town.events(visit["visit_id"]) == ["visit.requested"]


async def test_the_funder_sees_a_visit_as_soon_as_it_is_claimed(town: Town) -> None:
    programme, visit = await town.programme(), await town.visit()
    path = f"/visits/{visit['visit_id']}"
    assert (await town.get("clerk", path)).status_code == 404
    await town.travel_voucher(programme["programme_id"], visit["visit_id"])
    assert (await town.get("clerk", path)).status_code == 200
    assert (await town.get("auditor", path)).status_code == 200
    assert (await town.get("foreign_clerk", path)).status_code == 404


async def test_a_reader_knows_the_version_of_what_she_reads(town: Town) -> None:
    visit = await town.visit()
    answer = await town.get("host", f"/visits/{visit['visit_id']}")
    assert answer.headers["etag"] == '"1.1"'


async def test_migrations_make_the_tables_that_the_models_describe(town: Town) -> None:
    own = set(Base.metadata.tables)

    def differences(connection: sa.Connection) -> list[object]:
        def ours(item: object, name: str | None, kind: str, *_: object) -> bool:
            table = getattr(item, "table", item)
            return getattr(table, "name", name) in own

        context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    async with town.context.database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
