"""All event types by name, for dispatch, schemas and the documentation of streams."""

from typing import Any

from shared.contracts import matching, mobility, notifier, profiles
from shared.contracts.envelope import EventType

EVENT_TYPES: dict[str, EventType[Any]] = {
    each.name: each for module in (profiles, matching, mobility, notifier) for each in module.EVENT_TYPES
}


def event_type(name: str) -> EventType[Any] | None:
    """Return the type of that CloudEvents name, or ``None`` if this release does not know it."""
    return EVENT_TYPES.get(name)
