"""Databases for tests, made and dropped by one lasting connection: a program started for each would take longer."""

import asyncio
import threading
from typing import Any

import asyncpg

from deploy.local.postgres import NAME, SUPERUSER, Postgres


class Databases:
    """Makes copies of template databases on a running server."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="databases", daemon=True)
        self._thread.start()
        address = postgres.url(SUPERUSER, driver="postgresql")
        self._connection: asyncpg.Connection[Any] = self._wait(asyncpg.connect(address))

    def copy(self, template: str, name: str, role: str) -> str:
        """Make a database of an existing role, as :meth:`Postgres.create_database` does; return its address."""
        if not all(map(NAME.fullmatch, (template, name, role))):
            raise ValueError(f"not a plain identifier: {template!r}, {name!r} or {role!r}")
        self._run(f"CREATE DATABASE {name} OWNER {role} TEMPLATE {template} STRATEGY file_copy")
        self._run(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        return self._postgres.url(name, role)

    def drop(self, name: str) -> None:
        """Drop a database and disconnect whoever uses it."""
        self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def close(self) -> None:
        """End the connection and its thread."""
        self._wait(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, statement: str) -> None:
        self._wait(self._connection.execute(statement))

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)
