"""What fails is put aside in order, what can never work becomes a dead letter, and nothing stops for it."""

import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from deploy.local.broker import Broker
from shared.contracts.topics import ORGANISATIONS
from shared.ids import new_id
from shared.messaging.parked import redrive
from shared.messaging.tables import dead_letter, parked_event
from tests.messaging import example
from tests.messaging.conftest import eventually, headers, raw_record, scalar
from tests.messaging.test_delivery import producing

Running = Callable[..., Awaitable[tuple[Any, Any]]]


async def test_a_failing_event_parks_its_key_in_order_and_lets_others_pass(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXAMPLE_FAILS", "poison")
    source, _ = await running(example.sender)
    target, _ = await running(example.receiver)
    ill, well = new_id(), new_id()
    await example.announce(source.database, ill, "poison")
    await example.announce(source.database, ill, "later, behind the poison")
    await example.announce(source.database, well)
    await eventually(lambda: scalar(target, f"SELECT count(*) FROM known WHERE organisation_id = '{well}'"), 1)
    await eventually(lambda: scalar(target, f"SELECT count(*) FROM parked_event WHERE key = '{ill}'"), 2)
    assert await scalar(target, f"SELECT count(*) FROM known WHERE organisation_id = '{ill}'") == 0

    monkeypatch.setenv("EXAMPLE_FAILS", "")
    await eventually(lambda: scalar(target, f"SELECT count(*) FROM effect WHERE organisation_id = '{ill}'"), 2)
    assert await scalar(target, f"SELECT name FROM known WHERE organisation_id = '{ill}'") == "later, behind the poison"
    versions = f"SELECT string_agg(version, ',' ORDER BY id) FROM effect WHERE organisation_id = '{ill}'"
    assert await scalar(target, versions) == "1.1,1.2"
    assert await scalar(target, "SELECT count(*) FROM parked_event") == 0


BAD_RECORDS: dict[str, dict[str, Any]] = {
    "body is no JSON": {"body": b"\x00\xff not json"},
    "body is empty": {"body": b""},
    "body is null": {"body": None},
    "body breaks its contract": {"body": b'{"version": {"epoch": 1, "n": 1}}'},
    "body is a list": {"body": b"[]"},
    "body is deeply nested": {"body": b"[" * 100_000},
    "type is missing": {"ce_type": None},
    "id is missing": {"ce_id": None},
    "id is no UUID": {"ce_id": b"42"},
    "time is nonsense": {"ce_time": b"yesterday"},
    "header is no UTF-8": {"ce_id": b"\xff\xfe"},
    "header holds NUL": {"ce_source": b"a\x00b", "ce_id": b"\x00"},
    "key is another aggregate": {"key": "somebody else"},
    "key is missing": {"key": None},
    "sequence is nonsense": {"ce_sequence": b"99999999999999999999999999", "ce_id": b"x"},
    "type belongs on another topic": {"ce_type": b"org.intercluster.suggestion.proposed.v1"},
}
SKIPPED = {"type belongs on another topic"}
"""Types this service does not handle are counted and skipped, whatever else is wrong with them."""


async def test_what_can_never_work_becomes_a_dead_letter_and_good_events_pass(
    running: Running, broker: Broker, request: pytest.FixtureRequest
) -> None:
    target, messaging = await running(example.receiver)
    good = [new_id() for _ in BAD_RECORDS]
    compacted = broker.profile == "kafka"
    async with producing(broker) as producer:
        for organisation, (name, change) in zip(good, BAD_RECORDS.items(), strict=True):
            changes = dict(change)
            if compacted and "key" in changes and changes["key"] is None:
                changes["key"] = f"no-key-on-compacted-topics-{new_id()}"
            key = changes.pop("key", str(organisation))
            right = example.snapshot(organisation, 1).model_dump_json().encode()
            body = changes.pop("body", right)
            await raw_record(producer, ORGANISATIONS, key, headers(organisation, 1, **changes), body)
            await raw_record(
                producer, ORGANISATIONS, str(organisation), headers(organisation, 2), _second(organisation)
            )
            assert name
    in_list = ",".join(f"'{each}'" for each in good)
    await eventually(
        lambda: scalar(target, f"SELECT count(*) FROM known WHERE organisation_id IN ({in_list})"), len(good)
    )
    await eventually(lambda: scalar(target, "SELECT count(*) FROM dead_letter"), len(BAD_RECORDS) - len(SKIPPED))
    assert await scalar(target, "SELECT count(*) FROM parked_event") == 0
    letters = "SELECT count(*) FROM journal WHERE topic = 'matching.dead-letters'"
    assert await scalar(target, letters) == len(BAD_RECORDS) - len(SKIPPED)
    await eventually(lambda: scalar(target, "SELECT count(*) FROM journal_unsent"), 0)
    assert messaging.faults() == []


def _second(organisation: Any) -> bytes:
    return example.snapshot(organisation, 2).model_dump_json().encode()


async def test_a_dead_letter_can_be_redriven_once_the_cause_is_gone(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = await running(example.sender)
    target, messaging = await running(example.receiver)
    organisation = new_id()
    await example.announce(source.database, organisation, "impossible")
    await eventually(lambda: scalar(target, sa.select(sa.func.count()).select_from(dead_letter)), 1)

    async with target.database.transaction() as session:
        assert len(await redrive(session, None)) == 1
    await eventually(lambda: scalar(target, sa.select(sa.func.count()).select_from(parked_event)), 0)
    assert await scalar(target, sa.select(sa.func.count()).select_from(dead_letter)) == 1, (
        "still impossible: dead again"
    )

    original = messaging.handlers.find("org.intercluster.organisation.changed.v1")

    async def mended(session: Any, event: Any) -> None:
        await original(session, _renamed(event))

    monkeypatch.setattr(messaging.handlers, "find", lambda _name: mended)
    async with target.database.transaction() as session:
        await redrive(session, None)
    await eventually(
        lambda: scalar(target, f"SELECT name FROM known WHERE organisation_id = '{organisation}'"), "mended"
    )
    assert await scalar(target, sa.select(sa.func.count()).select_from(dead_letter)) == 0


def _renamed(event: Any) -> Any:
    from dataclasses import replace

    return replace(event, body=event.body.model_copy(update={"name": "mended"}))


async def test_unknown_types_are_skipped_for_later_releases(running: Running, broker: Broker) -> None:
    target, messaging = await running(example.receiver)
    organisation = new_id()
    async with producing(broker) as producer:
        future = headers(organisation, 1, ce_type=b"org.intercluster.organisation.transmuted.v9")
        await raw_record(producer, ORGANISATIONS, str(organisation), future, b"whatever")
        body = example.snapshot(organisation, 2).model_dump_json().encode()
        await raw_record(producer, ORGANISATIONS, str(organisation), headers(organisation, 2), body)
    await eventually(lambda: scalar(target, f"SELECT count(*) FROM known WHERE organisation_id = '{organisation}'"), 1)
    assert await scalar(target, "SELECT count(*) FROM dead_letter") == 0
    assert messaging.faults() == []
    assert "EXAMPLE_DIES" not in os.environ
