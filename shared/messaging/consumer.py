"""The service's one consumer: decode, dispatch by type, back off, park by key, dead-letter what can never work."""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
import structlog
from aiokafka import ConsumerRecord
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import now
from shared.contracts.topics import dead_letters
from shared.database import Database
from shared.ids import new_id
from shared.messaging.events import Handlers, Record, Unprocessable, announced_again
from shared.messaging.tables import consumed_position, dead_letter, journal, parked_event
from shared.observability import EVENTS_HANDLED, HANDLER_SECONDS, continue_trace, fault_of

log = structlog.get_logger()

IN_PLACE_PAUSES = (0.1, 0.3, 0.6, 1.0)
"""Seconds between attempts in place, 2 s together: longer would delay other keys and topics."""
DATABASE_PATIENCE_SECONDS = 60.0
"""How long a batch waits for the database before it is handed back to Kafka (well under max.poll.interval)."""
DATABASE_AWAY_STATES = ("08", "53", "57P")
"""SQLSTATE classes: connection failure, insufficient resources, operator intervention."""
DEAD_LETTER_TYPE = "org.intercluster.dead-letter.v1"


def database_is_away(error: BaseException) -> bool:
    """Whether the fault is the database's absence (pause) and not the event's (park)."""
    if isinstance(error, OSError | InterfaceError):
        return True
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", "") or "")
        return error.connection_invalidated or state.startswith(DATABASE_AWAY_STATES)
    return False


class Processor:
    """Takes records in order and leaves each one handled, skipped, parked or dead, in committed transactions."""

    def __init__(self, service: str, database: Database, handlers: Handlers) -> None:
        self.service = service
        self.database = database
        self.handlers = handlers
        self.handled = 0
        self.last_progress = time.monotonic()
        self.offsets: dict[tuple[str, int], int] = {}
        """Next offset to process by (topic, partition), as committed in the database."""

    async def load_offsets(self, broker_epoch: str) -> dict[tuple[str, int], int]:
        """Read and return how far this broker's partitions were processed before this process began.

        Whoever places a consumer goes by what is returned: a consumer that is being replaced may change ``offsets``.
        """
        query = sa.select(consumed_position).where(consumed_position.c.broker_epoch == broker_epoch)
        async with self.database.session() as session:
            rows = await session.execute(query)
            found = {(row.topic, row.partition): row.offset + 1 for row in rows}
        self.offsets = dict(found)
        return found

    async def process_batch(self, records: Sequence[ConsumerRecord], broker_epoch: str) -> None:
        """Process the records of one poll; raises only when the database stays away (they will be delivered again)."""
        batch = [Record.received(each, broker_epoch) for each in records]
        deadline = time.monotonic() + DATABASE_PATIENCE_SECONDS
        while True:
            try:
                await self._process(batch, broker_epoch)
                self.last_progress = time.monotonic()
                self.offsets.update({(each.topic, each.partition): each.offset + 1 for each in batch})
                return
            except Exception as error:
                if not database_is_away(error) or time.monotonic() > deadline:
                    raise
                log.warning("paused: the database is away", fault=type(error).__name__)
                await asyncio.sleep(1.0)

    async def _process(self, batch: list[Record], broker_epoch: str) -> None:
        if not await self._all_in_one_transaction(batch, broker_epoch):
            for record in batch:
                await self._one_by_one(record, broker_epoch)

    async def _all_in_one_transaction(self, batch: list[Record], broker_epoch: str) -> bool:
        """The fast path: the whole batch in one transaction. ``False`` (rolled back) if any record needs care."""
        try:
            async with self.database.transaction() as session:
                if await self._any_parked(session, batch):
                    return False
                for record in batch:
                    await self._dispatch(session, record)
                await self._note_positions(session, batch, broker_epoch)
        except Exception as error:
            if database_is_away(error):
                raise
            return False
        self.handled += len(batch)
        return True

    async def _one_by_one(self, record: Record, broker_epoch: str) -> None:
        for pause in (*IN_PLACE_PAUSES, None):
            try:
                async with self.database.transaction() as session:
                    if await self._any_parked(session, [record]):
                        await self.park(session, record, "behind an earlier event of its key")
                    else:
                        await self._dispatch(session, record)
                    await self._note_positions(session, [record], broker_epoch)
                self.handled += 1
                return
            except Unprocessable as error:
                await self._give_up(record, broker_epoch, str(error))
                return
            except Exception as error:
                if database_is_away(error):
                    raise
                fault = fault_of(error)
                if pause is None:
                    async with self.database.transaction() as session:
                        await self.park(session, record, fault)
                        await self._note_positions(session, [record], broker_epoch)
                    log.error("event parked", type=record.type_name, key=record.key, error=type(error).__name__)
                    return
                await asyncio.sleep(pause)

    async def _dispatch(self, session: AsyncSession, record: Record) -> None:
        replay_for = record.headers.get("ce_replayfor")
        if replay_for and replay_for != self.service:
            EVENTS_HANDLED.labels("replay", "for another service").inc()
            return
        await self.dispatch(session, record)

    async def dispatch(self, session: AsyncSession, record: Record) -> None:
        """Decode and hand to its handler; types this service does not know are counted and skipped."""
        if not record.type_name:
            raise Unprocessable("header ce_type is missing")
        handler = self.handlers.find(record.type_name)
        if handler is None:
            EVENTS_HANDLED.labels("other", "skipped").inc()
            return
        event = record.decode()
        continue_trace(event.traceparent)
        announced_again.set("ce_announcedagain" in record.headers)
        with HANDLER_SECONDS.labels(record.type_name).time():
            await handler(session, event)
        EVENTS_HANDLED.labels(record.type_name, "handled").inc()

    @staticmethod
    async def _any_parked(session: AsyncSession, batch: list[Record]) -> bool:
        keys = {(each.topic, each.key) for each in batch if each.key is not None}
        found = sa.exists().where(sa.tuple_(parked_event.c.topic, parked_event.c.key).in_(keys))
        return bool(keys) and bool(await session.scalar(sa.select(found)))

    async def park(self, session: AsyncSession, record: Record, error: str) -> None:
        """Put a record aside; later ones of its key follow it there. Parking the same record twice is harmless."""
        statement = insert(parked_event).values(**_columns(record), error=error)
        await session.execute(statement.on_conflict_do_nothing(index_elements=["origin"]))
        EVENTS_HANDLED.labels(record.type_name or "none", "parked").inc()

    async def _give_up(self, record: Record, broker_epoch: str, error: str) -> None:
        async with self.database.transaction() as session:
            await self.bury(session, record, error)
            await self._note_positions(session, [record], broker_epoch)

    async def bury(self, session: AsyncSession, record: Record, error: str) -> None:
        """Make a dead letter: a row to look at and redrive, and an event in the journal, in one transaction.

        Only the row keeps the body, so that an organisation's words are in one place when it is erased.
        """
        letter_id = new_id()
        inserting = insert(dead_letter).values(id=letter_id, **_columns(record), error=error)
        statement = inserting.on_conflict_do_nothing(index_elements=["origin"]).returning(dead_letter.c.id)
        if await session.scalar(statement) is None:
            return
        body = {
            "id": str(letter_id),
            "error": error,
            "origin": record.origin,
            "key": record.key,
            "headers": record.headers,
            "body_sha256": hashlib.sha256(record.body or b"").hexdigest(),
            "body_bytes": len(record.body or b""),
        }
        await session.execute(
            sa.insert(journal).values(
                event_id=letter_id,
                type=DEAD_LETTER_TYPE,
                topic=dead_letters(self.service),
                key=str(letter_id),
                epoch=1,
                n=1,
                body=body,
                organisations=[],
                time=now(),
            )
        )
        EVENTS_HANDLED.labels(record.type_name or "none", "dead").inc()
        log.error("dead letter", type=record.type_name, key=record.key, error=error)

    async def _note_positions(self, session: AsyncSession, batch: list[Record], broker_epoch: str) -> None:
        last: dict[tuple[str, int], Record] = {(each.topic, each.partition): each for each in batch}
        rows: list[dict[str, Any]] = [
            {
                "topic": each.topic,
                "partition": each.partition,
                "broker_epoch": broker_epoch,
                "offset": each.offset,
                "sequence": each.sequence,
                "processed_at": now(),
            }
            for each in sorted(last.values(), key=lambda each: (each.topic, each.partition))
        ]
        statement = insert(consumed_position).values(rows)
        changed = {name: statement.excluded[name] for name in ("broker_epoch", "offset", "sequence", "processed_at")}
        await session.execute(statement.on_conflict_do_update(index_elements=["topic", "partition"], set_=changed))


def _columns(record: Record) -> dict[str, Any]:
    return {
        "origin": record.origin,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key,
        "headers": record.headers,
        "body": record.body,
    }
