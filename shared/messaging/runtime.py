"""Runs a service's messaging: watches the broker epoch, keeps one consumer on it, relays, retries parked events."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
import structlog
from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage

from shared.context import Context
from shared.messaging.broker import EpochLookup, make_broker
from shared.messaging.consumer import Processor
from shared.messaging.events import Handlers
from shared.messaging.parked import retry_parked
from shared.messaging.relay import Relay
from shared.messaging.tables import dead_letter, job, journal, parked_event, unsent
from shared.observability import DEAD_LETTERS, JOBS_WAITING, JOURNAL_AGE, JOURNAL_UNPUBLISHED, PARKED, fault_of
from shared.settings import ServiceSettings

log = structlog.get_logger()

WATCH_SECONDS = 1.0
STUCK_SECONDS = 15.0
BATCH_RECORDS = 100
IDLE_POLL_MS = 20
"""How long one look at the fetched records waits for the first of them. After a look at nothing FastStream sleeps as
long again, blind to what arrives: half of this is added to some hops.
"""
EMBEDDED_FETCH_WAIT_MS = 40
"""The embedded broker answers a fetch only when its wait is over, Apache Kafka as soon as there is a byte. Half of it
is added to every hop; with 10 ms five idle consumers kept a fifth of a core busy in the broker and half a core in all.
"""
FETCH_WAIT_MS = 500
HEARTBEAT_MS = 500
PLACE_AGAIN_SECONDS = 0.5


class MessagingRuntime:
    """The background side of a service. ``consume`` and ``relay`` are switched off for HTTP-only replicas."""

    def __init__(self, context: Context, handlers: Handlers) -> None:
        self.context = context
        self.handlers = handlers
        self.broker_epoch: str | None = None
        self.processor = Processor(context.name, context.database, handlers)
        self.relay = Relay(
            context.name, context.database, lambda: self.broker_epoch, context.settings, handlers.erase_again
        )
        self._lookup = EpochLookup(context.settings)
        self._broker: KafkaBroker | None = None
        self._subscriber: Any = None
        self._positions: DatabasePositions | None = None
        self._consumer_epoch: str | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start watching, relaying and retrying; returns at once, readiness tells when all is well."""
        loops = (self._watch_forever(), self.relay.run(), self._tend_forever())
        self._tasks = [asyncio.create_task(each) for each in loops]

    async def stop(self) -> None:
        """Stop the consumer, finish what the relay has in flight, close; each step bounded."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stop_consumer()
        await self.relay.stop()
        await self._lookup.close()

    # --- the broker epoch and the consumer that belongs to it

    async def _watch_forever(self) -> None:
        while True:
            try:
                self.broker_epoch = await self._lookup.current()
                if self.handlers.topics and self.broker_epoch and self.broker_epoch != self._consumer_epoch:
                    await self._restart_consumer(self.broker_epoch)
            except Exception as error:  # noqa: BLE001 - watching must go on
                log.warning("consumer will be started again", fault=fault_of(error))
                await self._stop_consumer()
            await asyncio.sleep(WATCH_SECONDS if self._consumer_epoch or not self.handlers.topics else 0.2)

    async def _restart_consumer(self, epoch: str) -> None:
        await self._stop_consumer()
        broker = make_broker(self.context.settings)
        positions = DatabasePositions(self.processor, epoch)
        subscriber = subscribe(
            broker, self.handlers, self.processor, self.group(epoch), positions, self.context.settings
        )
        self._broker, self._subscriber, self._positions = broker, subscriber, positions
        await broker.start()
        self._consumer_epoch = epoch
        self.processor.last_progress = time.monotonic()
        log.info("consuming", group=self.group(epoch), topics=self.handlers.topics)

    def group(self, epoch: str) -> str:
        """The consumer group, named after the broker epoch: no position of a lost broker can be carried over."""
        return f"intercluster.{self.context.name}.{epoch}"

    async def _stop_consumer(self) -> None:
        broker, self._broker, self._subscriber, self._consumer_epoch = self._broker, None, None, None
        positions, self._positions = self._positions, None
        if positions is not None:
            positions.stop()
        if broker is not None:
            try:
                await asyncio.wait_for(broker.stop(), 10)
            except Exception as error:  # noqa: BLE001 - aiokafka may hang or raise while stopping (#659, #773)
                log.warning("consumer did not stop cleanly", fault=type(error).__name__)

    # --- parked events and gauges

    async def _tend_forever(self) -> None:
        while True:
            try:
                while await retry_parked(self.processor):
                    pass
                await self._measure()
            except Exception as error:  # noqa: BLE001 - tending must go on
                log.warning("tending will go on", fault=fault_of(error))
            await asyncio.sleep(1.0)

    async def _measure(self) -> None:
        age_of_oldest = sa.func.extract("epoch", sa.func.now() - sa.func.min(journal.c.time))
        unpublished = sa.select(sa.func.count(), age_of_oldest).join_from(
            unsent, journal, journal.c.seq == unsent.c.seq
        )
        async with self.context.database.session() as session:
            count, age = (await session.execute(unpublished)).one()
            JOURNAL_UNPUBLISHED.set(count)
            JOURNAL_AGE.set(float(age or 0.0))
            for gauge, table in ((PARKED, parked_event), (DEAD_LETTERS, dead_letter), (JOBS_WAITING, job)):
                gauge.set(await session.scalar(sa.select(sa.func.count()).select_from(table)) or 0)

    # --- readiness

    def faults(self) -> list[str]:
        """Why messaging is not ready: empty when the consumer is on the present epoch and gets on with its work."""
        if self.broker_epoch is None:
            return ["the broker is away or has no topics yet"]
        if not self.handlers.topics:
            return []
        if self._consumer_epoch != self.broker_epoch:
            return ["the consumer has not started on this broker yet"]
        # A member without partitions is well: there may be more replicas than partitions, or others still hold them.
        if self._positions is None or not self._positions.joined:
            return ["the consumer has not joined its group yet"]
        if not self._positions.placed:
            return ["the positions could not be read from the database yet"]
        if self.backlog() and time.monotonic() - self.processor.last_progress > STUCK_SECONDS:
            return ["there are events but the committed position does not advance"]
        return []

    def backlog(self) -> int:
        """Records on the assigned partitions that are not processed yet, as far as the broker told."""
        consumer = getattr(self._subscriber, "consumer", None)
        if consumer is None:
            return 0
        waiting = 0
        for partition in consumer.assignment():
            head = consumer.highwater(partition) or 0
            waiting += max(0, head - self.processor.offsets.get((partition.topic, partition.partition), 0))
        return waiting


class DatabasePositions(ConsumerRebalanceListener):  # type: ignore[misc]
    """Starts every assigned partition where the database says, which is where the effects are committed.

    A database restored from an older backup so reads again what it has lost, whatever the group had committed. Nothing
    is fetched before: aiokafka swallows what a listener raises, and would go on from the group's own position.
    """

    def __init__(self, processor: Processor, epoch: str) -> None:
        self._processor = processor
        self._task: asyncio.Task[None] | None = None
        self._stopped = False
        self.epoch = epoch
        self.consumer: Callable[[], Any] = lambda: None
        self.joined = False
        """Whether the group has given this member its partitions, be it none."""
        self.placed = False
        """Whether all of them stand where the database says."""

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Hold the partitions, and let them go from where the database says; does not keep the group waiting."""
        self._give_up()
        if self._stopped:
            return
        self.joined, self.placed = True, not assigned
        if assigned:
            self.consumer().pause(*assigned)
            self._task = asyncio.create_task(self._place(assigned))

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Leave alone what is not ours any more."""
        self._give_up()

    def stop(self) -> None:
        """Place nothing any more: a consumer that stops first finishes a join that is under way."""
        self._stopped = True
        self._give_up()

    def _give_up(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _place(self, assigned: set[TopicPartition]) -> None:
        while not self.placed:
            try:
                offsets = await self._processor.load_offsets(self.epoch)
                consumer = self.consumer()
                for partition in assigned:
                    consumer.seek(partition, offsets.get((partition.topic, partition.partition), 0))
                consumer.resume(*assigned)
                self.placed = True
            except Exception as error:  # noqa: BLE001 - without the positions nothing may be consumed
                log.warning("positions will be read again", fault=fault_of(error))
                await asyncio.sleep(PLACE_AGAIN_SECONDS)


def subscribe(
    broker: KafkaBroker,
    handlers: Handlers,
    processor: Processor,
    group: str,
    positions: DatabasePositions,
    settings: ServiceSettings,
) -> Any:
    """Register the service's one consumer with every policy explicit; the only place that does."""
    subscriber: Any = broker.subscriber(
        *handlers.topics,
        group_id=group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
        batch=True,
        batch_timeout_ms=IDLE_POLL_MS,
        max_records=BATCH_RECORDS,
        session_timeout_ms=round(settings.kafka_session_seconds * 1000),
        heartbeat_interval_ms=HEARTBEAT_MS,
        fetch_max_wait_ms=EMBEDDED_FETCH_WAIT_MS if settings.kafka_profile == "embedded" else FETCH_WAIT_MS,
        listener=positions,
        fetch_min_bytes=1,
    )

    positions.consumer = lambda: subscriber.consumer

    async def parse(records: tuple[ConsumerRecord, ...]) -> KafkaAckableMessage:
        # FastStream's own parser raises on header bytes that are no UTF-8, which would loop for ever.
        return KafkaAckableMessage(body=b"", headers={}, raw_message=records, consumer=subscriber.consumer)

    async def decode(message: KafkaAckableMessage) -> Any:
        return message.raw_message

    @subscriber(parser=parse, decoder=decode)  # type: ignore[untyped-decorator]
    async def consume(records: tuple[ConsumerRecord, ...]) -> None:
        await processor.process_batch(records, positions.epoch)

    return subscriber
