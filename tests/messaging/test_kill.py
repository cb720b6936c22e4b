"""Services are killed at the worst moments, the broker and the database too; what was committed happens, once."""

import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from deploy.local.broker import Broker
from deploy.local.keys import Keys
from deploy.local.process import Process, free_port, run_apart
from deploy.topics import ensure_topics
from shared.context import Context
from shared.ids import new_id
from shared.messaging import mark_restored
from tests.messaging import example
from tests.messaging.conftest import eventually, scalar

pytestmark = pytest.mark.faults

Start = Callable[..., Process]


@pytest.fixture
def start(broker: Broker, keys: Keys, tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts an example service as a process of its own, on the context's database."""
    with ExitStack() as stopped:

        def run(role: str, context: Context, dies: str = "", **environment: str) -> Process:
            variables = {
                "DATABASE_URL": context.settings.database_url.get_secret_value(),
                "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
                "KAFKA_PROFILE": broker.profile,
                "HTTP_PORT": str(free_port()),
                "SIGNING_KEY_FILE": str(keys.private(context.name)),
                "TRUSTED_KEYS_FILE": str(keys.trusted),
            }
            process = Process(
                role,
                [sys.executable, "-m", "tests.messaging.example", role],
                tmp_path / f"{role}.log",
                environment={
                    **os.environ,
                    **{f"INTERCLUSTER_{name}": value for name, value in variables.items()},
                    "EXAMPLE_DIES": dies,
                    **environment,
                },
            )
            process.start()
            stopped.callback(process.kill)
            return process

        yield run


@pytest.fixture
async def pair(example_context: Callable[..., Awaitable[Context]], broker: Broker) -> tuple[Context, Context]:
    """Contexts of both services, for looking into their databases."""
    return (
        await example_context(example.sender, broker.bootstrap, broker.profile),
        await example_context(example.receiver, broker.bootstrap, broker.profile),
    )


async def all_happened_once(source: Context, target: Context, seconds: float = 60) -> None:
    """Wait until every journaled version had its effect, and check that none had two and each projection is newest."""
    expected = await scalar(source, "SELECT count(*) FROM journal WHERE type LIKE '%organisation.changed.v1'")
    await eventually(
        lambda: scalar(target, "SELECT count(*) FROM (SELECT DISTINCT organisation_id, version FROM effect) AS one"),
        expected,
        seconds,
    )
    assert await scalar(target, "SELECT count(*) FROM effect") == expected, "an effect happened twice"
    newest = await scalar(source, "SELECT sum(n) FROM counter")
    assert await scalar(target, "SELECT sum(version_n) FROM known") == newest, "a projection is behind"


async def announce_some(source: Context, organisations: int = 10, versions: int = 3) -> None:
    for _ in range(organisations):
        organisation = new_id()
        for number in range(versions):
            await example.announce(source.database, organisation, f"name {number}")


async def dead(process: Process) -> None:
    async def state() -> bool:
        return process.alive

    await eventually(state, False)


@pytest.mark.parametrize("point", ["before publish", "after publish, before mark"])
async def test_the_sender_is_killed(point: str, pair: tuple[Context, Context], start: Start) -> None:
    source, target = pair
    await announce_some(source)
    start("receiver", target)
    await dead(start("sender", source, dies=point))
    start("sender", source)
    await all_happened_once(source, target)


@pytest.mark.parametrize("point", ["after effect, before offset commit", "mid-handler"])
async def test_the_receiver_is_killed(point: str, pair: tuple[Context, Context], start: Start) -> None:
    source, target = pair
    await announce_some(source)
    start("sender", source)
    await dead(start("receiver", target, dies=point))
    start("receiver", target)
    await all_happened_once(source, target)


async def test_control_without_the_business_key_a_replay_after_the_kill_doubles_the_effect(
    pair: tuple[Context, Context], start: Start
) -> None:
    source, target = pair
    await announce_some(source)
    start("receiver", target, EXAMPLE_WITHOUT_BUSINESS_KEY="1")
    await dead(start("sender", source, dies="after publish, before mark"))
    start("sender", source)
    doubled = (
        "SELECT count(*) > (SELECT count(*) FROM (SELECT DISTINCT organisation_id, version FROM effect) o) FROM effect"
    )
    await eventually(lambda: scalar(target, doubled), True)
    with pytest.raises(AssertionError, match="an effect happened twice"):
        await all_happened_once(source, target)


async def test_the_receiver_is_killed_after_a_dead_letter(pair: tuple[Context, Context], start: Start) -> None:
    source, target = pair
    await example.announce(source.database, new_id(), "impossible")
    start("sender", source)
    await dead(start("receiver", target, dies="after a dead letter"))
    start("receiver", target)
    sent = "SELECT sum(sequence) FROM journal_head WHERE topic = 'matching.dead-letters'"
    await eventually(lambda: scalar(target, sent), 1)
    assert await scalar(target, "SELECT count(*) FROM dead_letter") == 1


async def test_the_broker_is_killed_and_comes_back(pair: tuple[Context, Context], start: Start, broker: Broker) -> None:
    """The embedded broker comes back empty: new epoch, journals are sent again. Apache Kafka keeps its data."""
    source, target = pair
    start("sender", source)
    start("receiver", target)
    await announce_some(source, 5)
    await all_happened_once(source, target)
    broker.kill()
    await announce_some(source, 5)
    broker.start()
    epoch_before = await scalar(source, "SELECT broker_epoch FROM broker_state")
    run_apart(lambda: ensure_topics({"bootstrap_servers": broker.bootstrap}))
    await announce_some(source, 5)
    await all_happened_once(source, target, seconds=90)
    epoch_after = await scalar(source, "SELECT broker_epoch FROM broker_state")
    assert (epoch_after != epoch_before) == broker.forgets


async def test_a_database_restored_from_an_older_backup_reads_again_what_it_lost(
    pair: tuple[Context, Context], start: Start
) -> None:
    source, target = pair
    start("sender", source)
    receiver = start("receiver", target)
    await announce_some(source, 5)
    await all_happened_once(source, target)
    receiver.kill()
    async with target.database.transaction() as session:
        for table in ("effect", "known", "business_key", "consumed_position"):
            await session.execute(sa.text(f"DELETE FROM {table}"))
    start("receiver", target)
    await all_happened_once(source, target)


async def test_members_join_and_leave(pair: tuple[Context, Context], start: Start) -> None:
    source, target = pair
    start("sender", source)
    first = start("receiver", target)
    await announce_some(source, 5)
    second = start("receiver", target)
    await announce_some(source, 5)
    await all_happened_once(source, target)
    first.kill()
    await announce_some(source, 5)
    await all_happened_once(source, target, seconds=90)
    assert second.alive


async def test_after_a_restore_of_the_sender_both_converge_on_what_the_backup_knew(
    pair: tuple[Context, Context], start: Start
) -> None:
    source, target = pair
    sender = start("sender", source)
    start("receiver", target)
    kept, lost = new_id(), new_id()
    await example.announce(source.database, kept, "as in the backup")
    await eventually(lambda: scalar(target, "SELECT count(*) FROM known"), 1)
    await example.announce(source.database, kept, "after the backup")
    await example.announce(source.database, lost, "made after the backup")
    await eventually(lambda: scalar(target, "SELECT count(*) FROM effect"), 3)
    sender.kill()
    await dead(sender)
    async with source.database.transaction() as session:
        for statement in (
            "ALTER TABLE journal DISABLE TRIGGER journal_kept",  # a backup simply has no such rows
            "DELETE FROM journal WHERE n > 1 OR key = :lost",
            "ALTER TABLE journal ENABLE TRIGGER journal_kept",
            "UPDATE counter SET n = 1",
            "DELETE FROM counter WHERE organisation_id = CAST(:lost AS uuid)",
        ):
            await session.execute(sa.text(statement), {"lost": str(lost)} if ":lost" in statement else {})
        await mark_restored(session)
    start("sender", source)
    await eventually(
        lambda: scalar(target, f"SELECT name FROM known WHERE organisation_id = '{kept}'"), "as in the backup"
    )
    await eventually(lambda: scalar(target, f"SELECT count(*) FROM known WHERE organisation_id = '{lost}'"), 0)
    assert await scalar(target, "SELECT count(*) FROM effect") == 3, "announcing again repeats no effect"
    await example.announce(source.database, kept, "life goes on")
    await eventually(lambda: scalar(target, f"SELECT name FROM known WHERE organisation_id = '{kept}'"), "life goes on")
    await eventually(lambda: scalar(target, "SELECT count(*) FROM effect"), 4)
