"""Backup and restore of the services' databases with PostgreSQL's own programs."""

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.local.postgres import Postgres
from deploy.local.process import StartError, listens, run_apart
from deploy.local.state import Installation
from shared.contracts.topics import SERVICES, VISITS, VOUCHERS
from shared.database import Database
from shared.messaging import current_epoch, last_announced, mark_for_replay, mark_restored, note_forgotten
from shared.settings import ServiceSettings

Report = Callable[[str], None]
T = TypeVar("T")

ORDER = tuple(reversed(SERVICES))
"""In which databases are dumped: who reads events before who writes them.

Matching and mobility read each other. Mobility comes first: it must know of no connection that matching doesn't. A
visit that matching alone knows of is but a note to learn from, and is not noted twice when it is completed again.
"""
NOTED_FOR_LEARNING = frozenset({("matching", VISITS), ("matching", VOUCHERS)})
"""What a reader may know of though its writer's dump does not."""


def backup(installation: Installation, directory: Path, report: Report) -> None:
    """Dump every service's database into ``directory``; everything may go on running meanwhile.

    Readers of events come before who writes them, so that no dump knows of anything that its writer's dump does not.
    Started for the purpose if nothing runs. The files hold personal data: they are their owner's only from the first
    byte, and so is the folder if it is made here. One that was there may be shared: its mode stays, and is reported.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (mode := directory.stat().st_mode & 0o777) & 0o077:
        report(f"{directory} is open to others (mode {mode:04o}); the dumps in it are their owner's only")
    postgres, started = _open(installation)
    try:
        sizes: dict[str, int] = {}
        for service in ORDER:
            file = directory / f"{service}.dump"
            scratch = file.with_suffix(".part")
            scratch.unlink(missing_ok=True)
            scratch.touch(mode=0o600, exist_ok=False)
            postgres.run("pg_dump", "--format=custom", "--file", str(scratch), service)
            scratch.replace(file)
            sizes[service] = file.stat().st_size
            report(f"{file.name}: {sizes[service] / 1000:.0f} kB")
        manifest = {"made_at": datetime.now(UTC).isoformat(), "bytes": sizes}
        (directory / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    finally:
        if started:
            postgres.stop()


def restore(installation: Installation, directory: Path, services: Sequence[str] | None, report: Report) -> None:
    """Replace databases by their dumps, raise their epochs, and mark all journals to be sent again.

    Raises :class:`StartError` when something runs on this installation or a dump is missing; nothing is changed then.
    """
    chosen = list(services or SERVICES)
    if unknown := set(chosen) - set(SERVICES):
        raise StartError(f"no such service: {', '.join(sorted(unknown))}")
    if missing := [each for each in chosen if not (directory / f"{each}.dump").is_file()]:
        raise StartError(f"{directory} holds no dump of: {', '.join(missing)}")
    installation.hold()
    try:
        postgres, started = _open(installation)
        try:
            for service in chosen:
                epoch = restore_database(postgres, service, directory / f"{service}.dump", report=report)
                report(f"{service} is restored; its epoch is now {epoch}")
            present = postgres.databases()
            for service in [each for each in SERVICES if each in present]:
                # The others too: the restored ones have forgotten what they had learnt from them since.
                count = run_apart(partial(_in_transaction, postgres.url(service, service), mark_for_replay))
                report(f"{service}: {count} events will be sent again at the next start")
        finally:
            if started:
                postgres.stop()
    finally:
        installation.release()


def restore_database(
    postgres: Postgres, service: str, dump: Path, database: str | None = None, report: Report = lambda words: None
) -> int:
    """Replace one database by its dump and raise the service's epoch; return the new epoch.

    The dump is read into a new database first: if that fails, the present one is untouched. The new one is told what
    the present one had announced and the dump does not know, for the broker may not be able to tell any more.
    """
    name = database or service
    fresh = f"{name}_restoring"
    postgres.drop_database(fresh)
    url = postgres.create_database(fresh, service)
    # The extensions are there already; the dump's comments on them belong to the superuser.
    options = ("--no-owner", "--no-comments", f"--role={service}", "--exit-on-error", "--single-transaction")
    postgres.run("pg_restore", *options, "--dbname", fresh, str(dump))
    above, present = 0, list[dict[str, Any]]()
    if name in postgres.databases():
        try:
            above = run_apart(partial(_in_transaction, postgres.url(name, service), current_epoch))
            present = run_apart(partial(_in_transaction, postgres.url(name, service), last_announced))
        except (SQLAlchemyError, OSError) as error:
            report(
                f"{service}: the database that is replaced can't be read ({type(error).__name__}); what it announced"
            )
            report("after the backup is ended only as far as the broker still knows it")
    if erased := sum(each["erased"] for each in present):
        report(f"{service}: {erased} that were erased will not come back: they are erased again at the next start")
    epoch = run_apart(partial(_in_transaction, url, lambda session: mark_restored(session, above)))
    run_apart(partial(_in_transaction, url, lambda session: note_forgotten(session, present)))
    postgres.drop_database(name)
    postgres.sql(f"ALTER DATABASE {fresh} RENAME TO {name}")
    return epoch


async def _in_transaction(url: str, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    database = Database(ServiceSettings(database_url=SecretStr(url)))
    try:
        async with database.transaction() as session:
            return await work(session)
    finally:
        await database.close()


def _open(installation: Installation) -> tuple[Postgres, bool]:
    """Return the installation's PostgreSQL and whether it was started by this call."""
    folder = installation.folder / "postgres"
    if not (folder / "data" / "PG_VERSION").exists():
        raise StartError(f"no database in {installation.folder}: nothing has run there yet, or it uses one elsewhere")
    port = int(installation.read().get("ports", {}).get("postgres", 0))
    postgres = Postgres(folder, port, log=installation.logs / "postgres.log")
    if port and listens(port) and _is_ours(postgres):
        return postgres, False
    postgres.start()
    return postgres, True


def _is_ours(postgres: Postgres) -> bool:
    """Whether the server on the remembered port runs on this installation's data."""
    try:
        return Path(postgres.sql("SHOW data_directory")) == postgres.data
    except StartError:
        return False
