"""Leadership by PostgreSQL advisory lock: held by one session of one replica, lost with its connection."""

import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database import Database


class Leader:
    """Tries to be the one who does something. With ``listen``, calls ``on_notify`` at each NOTIFY on that channel."""

    def __init__(
        self,
        database: Database,
        role: str,
        listen: str | None = None,
        on_notify: Callable[[], None] | None = None,
    ) -> None:
        self._database = database
        self._role = role
        self._listen = listen
        self._on_notify = on_notify
        self._connection: AsyncConnection | None = None
        self._looked = 0.0

    @property
    def held(self) -> bool:
        return self._connection is not None

    async def hold(self, trust_seconds: float = 0.0) -> bool:
        """Become or stay leader; ``False`` while another replica is. Raises when the database is away.

        ``trust_seconds``: how long after a look it is taken for granted that the lock is still held.
        """
        if self._connection is not None:
            if time.monotonic() - self._looked < trust_seconds:
                return True
            try:
                await self._connection.execute(sa.text("SELECT 1"))
                await self._connection.commit()
                self._looked = time.monotonic()
                return True
            except (SQLAlchemyError, OSError):
                await self.release()
        connection = await self._database.engine.connect()
        try:
            query = sa.text("SELECT pg_try_advisory_lock(hashtext('intercluster'), hashtext(:role))")
            got = await connection.scalar(query, {"role": self._role})
            await connection.commit()
            if not got:
                await connection.close()
                return False
            if self._listen and self._on_notify:
                await self._start_listening(connection, self._listen, self._on_notify)
        except BaseException:
            await connection.invalidate()
            raise
        self._connection, self._looked = connection, time.monotonic()
        return True

    @staticmethod
    async def _start_listening(connection: AsyncConnection, channel: str, on_notify: Callable[[], None]) -> None:
        raw = await connection.get_raw_connection()

        def notified(*_arguments: Any) -> None:
            on_notify()

        driver: Any = raw.driver_connection
        await driver.add_listener(channel, notified)

    async def release(self) -> None:
        """Give the lock back by closing its connection for good (a pooled one would keep the lock)."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.invalidate()
                await connection.close()
            except (SQLAlchemyError, OSError):
                return
