"""After a restore the streams are read to their end, however slowly the broker gives them."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from deploy.local.broker import Broker
from shared.context import Context
from shared.contracts.topics import ORGANISATIONS, PEOPLE
from shared.ids import new_id
from shared.messaging import mark_restored, restore
from shared.messaging.restore import is_restored, reconcile
from tests.messaging import example
from tests.messaging.conftest import eventually, headers, raw_record, scalar
from tests.messaging.test_delivery import producing


class SlowConsumer:
    """Gives its records one by one, with fetches between that bring nothing."""

    def __init__(self, keys: list[str], silences: int = 1, missing: tuple[str, ...] = ()) -> None:
        self.keys = keys
        self.silences = silences
        self.missing = missing
        self.at = 0
        self.silent = 0
        self.stopped = False

    async def start(self) -> None:
        if self.silences < 0:
            raise KafkaConnectionError("away")

    async def stop(self) -> None:
        self.stopped = True

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return None if topic in self.missing else {0}

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {each: len(self.keys) if each.topic == ORGANISATIONS else 0 for each in partitions}

    async def position(self, partition: TopicPartition) -> int:
        return self.at if partition.topic == ORGANISATIONS else 0

    async def getmany(self, timeout_ms: int) -> dict[Any, Any]:
        assert timeout_ms
        if self.silent < self.silences or self.at == len(self.keys):
            self.silent += 1
            return {}
        self.silent = 0
        self.at += 1
        record = SimpleNamespace(topic=ORGANISATIONS, key=self.keys[self.at - 1].encode(), value=b"{}", headers=())
        return {TopicPartition(ORGANISATIONS, 0): [record]}


async def _read(consumer: SlowConsumer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(restore, "AIOKafkaConsumer", lambda *_names, **_options: consumer)
    settings = example.ServiceSettings()
    found = await restore._read_streams([ORGANISATIONS, PEOPLE], settings)
    return [key for _, key in found]


async def test_silence_before_the_end_is_not_taken_for_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = SlowConsumer(["a", "b", "c"], silences=2)
    assert await _read(consumer, monkeypatch) == ["a", "b", "c"]
    assert consumer.stopped


async def test_a_broker_that_keeps_back_what_it_promised_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "PATIENCE_SECONDS", 0.05)
    consumer = SlowConsumer(["a"], silences=10**9)
    with pytest.raises(KafkaError, match="less than"):
        await _read(consumer, monkeypatch)
    assert consumer.stopped


async def test_a_topic_the_broker_does_not_show_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KafkaError, match=PEOPLE):
        await _read(SlowConsumer([], missing=(PEOPLE,)), monkeypatch)


async def test_a_consumer_that_could_not_start_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = SlowConsumer([], silences=-1)
    with pytest.raises(KafkaConnectionError):
        await _read(consumer, monkeypatch)
    assert consumer.stopped


async def test_what_only_the_streams_know_is_ended_after_a_restore(
    running: Callable[..., Awaitable[tuple[Any, Any]]], broker: Broker
) -> None:
    source, _ = await running(example.sender)
    kept, lost = new_id(), new_id()
    await example.announce(source.database, kept)
    await eventually(lambda: scalar(source, "SELECT count(*) FROM journal_unsent"), 0)
    async with producing(broker) as producer:
        body = example.snapshot(lost, 1).model_dump_json().encode()
        await raw_record(producer, ORGANISATIONS, str(lost), headers(lost, 1), body)

    async with source.database.transaction() as session:
        await mark_restored(session)
        assert await reconcile(session, "profiles", source.settings) == (1, 1)
        assert not await is_restored(session)
    query = "SELECT string_agg(key || ' ' || type, ',') FROM journal WHERE type LIKE '%erased%'"
    assert await scalar(source, query) == f"{lost} org.intercluster.organisation.erased.v1"


async def test_a_reconciliation_that_fails_is_still_owed(
    example_context: Callable[..., Awaitable[Context]], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await example_context(example.sender, "127.0.0.1:1", "kafka")
    async with source.database.transaction() as session:
        await mark_restored(session)
    monkeypatch.setattr(restore, "AIOKafkaConsumer", lambda *_names, **_options: SlowConsumer([], silences=-1))
    relay = example.sender.runtime(source).relay
    with pytest.raises(KafkaConnectionError):
        await relay._begin_epoch("epoch")
    async with source.database.session() as session:
        assert await is_restored(session)
