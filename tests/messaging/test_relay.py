"""The relay keeps the order of each key, stops only the key that fails, and sends everything that was committed."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.broker import Broker
from shared.context import Context
from shared.contracts.topics import ORGANISATIONS
from shared.ids import new_id
from shared.messaging import mark_for_replay
from shared.messaging.broker import MAX_RECORD_BYTES
from shared.messaging.journal import MAX_BODY_BYTES
from shared.messaging.leader import Leader
from shared.messaging.sending import Outcome, Row, waves
from shared.problems import Problem
from tests.messaging import example
from tests.messaging.conftest import eventually, scalar

Running = Callable[..., Awaitable[tuple[Any, Any]]]


def row(seq: int, key: str) -> Row:
    return Row(
        seq, new_id(), "type", "topic", key, 1, seq, "{}", None, datetime(2026, 1, 1, tzinfo=UTC), 0, None, False
    )


@given(st.lists(st.sampled_from("abcd"), max_size=40))
def test_waves_hold_every_row_once_one_per_key_and_in_order(keys: list[str]) -> None:
    rows = [row(seq, key) for seq, key in enumerate(keys)]
    made = waves(rows)
    assert sorted(each.seq for wave in made for each in wave) == list(range(len(keys)))
    for wave in made:
        assert len({each.key for each in wave}) == len(wave)
    for key in set(keys):
        in_order = [each.seq for wave in made for each in wave if each.key == key]
        assert in_order == sorted(in_order)


@pytest.fixture
def unsendable(monkeypatch: pytest.MonkeyPatch) -> str:
    """A name that no record holds, and a journal that takes it all the same."""
    monkeypatch.setattr("shared.messaging.journal.MAX_BODY_BYTES", 2 * MAX_RECORD_BYTES)
    return "x" * (MAX_RECORD_BYTES + 1)


async def test_what_no_record_holds_is_refused_before_it_is_committed(running: Running, broker: Broker) -> None:
    source, _ = await running(example.sender)
    letters = 2 * MAX_BODY_BYTES // 3
    for name in ("x" * (MAX_BODY_BYTES + 1), "é" * letters, '"' * letters, "\n" * letters):
        with pytest.raises(Problem, match="too large") as refused:
            await example.announce(source.database, new_id(), name)
        assert (refused.value.status, refused.value.rule) == (422, "too-large")
    assert await scalar(source, "SELECT count(*) FROM journal") == 0
    most = new_id()
    around = len(json.dumps(example.snapshot(most, 1, "").model_dump(mode="json")).encode())
    await example.announce(source.database, most, "x" * (MAX_BODY_BYTES - around))
    await eventually(lambda: scalar(source, "SELECT count(*) FROM journal_unsent"), 0)
    assert [key for key, _ in await everything(broker)].count(str(most)) == 1


async def test_a_key_that_cannot_be_sent_keeps_its_order_and_stops_only_itself(
    running: Running, broker: Broker, unsendable: str
) -> None:
    source, _ = await running(example.sender)
    ill, well = new_id(), new_id()
    await example.announce(source.database, ill, unsendable)
    await example.announce(source.database, ill, "later")
    await example.announce(source.database, well)
    unpublished = "SELECT count(*) FROM journal_unsent WHERE key = '{}'"
    await eventually(lambda: scalar(source, unpublished.format(well)), 0)
    await eventually(
        lambda: scalar(source, f"SELECT count(*) FROM journal_unsent WHERE key = '{ill}' AND attempts > 0"), 1
    )
    assert await scalar(source, unpublished.format(ill)) == 2, "the later row waits behind the failing one"

    async with source.database.transaction() as session:
        mended = "UPDATE journal SET body = jsonb_set(body, '{name}', '\"mended\"') WHERE n = 1 AND key = :key"
        await session.execute(sa.text(mended), {"key": str(ill)})
        await session.execute(sa.text("UPDATE journal_unsent SET retry_at = now() WHERE retry_at IS NOT NULL"))
    await eventually(lambda: scalar(source, unpublished.format(ill)), 0)
    assert [version for key, version in await everything(broker) if key == str(ill)] == ["1.1", "1.2"]


async def test_control_without_the_order_of_keys_the_later_version_overtakes(
    running: Running, broker: Broker, unsendable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.sending.waves", lambda rows: [[each] for each in reversed(rows)])
    source, _ = await running(example.sender)
    ill = new_id()
    async with source.database.transaction() as session:
        await example.announce_in(session, ill, unsendable)
        await example.announce_in(session, ill, "later")
    await eventually(
        lambda: scalar(source, f"SELECT count(*) FROM journal_unsent WHERE key = '{ill}' AND attempts > 0"), 1
    )
    assert [version for key, version in await everything(broker) if key == str(ill)] == ["1.2"]


async def test_only_one_replica_leads_and_another_takes_over_when_it_lets_go(
    example_context: Callable[..., Awaitable[Context]], broker: Broker
) -> None:
    context = await example_context(example.sender, broker.bootstrap, broker.profile)
    first, second = Leader(context.database, "relay"), Leader(context.database, "relay")
    other_work = Leader(context.database, "other work")
    assert await first.hold()
    assert not await second.hold()
    assert await other_work.hold()
    assert await first.hold(), "it stays leader"
    await first.release()
    await eventually(second.hold, True)
    assert not await first.hold()
    await second.release()
    await other_work.release()


async def everything(broker: Broker) -> list[tuple[str, str]]:
    """Read (key, version) of every record on the organisations' topic."""
    consumer = AIOKafkaConsumer(ORGANISATIONS, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        found = []
        while records := await consumer.getmany(timeout_ms=1500):
            for batch in records.values():
                for each in batch:
                    version = dict(each.headers)["ce_aggregateversion"].decode()
                    found.append((each.key.decode(), version))
        return found
    finally:
        await consumer.stop()


async def _waiting_for(context: Any) -> list[str | None]:
    async with context.database.session() as session:
        return list(await session.scalars(sa.text("SELECT replay_for FROM journal_unsent ORDER BY seq")))


async def test_a_replay_for_all_reaches_all_though_one_for_a_single_service_still_waits(
    example_context: Callable[..., Awaitable[Context]],
) -> None:
    source = await example_context(example.sender, "127.0.0.1:1", "embedded")
    await example.announce(source.database, new_id())
    async with source.database.transaction() as session:
        await session.execute(sa.text("DELETE FROM journal_unsent"))
        assert await mark_for_replay(session, group="notifier") == 1
        assert await mark_for_replay(session, group="notifier") == 1
    assert await _waiting_for(source) == ["notifier"]

    async with source.database.transaction() as session:
        assert await mark_for_replay(session) == 1
    assert await _waiting_for(source) == [None]

    async with source.database.transaction() as session:
        await mark_for_replay(session, group="matching")
    assert await _waiting_for(source) == [None], "what goes to all reaches it too"


async def test_replays_for_two_services_reach_both(
    example_context: Callable[..., Awaitable[Context]],
) -> None:
    source = await example_context(example.sender, "127.0.0.1:1", "embedded")
    await example.announce(source.database, new_id())
    async with source.database.transaction() as session:
        await session.execute(sa.text("DELETE FROM journal_unsent"))
        for group in ("notifier", "matching"):
            await mark_for_replay(session, group=group)
    assert await _waiting_for(source) == [None]


async def test_a_replay_asked_for_while_its_row_is_being_sent_to_one_service_is_not_lost(
    example_context: Callable[..., Awaitable[Context]],
) -> None:
    source = await example_context(example.sender, "127.0.0.1:1", "embedded")
    await example.announce(source.database, new_id())
    relay = example.sender.runtime(source).relay
    async with source.database.transaction() as session:
        await session.execute(sa.text("UPDATE journal_unsent SET replay_for = 'notifier'"))
    async with source.database.transaction() as session:
        (sent,) = await relay._unsent(session)
    async with source.database.transaction() as session:
        await mark_for_replay(session)
    async with source.database.transaction() as session:
        await relay._note(session, [Outcome(sent, None, None)])
    assert await _waiting_for(source) == [None]
