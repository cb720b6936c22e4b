"""Events of the notifier service: what became of each message, without any address."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shared.contracts.envelope import EventType, Snapshot
from shared.contracts.topics import DELIVERIES


class DeliveryState(StrEnum):
    """``ambiguous``: sent again because the sender died between the server's 250 and our commit; same Message-ID."""

    QUEUED = "queued"
    SENT = "sent"
    AMBIGUOUS = "ambiguous"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


class DeliverySnapshot(Snapshot):
    """One message to one person for one occasion; ``occasion`` is the unique delivery key."""

    delivery_id: UUID
    person_id: UUID
    organisation_id: UUID | None = None
    occasion: str
    template: str
    state: DeliveryState
    attempts: int
    changed_at: datetime

    @property
    def aggregate_id(self) -> UUID:
        return self.delivery_id

    @property
    def organisations(self) -> tuple[UUID, ...]:
        return (self.organisation_id,) if self.organisation_id else ()


DELIVERY_CHANGED = EventType("org.intercluster.delivery.changed.v1", DELIVERIES, DeliverySnapshot)

EVENT_TYPES = (DELIVERY_CHANGED,)
