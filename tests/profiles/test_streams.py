"""What the running service says on Kafka: every change, in order of each organisation, and nobody's address."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer

from deploy.local.broker import Broker
from services.profiles.__main__ import service
from shared.context import Context
from tests.profiles.conftest import Api
from tests.profiles.test_imports import a_contact, a_row, jsonl

TOPICS = ("profiles.organisations", "profiles.people")


async def heard(broker: Broker, keys: set[str], count: int) -> list[tuple[str, str, dict[str, Any], bytes]]:
    """Read the topics from their beginning until ``count`` records of these keys came: topic, key, body, raw bytes."""
    consumer = AIOKafkaConsumer(*TOPICS, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found: list[tuple[str, str, dict[str, Any], bytes]] = []
    try:
        async with asyncio.timeout(60):
            while len(found) < count:
                record = await consumer.getone()
                key = (record.key or b"").decode()
                raw = (record.value or b"") + repr(record.headers).encode()
                if key in keys:
                    found.append((record.topic, key, json.loads(record.value or b"{}"), raw))
    finally:
        await consumer.stop()
    return found


async def test_every_change_is_heard_in_order_and_no_address_is(
    broker: Broker, profiles: Context, operator: Api, events: Callable[[], Any]
) -> None:
    messaging = service.runtime(profiles)
    async with service.running(profiles, messaging, "all"):
        rows = [a_row(f"{n}", contacts=[a_contact(f"p{n}@x.example.org", name=f"Eva {n}")]) for n in range(30)]
        await operator.load(jsonl(*rows))
        await operator.load(jsonl(*(each | {"city": "Graz"} for each in rows)))
        journal = await events()
        records = await heard(broker, {each["key"] for each in journal}, len(journal))
    assert len(records) == len(journal) == 30 * 3
    versions: dict[str, list[int]] = {}
    for topic, key, body, raw in records:
        versions.setdefault(f"{topic} {key}", []).append(body["version"]["n"])
        assert b"example.org" not in raw
        assert b"Eva" not in raw
    assert all(each == sorted(each) for each in versions.values())
    assert sorted(len(each) for each in versions.values()) == [1] * 30 + [2] * 30
