"""Backup and restore of a service's database."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import backup as backups
from deploy.local.backup import backup, restore, restore_database
from deploy.local.postgres import Postgres
from deploy.local.process import StartError
from deploy.local.stack import Stack
from deploy.local.state import AlreadyRunningError, Installation
from shared.contracts.topics import SERVICES


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
