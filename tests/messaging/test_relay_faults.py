"""What the broker can't take now stops its topic and nothing else, and no key is ever out of order for it."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from aiokafka.errors import KafkaTimeoutError, OutOfOrderSequenceNumber, UnknownTopicOrPartitionError

from deploy.local.broker import Broker
from shared.context import Context
from shared.contracts.topics import ORGANISATIONS, PEOPLE
from shared.ids import new_id
from shared.messaging import relay as relays
from shared.messaging import sending
from shared.messaging.broker import make_producer
from shared.messaging.relay import BrokerAway, Relay
from shared.messaging.sending import send_in_order
from shared.messaging.tables import journal
from shared.settings import ServiceSettings
from tests.messaging import example
from tests.messaging.conftest import scalar
from tests.messaging.test_relay import row as row_of_one_topic


class Producer:
    """A producer whose broker lacks some topics, and never answers for others."""

    def __init__(self, missing: tuple[str, ...] = (), silent: tuple[str, ...] = ()) -> None:
        self.missing = missing
        self.silent = silent
        self.fails: Exception | None = None
        self.looked_for: list[str] = []
        self.taken: list[tuple[str, str, str]] = []
        self.stopped = False

    async def partitions_for(self, topic: str) -> set[int]:
        if topic in self.missing:
            self.looked_for.append(topic)
            await asyncio.get_running_loop().create_future()
        return {0}

    async def send(self, topic: str, _body: bytes, *, key: bytes, headers: list[tuple[str, bytes]]) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if topic not in self.silent:
            self.taken.append((topic, key.decode(), dict(headers)["ce_aggregateversion"].decode()))
            if self.fails:
                future.set_exception(self.fails)
            else:
                future.set_result(SimpleNamespace(partition=0, offset=len(self.taken)))
        return future

    async def stop(self) -> None:
        self.stopped = True


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TOPIC_SECONDS", 0.02)
    monkeypatch.setattr(sending, "ANSWER_SECONDS", 0.02)


async def test_a_missing_topic_is_looked_for_once_and_the_others_are_sent() -> None:
    rows = [row_of_one_topic(n, key)._replace(topic=topic) for n, (topic, key) in enumerate([
        ("missing", "a"), ("there", "b"), ("missing", "c"), ("missing", "a"), ("there", "b"),
    ])]  # fmt: skip
    producer = Producer(missing=("missing",))
    outcomes = await send_in_order(producer, rows, "profiles")  # type: ignore[arg-type]

    assert producer.looked_for == ["missing"]
    assert [(topic, version) for topic, _, version in producer.taken] == [("there", "1.1"), ("there", "1.4")]
    failed = [(each.row.key, type(each.error)) for each in outcomes if each.error]
    assert failed == [("a", UnknownTopicOrPartitionError), ("c", UnknownTopicOrPartitionError)]


async def test_an_answer_that_does_not_come_is_not_waited_for_without_end() -> None:
    rows = [row_of_one_topic(n, "a")._replace(topic="silent") for n in range(2)]
    rows.append(row_of_one_topic(2, "b")._replace(topic="there"))
    outcomes = await send_in_order(Producer(silent=("silent",)), rows, "profiles")  # type: ignore[arg-type]

    assert [(each.row.seq, type(each.error)) for each in outcomes] == [(0, KafkaTimeoutError), (2, type(None))]
    assert 1 not in {each.row.seq for each in outcomes}, "the later version of the key waits"


@pytest.fixture
async def source(example_context: Callable[..., Awaitable[Context]]) -> Context:
    """A service with a journal; its broker is what the test says."""
    return await example_context(example.sender, "127.0.0.1:1", "kafka")


def _relay(source: Context, producer: Producer, batch: int = 1000) -> Relay:
    settings = source.settings.model_copy(update={"relay_batch": batch})
    made = Relay("profiles", source.database, lambda: "epoch", settings)
    made._producer = producer  # type: ignore[assignment]
    return made


async def _journaled(source: Context, topic: str, key: UUID, versions: int) -> None:
    async with source.database.transaction() as session:
        for _ in range(versions):
            await example.announce_in(session, key)
        await session.execute(sa.update(journal).where(journal.c.key == str(key)).values(topic=topic))
        moved = sa.text("UPDATE journal_unsent SET topic = :topic WHERE key = :key")
        await session.execute(moved, {"topic": topic, "key": str(key)})


UNSENT = "SELECT count(*) FROM journal_unsent WHERE topic = '{}'"


@pytest.mark.parametrize("how", ["missing", "silent"])
async def test_a_topic_the_broker_cannot_take_rests_while_the_others_go_on(source: Context, how: str) -> None:
    """Also when its rows alone would fill every batch."""
    for _ in range(3):
        await _journaled(source, PEOPLE, new_id(), 1)
    await _journaled(source, ORGANISATIONS, new_id(), 2)
    producer = Producer(**{how: (PEOPLE,)})
    relay = _relay(source, producer, batch=3)

    with pytest.raises(BrokerAway):
        await relay.relay_once()
    relay._producer = producer  # type: ignore[assignment]
    assert await relay.relay_once() == 2

    assert [topic for topic, _, _ in producer.taken] == [ORGANISATIONS, ORGANISATIONS]
    assert await scalar(source, UNSENT.format(ORGANISATIONS)) == 0
    held_against = "SELECT count(*) FROM journal_unsent WHERE attempts > 0 OR retry_at IS NOT NULL"
    assert await scalar(source, UNSENT.format(PEOPLE)) == 3
    assert await scalar(source, held_against) == 0, "nothing is held against the rows"


async def test_rows_of_a_late_partition_are_sent_by_a_new_producer_in_order(
    source: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, well = new_id(), new_id()
    await _journaled(source, PEOPLE, late, 2)
    await _journaled(source, ORGANISATIONS, well, 1)
    first, second = Producer(silent=(PEOPLE,)), Producer()
    relay = _relay(source, first)

    await relay.relay_once()
    assert first.taken == [(ORGANISATIONS, str(well), "1.1")]
    assert first.stopped, "what it still holds must not come behind the later rows"
    assert relay._producer is None

    relay._resting.clear()
    relay._producer = second  # type: ignore[assignment]
    await relay.relay_once()
    assert second.taken == [(PEOPLE, str(late), "1.1"), (PEOPLE, str(late), "1.2")]
    assert await scalar(source, "SELECT count(*) FROM journal_unsent") == 0


async def test_a_producer_that_has_lost_its_sequence_is_thrown_away(source: Context) -> None:
    await _journaled(source, ORGANISATIONS, new_id(), 1)
    broken = Producer()
    broken.fails = OutOfOrderSequenceNumber()
    relay = _relay(source, broken)

    await relay.relay_once()

    assert broken.stopped
    assert relay._producer is None


async def test_a_producer_that_cannot_flush_is_ended_and_sends_nothing_later(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relays, "FLUSH_SECONDS", 0.2)
    settings = ServiceSettings(kafka_bootstrap_servers=broker.bootstrap, kafka_profile=broker.profile)
    producer = make_producer(settings)
    await producer.start()
    await producer.partitions_for(ORGANISATIONS)
    broker.kill()
    owed = await producer.send(ORGANISATIONS, b"late", key=b"key")

    await asyncio.wait_for(relays._close(producer), 30)

    assert producer._sender.sender_task.done()
    assert not owed.done() or owed.cancelled() or owed.exception() is not None


async def test_rests_grow_while_a_topic_stays_away_and_end_when_it_takes_a_row(source: Context) -> None:
    await _journaled(source, PEOPLE, new_id(), 1)
    producer = Producer(missing=(PEOPLE,))
    relay = _relay(source, producer)
    rests = []
    for _ in range(9):
        with pytest.raises(BrokerAway):
            await relay.relay_once()
        _, pause = relay._resting[PEOPLE]
        relay._resting[PEOPLE] = (0.0, pause)
        rests.append(pause)
    assert rests[:3] == [1.0, 2.0, 4.0]
    assert rests[-1] == relays.LONGEST_REST

    producer.missing = ()
    await relay.relay_once()
    assert relay._resting == {}
