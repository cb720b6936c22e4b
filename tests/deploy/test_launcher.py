"""The launcher: what it does when ports are busy, processes die, or somebody else runs already."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from deploy.local.keys import OWNERS, Keys
from deploy.local.process import Process, StartError, free_port, wait_until
from deploy.local.stack import Outside, Stack
from deploy.local.state import AlreadyRunningError, Installation
from deploy.local.supervisor import (
    FIRST_PAUSE_SECONDS,
    HEALTHY_AFTER_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Patience,
    Supervisor,
)
from deploy.topics import TopicError
from shared.auth import InvalidTokenError, TokenIssuer, TokenVerifier
from tests.conftest import REPOSITORY
from tests.support.mailbox import MailboxProcess


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "installation", ports={})


def test_ports_are_remembered_and_a_busy_one_is_left_and_named(
    installation: Installation, mailbox: MailboxProcess
) -> None:
    installation.hold()
    installation.choose_ports()
    installation.save()
    first = dict(installation.ports)
    again = Installation(installation.folder)
    again.choose_ports()
    assert again.ports == first
    assert again.moved == {}

    installation.ports["console"] = mailbox.http_port
    installation.save()
    moved = Installation(installation.folder)
    moved.choose_ports()
    assert moved.moved == {"console": mailbox.http_port}
    assert moved.ports["console"] != mailbox.http_port


def test_only_one_launcher_holds_an_installation(installation: Installation) -> None:
    installation.hold()
    with pytest.raises(AlreadyRunningError, match="already running"):
        Installation(installation.folder).hold()
    installation.release()
    second = Installation(installation.folder)
    second.hold()
    second.release()


def test_a_command_without_any_installation_says_how_to_start_one(installation: Installation) -> None:
    with pytest.raises(StartError, match="start with"):
        installation.url("profiles")


def test_keys_are_private_and_stay_the_same(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys")
    keys.ensure()
    before = {owner: keys.private(owner).read_text() for owner in OWNERS}
    keys.ensure()
    assert {owner: keys.private(owner).read_text() for owner in OWNERS} == before
    assert all(keys.private(owner).stat().st_mode & 0o077 == 0 for owner in OWNERS)
    assert '"d"' not in keys.trusted.read_text()


def test_a_service_token_is_trusted_only_while_its_key_is_in_the_set(tmp_path: Path) -> None:
    keys, strange = Keys(tmp_path / "keys"), Keys(tmp_path / "other")
    keys.ensure()
    strange.ensure()
    verifier = TokenVerifier("profiles", keys.trusted)
    ours = TokenIssuer.from_file("notifier", keys.private("notifier")).service_token("profiles")
    assert verifier.principal(ours).service == "notifier"
    theirs = TokenIssuer.from_file("notifier", strange.private("notifier")).service_token("profiles")
    with pytest.raises(InvalidTokenError):
        verifier.principal(theirs)


def test_a_rotated_key_is_trusted_until_its_file_is_removed(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys")
    keys.ensure()
    verifier = TokenVerifier("profiles", keys.trusted)
    former = TokenIssuer.from_file("notifier", keys.private("notifier")).service_token("profiles")
    command = [sys.executable, "-m", "deploy.keys", str(keys.folder)]
    subprocess.run([*command, "--rotate", "notifier"], check=True, cwd=REPOSITORY)
    present = TokenIssuer.from_file("notifier", keys.private("notifier")).service_token("profiles")
    keys.ensure()
    assert {verifier.principal(each).service for each in (former, present)} == {"notifier"}

    (retired,) = keys.retired.iterdir()
    assert '"d"' not in retired.read_text()
    retired.unlink()
    subprocess.run(command, check=True, cwd=REPOSITORY)
    renewed = TokenVerifier("profiles", keys.trusted)
    assert renewed.principal(present).service == "notifier"
    with pytest.raises(InvalidTokenError):
        renewed.principal(former)


def test_a_child_dies_with_its_parent_and_leaves_no_orphan(tmp_path: Path) -> None:
    """A launcher that is killed can't stop anything itself: the kernel does."""
    note = tmp_path / "pid"
    script = (
        "import pathlib, sys, time\n"
        "from deploy.local.process import Process\n"
        f"child = Process('child', ['sleep', '1000'], pathlib.Path({str(tmp_path / 'child.log')!r}))\n"
        "child.start()\n"
        f"pathlib.Path({str(note)!r}).write_text(str(child.pid))\n"
        "time.sleep(1000)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    parent = Process("parent", [sys.executable, "-c", script], tmp_path / "parent.log", environment)
    parent.start()
    wait_until(lambda: note.exists() and note.read_text() != "", 20, "the child's pid is noted")
    child = int(note.read_text())
    parent.kill()
    wait_until(lambda: not _runs(child), 10, "the child is gone")


def test_a_process_that_ignores_the_signal_is_killed_in_bounded_time(tmp_path: Path) -> None:
    stubborn = Process(
        "stubborn", ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], tmp_path / "log"
    )
    stubborn.start()
    wait_until(lambda: "ready" in (tmp_path / "log").read_text(), 10, "it ignores the signal")
    assert stubborn.stop(seconds=0.3) is False
    assert not stubborn.alive


def test_restarts_come_slower_and_slower_until_the_process_was_healthy() -> None:
    patience, now, pauses = Patience(), 100.0, []
    for _ in range(8):
        patience.died(now)
        assert patience.due_at is not None
        pauses.append(patience.due_at - now)
        patience.restarted(patience.due_at)
        now = patience.started_at + 1
    assert pauses[0] == FIRST_PAUSE_SECONDS
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    patience.died(patience.started_at + HEALTHY_AFTER_SECONDS + 1)
    assert patience.due_at is not None
    assert patience.due_at - patience.started_at - HEALTHY_AFTER_SECONDS - 1 == pytest.approx(FIRST_PAUSE_SECONDS)


def test_the_supervisor_starts_again_what_died_and_brings_the_broker_back_with_topics(
    installation: Installation,
) -> None:
    told: list[str] = []
    stack = Stack(installation, durable=False, services=(), report=told.append)
    stack.start()
    try:
        supervisor = Supervisor(stack, told.append)
        first_epoch = stack.create_topics()
        assert stack.broker is not None
        assert stack.postgres is not None
        stack.broker.kill()
        stack.postgres.kill()
        stack.processes["mailbox"].kill()
        supervisor.look(now=1000.0)
        assert not stack.broker.process.alive, "the first look only plans the restart"
        supervisor.look(now=1001.0)
        assert stack.broker.process.alive
        assert stack.postgres.process.alive
        assert stack.processes["mailbox"].alive
        assert stack.create_topics() != first_epoch
        assert supervisor.restarts == 3
        assert "broker was started again" in told
    finally:
        stack.stop()
    assert not stack.broker.process.alive
    assert not stack.postgres.process.alive


class Died:
    """A process that is dead until it is started."""

    alive = False

    def start(self) -> None:
        self.alive = True


class RefusingBroker:
    """A broker that starts well (or half), and refuses topics as often as told."""

    port = 9092

    def __init__(self) -> None:
        self.process = Died()
        self.fails_half_way = False

    def start(self) -> None:
        self.process.start()
        if self.fails_half_way:
            raise StartError("it listens but does not answer")


def _stack_with(installation: Installation, broker: RefusingBroker) -> Stack:
    stack = Stack(installation, services=())
    stack.broker = broker  # type: ignore[assignment]
    stack.processes["mailbox"] = Died()  # type: ignore[assignment]
    installation.ports = {"broker": broker.port}
    return stack


@pytest.mark.parametrize("half_way", [False, True])
def test_topics_that_a_restarted_broker_refused_are_made_as_soon_as_it_takes_them(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, half_way: bool
) -> None:
    broker, told, tries = RefusingBroker(), list[str](), list[int]()
    broker.fails_half_way = half_way
    stack = _stack_with(installation, broker)

    def create_topics() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise TopicError("the controller is not there yet")
        return "epoch"

    monkeypatch.setattr(stack, "create_topics", create_topics)
    supervisor = Supervisor(stack, told.append)
    for now in range(1000, 1040):
        supervisor.look(now=float(now))

    assert broker.process.alive
    assert len(tries) == 3, "owed until they are made, and made once"
    assert any("topics: not done yet" in each for each in told)


def test_the_supervisor_outlives_whatever_a_restart_raises(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    broker, mended = RefusingBroker(), threading.Event()
    stack = _stack_with(installation, broker)

    def create_topics() -> str:
        if len(told) < 4:
            raise KafkaError("unreachable")
        mended.set()
        return "epoch"

    def report(words: str) -> None:
        told.append(words)
        raise BrokenPipeError("nobody reads the terminal")

    monkeypatch.setattr(stack, "create_topics", create_topics)
    monkeypatch.setattr("deploy.local.supervisor.LOOK_EVERY_SECONDS", 0.01)
    supervisor = Supervisor(stack, report)
    supervisor.start()
    assert mended.wait(30), f"the supervisor has ended; it said {told}"
    supervisor.stop()


def test_a_database_address_without_a_place_for_the_service_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+asyncpg://somebody@somewhere/one")
    with pytest.raises(StartError, match="a database of its own"):
        Outside.from_environment()
    monkeypatch.setenv("DATABASE_URL", "postgresql+asyncpg://somebody@somewhere/{service}")
    monkeypatch.setenv("DATABASE_URL_PROFILES", "postgresql+asyncpg://somebody@elsewhere/people")
    found = Outside.from_environment().databases
    assert found is not None
    assert found["profiles"].endswith("elsewhere/people")
    assert found["matching"].endswith("somewhere/matching")


def test_free_port_prefers_what_was_asked_for() -> None:
    port = free_port()
    assert free_port(port) == port


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
