"""What every service tells operators of itself."""

from datetime import datetime
from uuid import UUID

from services.console.schemas.base import Reading


class Journal(Reading):
    """The state of a service's journal."""

    rows: int = 0
    unpublished: int = 0
    failing: int = 0
    oldest_unpublished_seconds: float = 0.0


class JobCounts(Reading):
    """The durable queue."""

    waiting: int = 0
    dead: int = 0


class ServiceStatus(Reading):
    """How a service is, as its ``/operations/status`` tells."""

    service: str
    ready: bool
    faults: tuple[str, ...] = ()
    epoch: int | None = None
    broker_epoch: str | None = None
    journal: Journal = Journal()
    parked: int = 0
    dead_letters: int = 0
    jobs: JobCounts = JobCounts()
    events_handled: int = 0
    memory_bytes: int = 0


class Head(Reading):
    """How far a producer's journal is on one partition."""

    topic: str
    partition: int
    broker_epoch: str | None = None
    offset: int
    sequence: int
    time: datetime | None = None


class Position(Reading):
    """How far a consumer is on one partition."""

    topic: str
    partition: int
    offset: int
    sequence: int
    broker_epoch: str | None = None
    processed_at: datetime | None = None


class Streams(Reading):
    """What one service writes and how far it has read."""

    service: str
    types_consumed: tuple[str, ...] = ()
    heads: tuple[Head, ...] = ()
    positions: tuple[Position, ...] = ()


class Letter(Reading):
    """A parked event or a dead letter, without its body."""

    id: UUID | int
    type: str | None = None
    topic: str
    partition: int
    offset: int
    key: str | None = None
    error: str | None = None
    failed_at: datetime | None = None
    attempts: int | None = None
    next_attempt_at: datetime | None = None
