"""The events that services exchange: one module per producer, all of them pydantic and nothing else.

A contract may only gain optional fields. A breaking change is a ``.v2`` type published beside ``.v1``.
No body ever carries personal data (no name of a person, no address): people appear by id only.
"""

from shared.contracts.envelope import EventType, Snapshot, Version
from shared.contracts.registry import EVENT_TYPES, event_type

__all__ = ["EVENT_TYPES", "EventType", "Snapshot", "Version", "event_type"]
