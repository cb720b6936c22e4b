"""Identifiers: UUIDv7 (RFC 9562), so that ids sort by creation time."""

from uuid import UUID

import uuid6


def new_id() -> UUID:
    """Return a new UUIDv7 as a plain :class:`uuid.UUID` (drivers know no subclass)."""
    return UUID(int=uuid6.uuid7().int)
