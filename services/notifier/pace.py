"""How often to look for work: often while there is some, seldom otherwise, at once when a handler rings."""

import asyncio
import time

BUSY_SECONDS = 2.0
"""After a ring or found work the table is looked at in quick succession for so long: the ringing handler has not
committed yet, and suggestions have to settle."""
IDLE_SECONDS = 0.5


class Pace:
    """A hint within one process. Only speed depends on it: without a ring the table is looked at too."""

    def __init__(self) -> None:
        self._busy_until = 0.0
        self._rung: asyncio.Event | None = None

    def ring(self) -> None:
        """Say that there is, or soon will be, work."""
        self._busy_until = time.monotonic() + BUSY_SECONDS
        if self._rung:
            self._rung.set()

    async def wait(self) -> None:
        """Return at once while there is work, else when rung or after a while."""
        if time.monotonic() < self._busy_until:
            return
        self._rung = asyncio.Event()
        try:
            await asyncio.wait_for(self._rung.wait(), IDLE_SECONDS)
        except TimeoutError:
            return
        finally:
            self._rung = None


composing = Pace()
"""The pace of the one composer of this process."""
