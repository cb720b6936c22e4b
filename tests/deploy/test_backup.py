"""Backup and restore of a service's database."""

import importlib
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.local import backup as backups
from deploy.local.backup import NOTED_FOR_LEARNING, ORDER, _in_transaction, backup, restore, restore_database
from deploy.local.broker import Broker
from deploy.local.postgres import Postgres
from deploy.local.process import StartError, run_apart
from deploy.local.stack import Stack
from deploy.local.state import AlreadyRunningError, Installation
from shared.clock import now
from shared.contracts import Version
from shared.contracts.profiles import (
    ORGANISATION_CHANGED,
    ORGANISATION_ERASED,
    OrganisationKind,
    OrganisationSnapshot,
)
from shared.contracts.topics import SERVICES, TOPICS
from shared.ids import new_id
from shared.messaging import publish
from shared.messaging.restore import reconcile
from shared.settings import ServiceSettings


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installation with five migrated databases; nothing runs on it."""
    installation = Installation(tmp_path_factory.mktemp("prepared"), ports={})
    installation.hold()
    installation.choose_ports()
    stack = Stack(installation, durable=False)
    stack.start_databases()
    stack.stop()
    return installation.folder


@pytest.fixture
def installation(prepared: Path, tmp_path: Path) -> Installation:
    shutil.copytree(prepared, tmp_path / "installation")
    made = Installation(tmp_path / "installation", ports={})
    made.choose_ports()
    made.save()
    return made


@pytest.fixture
def postgres(installation: Installation) -> Iterator[Postgres]:
    server = Postgres(installation.folder / "postgres", installation.ports["postgres"], durable=False)
    yield server
    server.stop()


def epoch(postgres: Postgres, service: str) -> str:
    return postgres.sql("SELECT epoch FROM service_epoch", database=service)


def test_a_restored_service_has_its_rows_and_a_higher_epoch(
    installation: Installation, postgres: Postgres, tmp_path: Path
) -> None:
    told: list[str] = []
    postgres.start()
    postgres.sql("CREATE TABLE kept AS SELECT 1 AS n; ALTER TABLE kept OWNER TO profiles", database="profiles")
    backup(installation, tmp_path / "dumps", told.append)
    assert {file.stem for file in (tmp_path / "dumps").glob("*.dump")} == set(SERVICES)
    postgres.sql("UPDATE kept SET n = 2; CREATE TABLE later AS SELECT 1", database="profiles")
    before = epoch(postgres, "profiles"), epoch(postgres, "mobility")
    postgres.stop()

    restore(installation, tmp_path / "dumps", ["profiles"], told.append)

    postgres.start()
    assert postgres.sql("SELECT n FROM kept", database="profiles") == "1"
    assert postgres.sql("SELECT to_regclass('later') IS NULL", database="profiles") == "t"
    assert int(epoch(postgres, "profiles")) == int(before[0]) + 1
    assert epoch(postgres, "mobility") == before[1], "what was not restored keeps its epoch"
    assert postgres.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'kept'", database="profiles") == "profiles"


def test_a_broken_dump_leaves_the_present_database_alone(
    installation: Installation, postgres: Postgres, tmp_path: Path
) -> None:
    postgres.start()
    broken = tmp_path / "profiles.dump"
    broken.write_bytes(b"PGDMP but not really")
    with pytest.raises(StartError, match="pg_restore"):
        restore_database(postgres, "profiles", broken)
    assert epoch(postgres, "profiles") == "1"


def test_dumps_are_readable_by_their_owner_only(installation: Installation, postgres: Postgres, tmp_path: Path) -> None:
    backup(installation, tmp_path / "dumps", lambda words: None)
    for file in (tmp_path / "dumps").glob("*.dump"):
        assert file.stat().st_mode & 0o077 == 0
    assert (tmp_path / "dumps").stat().st_mode & 0o077 == 0


def test_a_dump_is_its_owners_only_from_its_first_byte(
    installation: Installation, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "dumps"
    folder.mkdir(mode=0o755)
    original, seen = Postgres.run, list[int]()

    def run(self: Postgres, program: str, *arguments: str) -> str:
        if program == "pg_dump":
            seen.append(Path(arguments[2]).stat().st_mode & 0o077)
        return original(self, program, *arguments)

    monkeypatch.setattr(Postgres, "run", run)
    backup(installation, folder, lambda words: None)
    assert seen == [0] * len(SERVICES)


def test_a_folder_that_was_there_keeps_its_mode_and_is_reported(
    installation: Installation, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be shared, or somebody else's, as /srv/backups or /tmp."""
    folder, told = tmp_path / "shared", list[str]()
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setattr(Path, "chmod", None)  # who does not own it may not even try
    backup(installation, folder, told.append)
    assert folder.stat().st_mode & 0o7777 == 0o1777
    assert [each for each in told if "open to others (mode 0777)" in each]
    assert {file.stat().st_mode & 0o077 for file in folder.glob("*.dump")} == {0}


def test_readers_are_dumped_before_those_whose_events_they_read() -> None:
    producers = {topic.name: topic.producer for topic in TOPICS}
    for reader in SERVICES:
        handlers = importlib.import_module(f"services.{reader}.__main__").service.handlers
        for topic in handlers.topics if handlers else ():
            if (reader, topic) in NOTED_FOR_LEARNING:
                continue
            assert ORDER.index(reader) < ORDER.index(producers[topic]), f"{reader} reads {topic}"


def _organisation(name: str) -> OrganisationSnapshot:
    return OrganisationSnapshot(
        organisation_id=new_id(),
        version=Version(epoch=1, n=1),
        kind=OrganisationKind.SME,
        name=name,
        country="AT",
        updated_at=now(),
    )


@pytest.mark.parametrize("restored_twice", [False, True])
def test_what_was_made_after_the_backup_is_ended_though_the_broker_has_forgotten_it(
    installation: Installation, postgres: Postgres, tmp_path: Path, broker: Broker, restored_twice: bool
) -> None:
    """The embedded broker is empty after every start, so the replaced database's journal has to tell."""
    before, after = _organisation("in the backup"), _organisation("made after it")
    postgres.start()

    def announce(snapshot: OrganisationSnapshot) -> None:
        run_apart(partial(_in_transaction, postgres.url("profiles", "profiles"), partial(_publish, snapshot)))

    announce(before)
    backup(installation, tmp_path / "dumps", lambda words: None)
    announce(after)
    postgres.stop()
    for _ in range(2 if restored_twice else 1):
        restore(installation, tmp_path / "dumps", ["profiles"], lambda words: None)

    postgres.start()
    url = postgres.url("profiles", "profiles")
    settings = ServiceSettings(kafka_bootstrap_servers=broker.bootstrap, kafka_profile=broker.profile)
    counts = run_apart(partial(_in_transaction, url, lambda session: reconcile(session, "profiles", settings)))
    assert counts == (1, 1)
    epoch = 3 if restored_twice else 2  # never one under which the service has spoken before
    query = "SELECT key || ' ' || epoch || ' ' || type FROM journal WHERE epoch > 1 ORDER BY seq"
    assert postgres.sql(query, database="profiles").splitlines() == [
        f"{before.organisation_id} {epoch} {ORGANISATION_CHANGED.name}",
        f"{after.organisation_id} {epoch} {ORGANISATION_ERASED.name}",
    ]
    assert postgres.sql("SELECT to_regclass('restore_forgotten') IS NULL", database="profiles") == "t"


async def _publish(snapshot: OrganisationSnapshot, session: AsyncSession) -> None:
    await publish(session, ORGANISATION_CHANGED, snapshot)


def test_a_database_that_cannot_be_read_any_more_is_replaced_all_the_same(
    installation: Installation, postgres: Postgres, tmp_path: Path
) -> None:
    told: list[str] = []
    backup(installation, tmp_path / "dumps", told.append)
    postgres.start()
    postgres.sql("DROP TABLE journal CASCADE", database="profiles")
    postgres.stop()
    restore(installation, tmp_path / "dumps", ["profiles"], told.append)
    postgres.start()
    assert postgres.sql("SELECT count(*) FROM journal", database="profiles") == "0"
    assert any("can't be read" in each for each in told)


def test_nothing_is_restored_while_something_runs(
    installation: Installation, postgres: Postgres, tmp_path: Path
) -> None:
    for service in SERVICES:
        (tmp_path / f"{service}.dump").touch()
    installation.hold()
    try:
        with pytest.raises(AlreadyRunningError):
            restore(Installation(installation.folder), tmp_path, None, lambda words: None)
    finally:
        installation.release()


def test_a_missing_dump_is_named_before_anything_changes(
    installation: Installation, postgres: Postgres, tmp_path: Path
) -> None:
    with pytest.raises(StartError, match="no dump of: profiles"):
        restore(installation, tmp_path, ["profiles"], lambda words: None)


def test_a_backup_of_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="no database"):
        backups.backup(Installation(tmp_path / "empty"), tmp_path / "dumps", lambda words: None)
