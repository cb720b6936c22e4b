"""How far consumers are behind producers, computed from what each service says of its own heads and positions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.console.schemas import Head, Position, Streams
from shared.contracts import event_type


@dataclass(frozen=True)
class Lag:
    """One consumer on one topic. ``rows``: records between the producer's head and the last one handled."""

    topic: str
    producer: str
    consumer: str
    rows: int
    partitions_behind: int
    processed_at: datetime | None


def lags(streams: Sequence[Streams]) -> list[Lag]:
    """Return every consumer's lag on every topic it reads, the largest first.

    A partition on which the consumer has no position yet on this broker counts from its beginning.
    """
    heads = {(head.topic, head.partition): (each.service, head) for each in streams for head in each.heads}
    found = []
    for each in streams:
        positions = {(p.topic, p.partition): p for p in each.positions}
        for topic in topics_read(each):
            ours = {key: value for key, value in heads.items() if key[0] == topic}
            behind = [_behind(head, positions.get(key)) for key, (_, head) in ours.items()]
            producer = next((service for service, _ in ours.values()), topic.split(".")[0])
            moments = [p.processed_at for key, p in positions.items() if key[0] == topic and p.processed_at]
            rows, late = max(behind, default=0), sum(1 for rows in behind if rows)
            found.append(Lag(topic, producer, each.service, rows, late, max(moments, default=None)))
    return sorted(found, key=lambda lag: (-lag.rows, lag.topic, lag.consumer))


def topics_read(streams: Streams) -> list[str]:
    """Return the topics whose event types a service consumes."""
    kinds = (event_type(name) for name in streams.types_consumed)
    return sorted({kind.topic for kind in kinds if kind})


def behind_most(found: Iterable[Lag], consumer: str) -> int:
    """Return the largest lag of one consumer."""
    return max((lag.rows for lag in found if lag.consumer == consumer), default=0)


def _behind(head: Head, position: Position | None) -> int:
    on_same_broker = position is not None and position.broker_epoch == head.broker_epoch
    return max(head.offset - (position.offset if position and on_same_broker else -1), 0)
