"""Single undertakings: firms that are linked, told by the group that each of them names."""

import hashlib
from collections.abc import Iterable
from uuid import UUID


def key(group: str | None) -> str | None:
    """Return the group's name as it is compared: small letters and single blanks; ``None`` for a firm on its own."""
    return " ".join((group or "").casefold().split()) or None


def locks(members: Iterable[UUID], country: str) -> list[int]:
    """Return the numbers to lock so that nobody else grants aid to any of these firms in that country meanwhile.

    One number for each firm, not for the group: groups change, and a firm that was locked on its own a moment ago may
    be a member now. In order, so that two who lock several never wait for each other.
    """
    return sorted({_number(f"state-aid:{country}:{each}") for each in members})


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)
