"""A hint within one process that there is work, so that whoever does it needs not wait for its next look.

Only a hint: what is owed stands in the database, and the worker looks there anyway, just less often.
"""

import asyncio
from contextlib import suppress
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession


class Bell:
    """Rung by transactions, heard by the workers of this process."""

    def __init__(self, name: str) -> None:
        self._noted = f"bell.{name}"
        self._listening: WeakSet[asyncio.Event] = WeakSet()

    def listen(self) -> asyncio.Event:
        """Return an event that is set at each ring; the caller keeps it, and clears it before looking for work."""
        event = asyncio.Event()
        self._listening.add(event)
        return event

    def ring(self) -> None:
        """Say that there is work now."""
        for event in tuple(self._listening):
            event.set()

    def ring_after_commit(self, session: AsyncSession) -> None:
        """Ring once this transaction is committed: before that there would be nothing to see."""
        if not session.info.get(self._noted):
            session.info[self._noted] = True
            sa.event.listen(session.sync_session, "after_commit", lambda _session: self.ring())


async def heard(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, or so long."""
    with suppress(TimeoutError):
        # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the ring.
        async with asyncio.timeout(seconds):
            await event.wait()
