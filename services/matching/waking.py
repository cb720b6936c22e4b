"""A hint that something has changed, so that the leader needs not wait for its next look at the database.

Only a hint, and only within the process: what is owed stands in the database, and the leader looks there several times
a second anyway. Given after the commit, because before it there would be nothing to see.
"""

import asyncio
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

_waiting: WeakSet[asyncio.Event] = WeakSet()
_NOTED = "matching.wake"


def listen() -> asyncio.Event:
    """Return an event that is set whenever a transaction that called :func:`wake_after_commit` has committed."""
    event = asyncio.Event()
    _waiting.add(event)
    return event


def wake_after_commit(session: AsyncSession) -> None:
    """Wake the leader of this process once this transaction is committed."""
    if not session.info.get(_NOTED):
        session.info[_NOTED] = True
        sa.event.listen(session.sync_session, "after_commit", _wake)


def _wake(_session: object) -> None:
    for event in tuple(_waiting):
        event.set()
