"""What was erased after the backup stays erased when the backup is restored."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from deploy.local.backup import restore_database
from deploy.local.postgres import Postgres
from services.profiles.consumers import handlers
from shared.context import Context
from shared.messaging import restore
from shared.messaging.tables import journal
from tests.profiles.conftest import Api, an_sme


@pytest.fixture
def restoring(
    profiles: Context, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Return a function that dumps the database, lets things happen, and replaces the database by the dump."""

    async def nothing(*_arguments: Any) -> dict[Any, Any]:
        return {}

    monkeypatch.setattr(restore, "_read_streams", nothing)
    address = profiles.settings.database_url
    assert isinstance(address, SecretStr)
    name = str(sa.make_url(address.get_secret_value()).database)
    dump = tmp_path / "profiles.dump"

    async def back(told: list[str]) -> None:
        await profiles.database.engine.dispose()
        await asyncio.to_thread(restore_database, postgres, "profiles", dump, name, told.append)

    async def of(happens: Any, *, times: int = 1, erase_again: Any = handlers.erase_again) -> list[str]:
        await asyncio.to_thread(postgres.run, "pg_dump", "--format=custom", "--file", str(dump), name)
        await happens()
        told: list[str] = []
        for _ in range(times):
            await back(told)
        async with profiles.database.transaction() as session:
            await restore.reconcile(session, "profiles", profiles.settings, erase_again)
        return told

    return of


async def _hub_member_and_person(operator: Api) -> tuple[str, str, str]:
    """A cluster with a member, which quotes what it needs, and its contact."""
    cluster = (await operator.post("/organisations", json=an_sme(kind="cluster", name="Hub"))).json()["id"]
    member = (await operator.post("/organisations", json=an_sme(name="Gone GmbH", clusters=[cluster]))).json()["id"]
    body = {"name": "Eva", "email": "eva@sme.example.org", "role": "hub_manager"}
    person = (await operator.post(f"/organisations/{cluster}/people", json=body)).json()["person_id"]
    return cluster, member, person


async def _newest(profiles: Context) -> dict[str, str]:
    """Return by key the type of what readers go by: the highest version."""
    order = (journal.c.epoch, journal.c.n)
    async with profiles.database.session() as session:
        return {row.key: row.type.split(".")[-2] for row in await session.execute(sa.select(journal).order_by(*order))}


@pytest.mark.parametrize("times", [1, 2])
async def test_a_restore_brings_back_nobody_who_was_erased(
    operator: Api, profiles: Context, restoring: Callable[..., Any], events: Callable[[], Any], times: int
) -> None:
    cluster, member, person = await _hub_member_and_person(operator)

    async def erase_both() -> None:
        for path in (f"/people/{person}", f"/organisations/{member}"):
            assert (await operator.delete(path)).status_code == 204

    told = await restoring(erase_both, times=times)

    assert [each for each in told if "2 that were erased" in each]
    for path in (f"/people/{person}", f"/organisations/{member}"):
        assert (await operator.get(path)).status_code == 404
    assert await _newest(profiles) == {cluster: "changed", member: "erased", person: "erased"}
    rows = await events()
    epoch = max(each["epoch"] for each in rows)
    assert {each["key"] for each in rows if each["epoch"] == epoch} == {cluster, member, person}
    assert "Gone GmbH" not in json.dumps([each["body"] for each in rows])


async def test_control_without_erasing_again_they_are_back(
    operator: Api, profiles: Context, restoring: Callable[..., Any]
) -> None:
    cluster, member, person = await _hub_member_and_person(operator)

    async def erase_both() -> None:
        for path in (f"/people/{person}", f"/organisations/{member}"):
            await operator.delete(path)

    await restoring(erase_both, erase_again=None)
    assert await _newest(profiles) == {cluster: "changed", member: "changed", person: "changed"}


async def test_what_an_older_backup_did_not_know_comes_back_with_a_newer_one(
    operator: Api, profiles: Context, restoring: Callable[..., Any]
) -> None:
    """The wrong backup was restored first: that ended what it did not know, and nobody had asked for an erasure."""
    _, member, _ = await _hub_member_and_person(operator)

    async def ended_by_a_restore() -> None:
        async with profiles.database.transaction() as session:
            # As if this journal had never known the organisation before its end.
            await session.execute(sa.text("ALTER TABLE journal DISABLE TRIGGER USER"))
            await session.execute(sa.delete(journal).where(journal.c.key == member))
            await session.execute(sa.text("ALTER TABLE journal ENABLE TRIGGER USER"))
            said = {"version": {"epoch": 1, "n": 1}, **an_sme(), "organisation_id": member, "source": "x"}
            said |= {"updated_at": "2026-01-01T00:00:00Z", "country": "AT", "name": "Gone GmbH", "kind": "sme"}
            kept = ("version", "organisation_id", "updated_at", "country", "name", "kind", "source")
            body = json.dumps({each: said[each] for each in kept})
            last = restore.Said("org.intercluster.organisation.changed.v1", body)
            assert await restore._end(session, "profiles.organisations", last, 1)

    told = await restoring(ended_by_a_restore)
    assert not [each for each in told if "erased" in each]
    assert (await operator.get(f"/organisations/{member}")).status_code == 200
    assert (await _newest(profiles))[member] == "changed"
