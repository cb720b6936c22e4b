"""What one service announces, the other one knows, and does once, whatever order and number of deliveries."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.broker import Broker
from shared.contracts.topics import ORGANISATIONS
from shared.ids import new_id
from shared.messaging import mark_for_replay
from shared.messaging.broker import make_broker, make_producer
from shared.messaging.consumer import Processor
from shared.messaging.runtime import DatabasePositions, subscribe
from shared.settings import ServiceSettings
from tests.messaging import example
from tests.messaging.conftest import eventually, headers, raw_record, scalar

Running = Callable[..., Awaitable[tuple[Any, Any]]]


async def test_each_change_is_projected_and_acted_on_once(running: Running) -> None:
    source, _ = await running(example.sender)
    target, messaging = await running(example.receiver)
    organisation = new_id()
    for number in range(5):
        await example.announce(source.database, organisation, f"name {number}")
    await eventually(lambda: scalar(target, f"SELECT count(*) FROM effect WHERE organisation_id = '{organisation}'"), 5)
    assert await scalar(target, f"SELECT name FROM known WHERE organisation_id = '{organisation}'") == "name 4"
    assert messaging.faults() == []


async def test_a_replay_changes_nothing_and_repeats_no_effect(running: Running) -> None:
    source, _ = await running(example.sender)
    target, messaging = await running(example.receiver)
    organisation = new_id()
    for number in range(3):
        await example.announce(source.database, organisation, f"name {number}")
    await eventually(lambda: scalar(target, f"SELECT count(*) FROM effect WHERE organisation_id = '{organisation}'"), 3)
    seen = messaging.processor.handled
    async with source.database.transaction() as session:
        assert await mark_for_replay(session) == 3
    await eventually(lambda: _true(messaging.processor.handled >= seen + 3), True)
    assert await scalar(target, f"SELECT count(*) FROM effect WHERE organisation_id = '{organisation}'") == 3


async def test_control_without_business_key_a_replay_repeats_the_effect(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXAMPLE_WITHOUT_BUSINESS_KEY", "1")
    source, _ = await running(example.sender)
    target, _ = await running(example.receiver)
    organisation = new_id()
    await example.announce(source.database, organisation)
    count = f"SELECT count(*) FROM effect WHERE organisation_id = '{organisation}'"
    await eventually(lambda: scalar(target, f"SELECT ({count}) > 0"), True)
    # Not always 1: without the key a redelivery, which a busy machine may bring about, repeats it as well.
    before = await scalar(target, count)
    async with source.database.transaction() as session:
        await mark_for_replay(session)
    await eventually(lambda: scalar(target, f"SELECT ({count}) > {before}"), True)


async def test_an_older_version_that_arrives_late_is_acted_on_but_hides_nothing(
    running: Running, broker: Broker
) -> None:
    target, _ = await running(example.receiver)
    organisation = new_id()
    async with producing(broker) as producer:
        for n, name in ((2, "newer"), (1, "older")):
            body = example.snapshot(organisation, n, name).model_dump_json().encode()
            await raw_record(producer, ORGANISATIONS, str(organisation), headers(organisation, n), body)
    await eventually(lambda: scalar(target, f"SELECT count(*) FROM effect WHERE organisation_id = '{organisation}'"), 2)
    assert await scalar(target, f"SELECT name FROM known WHERE organisation_id = '{organisation}'") == "newer"


async def test_a_replay_for_another_service_is_skipped(running: Running, broker: Broker) -> None:
    target, messaging = await running(example.receiver)
    organisation = new_id()
    async with producing(broker) as producer:
        body = example.snapshot(organisation, 1).model_dump_json().encode()
        for_other = [*headers(organisation, 1), ("ce_replayfor", b"notifier")]
        await raw_record(producer, ORGANISATIONS, str(organisation), for_other, body)
        marker = new_id()
        body = example.snapshot(marker, 1).model_dump_json().encode()
        for_us = [*headers(marker, 1), ("ce_replayfor", b"matching")]
        await raw_record(producer, ORGANISATIONS, str(marker), for_us, body)
    await eventually(lambda: scalar(target, f"SELECT count(*) FROM known WHERE organisation_id = '{marker}'"), 1)
    await eventually(lambda: _true(messaging.backlog() == 0), True)
    assert await scalar(target, f"SELECT count(*) FROM known WHERE organisation_id = '{organisation}'") == 0


def test_every_subscriber_has_its_policies_explicit() -> None:
    settings = ServiceSettings()
    kafka = make_broker(settings)
    processor = Processor("matching", None, example.handlers)  # type: ignore[arg-type]
    subscribe(kafka, example.handlers, processor, "group", DatabasePositions(processor, "epoch"), settings)
    subscribers = list(kafka.subscribers)
    assert len(subscribers) == 1, "one consumer per service"
    for each in subscribers:
        arguments = each._connection_args
        assert each.group_id == "group"
        assert arguments["auto_offset_reset"] == "earliest"
        assert arguments["enable_auto_commit"] is False
        assert each.ack_policy.name == "NACK_ON_ERROR"


def test_on_apache_kafka_the_producer_is_idempotent() -> None:
    async def idempotent(profile: str) -> bool:
        producer = make_producer(ServiceSettings(kafka_profile=profile))
        found = producer._txn_manager is not None
        producer._closed = True
        return found

    assert asyncio.run(idempotent("kafka"))
    assert not asyncio.run(idempotent("embedded"))


class producing:  # noqa: N801 - reads as a phrase
    """A foreign producer on the test's broker."""

    def __init__(self, broker: Broker) -> None:
        self._bootstrap = broker.bootstrap

    async def __aenter__(self) -> AIOKafkaProducer:
        self._producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap)
        await self._producer.start()
        return self._producer

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()


async def _true(value: bool) -> bool:
    return value
