"""Events on the way in: what a handler gets, how handlers are registered, how an effect happens once."""

from collections.abc import Awaitable, Callable, Collection
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa
from aiokafka import ConsumerRecord
from pydantic import ValidationError
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts import EventType, Snapshot, Version, event_type
from shared.messaging.tables import business_key

BodyT = TypeVar("BodyT", bound=Snapshot)
Handler = Callable[[AsyncSession, Any], Awaitable[None]]
HandlerT = TypeVar("HandlerT", bound=Handler)


class Unprocessable(Exception):  # noqa: N818 - it is a verdict on the event, named so in the playbook
    """The event or job can never work: it becomes a dead letter at once."""


@dataclass(frozen=True)
class Event(Generic[BodyT]):
    """One decoded event. ``sequence`` is its place in the producer's journal."""

    id: UUID
    type: EventType[BodyT]
    source: str
    time: datetime
    body: BodyT
    sequence: int
    traceparent: str | None = None

    @property
    def version(self) -> Version:
        return self.body.version


class Handlers:
    """Registry of a service's event handlers by CloudEvents type; at most one handler per type."""

    def __init__(self, service: str) -> None:
        self.service = service
        self._by_type: dict[str, tuple[EventType[Any], Handler]] = {}
        self.erase_again: Callable[[AsyncSession, str, UUID], Awaitable[None]] | None = None
        """What a service that erases for good does after a restore: (session, topic, key) of what came back with it."""

    def on(self, *event_types: EventType[Any]) -> Callable[[HandlerT], HandlerT]:
        """Register a handler ``(session, event)``; it runs inside a transaction that commits after it."""

        def register(handler: HandlerT) -> HandlerT:
            for each in event_types:
                if each.name in self._by_type:
                    raise ValueError(f"{self.service} already handles {each.name}")
                self._by_type[each.name] = (each, handler)
            return handler

        return register

    def find(self, type_name: str) -> Handler | None:
        """Return the handler of that type, ``None`` if this service does not care for it."""
        found = self._by_type.get(type_name)
        return found[1] if found else None

    @property
    def event_types(self) -> tuple[EventType[Any], ...]:
        return tuple(each for each, _ in self._by_type.values())

    @property
    def topics(self) -> list[str]:
        """Topics the service's one consumer reads."""
        return sorted({each.topic for each in self.event_types})


@dataclass(frozen=True)
class Record:
    """A Kafka record as received or as parked: bytes and headers, nothing decoded yet."""

    origin: str
    topic: str
    partition: int
    offset: int
    key: str | None
    headers: dict[str, str]
    body: bytes | None

    @classmethod
    def received(cls, record: ConsumerRecord, broker_epoch: str) -> "Record":
        """Take a record from the consumer; bytes that are no UTF-8 are kept visible, never raise."""
        key = record.key.decode("utf-8", "backslashreplace").replace("\0", "\\x00") if record.key is not None else None
        headers = {
            name.replace("\0", "\\x00"): (value or b"").decode("utf-8", "backslashreplace").replace("\0", "\\x00")
            for name, value in record.headers
        }
        origin = f"{broker_epoch}/{record.topic}/{record.partition}/{record.offset}"
        return cls(origin, record.topic, record.partition, record.offset, key, headers, record.value)

    @property
    def type_name(self) -> str:
        return self.headers.get("ce_type", "")

    @property
    def sequence(self) -> int:
        """Place in the producer's journal, 0 when a foreign producer did not say."""
        value = self.headers.get("ce_sequence", "")
        return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else 0

    def decode(self) -> Event[Any]:
        """Return the event; raise :class:`Unprocessable` when it breaks the envelope or its contract."""
        kind = event_type(self.type_name)
        if kind is None:
            raise Unprocessable(f"unknown type {self.type_name!r}")
        if kind.topic != self.topic:
            raise Unprocessable(f"{kind.name} does not belong on {self.topic}")
        try:
            body = kind.body.model_validate_json(self.body or b"")
            event = Event(
                id=UUID(self.headers["ce_id"]),
                type=kind,
                source=self.headers["ce_source"],
                time=datetime.fromisoformat(self.headers["ce_time"]),
                body=body,
                sequence=self.sequence,
                traceparent=self.headers.get("traceparent"),
            )
        except KeyError as error:
            raise Unprocessable(f"header {error} is missing") from error
        except ValidationError as error:
            # Only where and what kind of fault: the offending values stay out of logs.
            faults = ", ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors()[:5])
            raise Unprocessable(f"body breaks its contract ({faults})") from error
        except ValueError as error:
            raise Unprocessable("malformed envelope") from error
        if str(body.aggregate_id) != self.key:
            raise Unprocessable("key is not the aggregate's id")
        return event


announced_again: ContextVar[bool] = ContextVar("announced_again", default=False)
"""Whether the event being handled repeats, after a restore, what was announced before."""


def is_announced_again() -> bool:
    """Whether the event being handled only repeats, after a restore, what was announced before.

    For handlers that store now what is claimed later: they must leave such an event alone, as :func:`claim` would.
    """
    return announced_again.get()


async def claim(session: AsyncSession, key: str) -> bool:
    """Claim a reaction's permanent business key in the transaction of its effect; ``False``: it was done before.

    Always ``False`` for an event that is announced again after a restore: that is for projections only.
    """
    return key in await claim_all(session, [key])


async def claim_all(session: AsyncSession, keys: Collection[str]) -> set[str]:
    """Claim many business keys at once, as :func:`claim` does; returns those that nobody had claimed before."""
    if announced_again.get() or not keys:
        return set()
    # Sorted: two who claim some of the same keys wait for each other in one order.
    row = sa.select(sa.func.unnest(sa.cast(sorted(set(keys)), sa.ARRAY(sa.Text))))
    statement = insert(business_key).from_select(["key"], row).on_conflict_do_nothing()
    return set((await session.scalars(statement.returning(business_key.c.key))).all())
