"""A consumer starts where its database says, and not before the database has said it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from aiokafka import TopicPartition
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.local.broker import Broker
from shared.context import Context
from shared.ids import new_id
from shared.messaging import runtime
from shared.messaging.consumer import Processor
from shared.messaging.runtime import DatabasePositions
from shared.messaging.tables import consumed_position
from tests.messaging import example
from tests.messaging.conftest import eventually, scalar

ONE = TopicPartition("profiles.organisations", 0)


class Consumer:
    """Notes what is asked of it, in order."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def pause(self, *partitions: TopicPartition) -> None:
        self.asked.append(("pause", *partitions))

    def resume(self, *partitions: TopicPartition) -> None:
        self.asked.append(("resume", *partitions))

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.asked.append(("seek", partition, offset))


class Blinking(Processor):
    """A processor whose database is away for the first looks."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.offsets = {}

    async def load_offsets(self, _epoch: str) -> dict[tuple[str, int], int]:
        if self.failures:
            self.failures -= 1
            raise OperationalError("SELECT", {}, ConnectionResetError())
        self.offsets = {(ONE.topic, ONE.partition): 7}
        return self.offsets


async def test_partitions_are_held_until_the_database_has_told_their_positions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runtime, "PLACE_AGAIN_SECONDS", 0.0)
    consumer, positions = Consumer(), DatabasePositions(Blinking(failures=3), "epoch")
    positions.consumer = lambda: consumer

    await positions.on_partitions_assigned({ONE})
    assert consumer.asked == [("pause", ONE)]
    assert (positions.joined, positions.placed) == (True, False)

    await asyncio.wait_for(_until(lambda: positions.placed), 10)
    assert consumer.asked == [("pause", ONE), ("seek", ONE, 7), ("resume", ONE)]


async def test_positions_that_come_after_the_partitions_are_gone_move_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "PLACE_AGAIN_SECONDS", 0.0)
    consumer, positions = Consumer(), DatabasePositions(Blinking(failures=1), "epoch")
    positions.consumer = lambda: consumer
    await positions.on_partitions_assigned({ONE})
    placing = positions._task
    assert placing is not None
    await positions.on_partitions_revoked({ONE})
    await asyncio.wait([placing])
    assert consumer.asked == [("pause", ONE)]


async def test_a_consumer_that_stops_places_nothing_though_its_group_still_gives_it_partitions() -> None:
    """Stopping finishes a join that is under way; a task begun then would be ended by nobody."""
    consumer, positions = Consumer(), DatabasePositions(Blinking(failures=0), "lost")
    positions.consumer = lambda: consumer
    positions.stop()
    await positions.on_partitions_assigned({ONE})
    assert positions._task is None
    assert consumer.asked == []


async def test_positions_on_the_lost_broker_that_are_read_meanwhile_move_nothing(
    example_context: Callable[..., Awaitable[Context]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the first records of a broker that came back empty are skipped, and nobody ever gets them."""
    context = await example_context(example.receiver, "127.0.0.1:1", "embedded")
    processor, consumer = Processor("matching", context.database, example.handlers), Consumer()
    async with context.database.transaction() as session:
        place = {"topic": ONE.topic, "partition": ONE.partition}
        await session.execute(sa.insert(consumed_position).values(**place, broker_epoch="lost", offset=6, sequence=7))
    original = context.database.session

    @asynccontextmanager
    async def read_by_another_while_it_is_closed() -> AsyncIterator[AsyncSession]:
        async with original() as session:
            yield session
        monkeypatch.setattr(context.database, "session", original)
        await processor.load_offsets("lost")

    monkeypatch.setattr(context.database, "session", read_by_another_while_it_is_closed)
    positions = DatabasePositions(processor, "new")
    positions.consumer = lambda: consumer
    await positions.on_partitions_assigned({ONE})
    await asyncio.wait_for(_until(lambda: positions.placed), 10)
    assert consumer.asked == [("pause", ONE), ("seek", ONE, 0), ("resume", ONE)]


async def test_a_replica_that_gets_no_partition_is_ready(
    example_context: Callable[..., Awaitable[Context]],
) -> None:
    context = await example_context(example.receiver, "127.0.0.1:1", "embedded")
    messaging = example.receiver.runtime(context)
    messaging.broker_epoch = messaging._consumer_epoch = "epoch"
    messaging._positions = DatabasePositions(messaging.processor, "epoch")
    assert messaging.faults() == ["the consumer has not joined its group yet"]

    await messaging._positions.on_partitions_assigned(set())
    assert messaging.faults() == []


@pytest.mark.parametrize("blink", [False, True])
async def test_a_restored_consumer_reads_again_what_it_lost_even_if_its_database_blinks(
    running: Callable[..., Awaitable[tuple[Any, Any]]],
    example_context: Callable[..., Awaitable[Context]],
    broker: Broker,
    blink: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, _ = await running(example.sender)
    target = await example_context(example.receiver, broker.bootstrap, broker.profile)
    organisations = [new_id() for _ in range(5)]
    messaging = example.receiver.runtime(target)
    async with example.receiver.running(target, messaging, "all"):
        for each in organisations:
            await example.announce(source.database, each)
        await eventually(lambda: scalar(target, "SELECT count(*) FROM known"), 5)

    async with target.database.transaction() as session:
        for table in ("known", "effect", "business_key", "consumed_position"):
            await session.execute(sa.text(f"DELETE FROM {table}"))
    messaging = example.receiver.runtime(target)
    original, blinks = messaging.processor.load_offsets, [1] if blink else []

    async def load(epoch: str) -> dict[tuple[str, int], int]:
        if blinks:
            blinks.pop()
            raise OperationalError("SELECT", {}, ConnectionResetError())
        return await original(epoch)

    monkeypatch.setattr(messaging.processor, "load_offsets", load)
    async with example.receiver.running(target, messaging, "all"):
        await eventually(lambda: scalar(target, "SELECT count(*) FROM known"), 5)
        await eventually(lambda: _value(messaging.faults()), [])


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


async def _value(value: Any) -> Any:
    return value
