"""What a sender leaves behind that is killed, or loses the server, while a mail is handed over."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.local.process import Process, free_port, wait_until
from services.notifier.sending import Post
from tests.notifier.queued import published, queued, trail
from tests.notifier.support import Notifier


async def test_a_sender_killed_between_the_servers_yes_and_the_commit_leaves_an_ambiguous_mail(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, delivery_id = await queued(notifier)

    async def die(*_arguments: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(Post, "_end", die)
        with pytest.raises(asyncio.CancelledError):
            await notifier.post.send(delivery_id)
    assert len(notifier.server.mails) == 1

    notifier.post.unrecorded.clear()  # what a killed process had in mind is gone
    await notifier.post.send(delivery_id)

    first, second = notifier.server.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert [(each.state, each.ambiguous) for each in await notifier.deliveries()] == [("sent", True)]
    assert await trail(notifier) == [("unknown", None), ("sent", 250)]
    assert await published(notifier) == ["queued", "ambiguous"]


async def test_the_job_of_a_killed_sender_still_has_its_turn(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, delivery_id = await queued(notifier)

    async def die(*_arguments: object) -> None:
        raise asyncio.CancelledError

    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(Post, "_end", die)
            with pytest.raises(asyncio.CancelledError):
                await notifier.post.send(delivery_id, 0)
        notifier.post.unrecorded.clear()
    await notifier.post.send(delivery_id, 0)

    assert await trail(notifier) == [("unknown", None), ("unknown", None), ("sent", 250)]


async def test_a_sender_killed_before_data_leaves_nothing_ambiguous(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, delivery_id = await queued(notifier)

    async def die(*_arguments: object, **_options: object) -> int:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(Post, "_begin", die)
        with pytest.raises(asyncio.CancelledError):
            await notifier.post.send(delivery_id)
    await notifier.post.send(delivery_id)

    assert len(notifier.server.mails) == 1
    assert [(each.state, each.ambiguous) for each in await notifier.deliveries()] == [("sent", False)]


async def test_a_connection_lost_after_the_content_makes_the_next_attempt_ambiguous(notifier: Notifier) -> None:
    _, delivery_id = await queued(notifier)
    notifier.server.hang_up = True
    await notifier.post.send(delivery_id)
    assert [each.state for each in await notifier.deliveries()] == ["sending"]

    notifier.server.hang_up = False
    await notifier.post.send(delivery_id)

    first, second = notifier.server.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert await trail(notifier) == [("unknown", None), ("sent", 250)]
    assert [(each.state, each.ambiguous) for each in await notifier.deliveries()] == [("sent", True)]


@pytest.mark.faults
async def test_a_notifier_killed_at_the_servers_yes_sends_again_under_the_same_message_id(
    notifier: Notifier, settings: Callable[..., Any], keys: Any, tmp_path: Path
) -> None:
    """A real process, a real SIGKILL at the moment the server has taken the mail."""
    _, _ = await queued(notifier)
    process = notifier_process(notifier.context.settings, keys, tmp_path)
    killed: list[int] = []

    def kill_once() -> str | None:
        if not killed:
            assert process.pid is not None
            killed.append(process.pid)
            os.kill(process.pid, signal.SIGKILL)
        return None

    notifier.server.on_data = kill_once
    process.start()
    try:
        await asyncio.to_thread(wait_until, lambda: len(notifier.server.mails) == 1, 30, "the first mail")
        await asyncio.to_thread(process.stop)
        process = notifier_process(notifier.context.settings, keys, tmp_path)
        process.start()
        await asyncio.to_thread(wait_until, lambda: len(notifier.server.mails) == 2, 60, "the second mail")

        first, second = notifier.server.mails
        assert first["Message-ID"] == second["Message-ID"]

        async def settled() -> bool:
            return [(each.state, each.ambiguous) for each in await notifier.deliveries()] == [("sent", True)]

        for _ in range(100):
            if await settled():
                break
            await asyncio.sleep(0.1)
        assert await settled()
    finally:
        process.stop()


def notifier_process(settings: Any, keys: Any, folder: Path) -> Process:
    environment = {
        "INTERCLUSTER_DATABASE_URL": settings.database_url.get_secret_value(),
        "INTERCLUSTER_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        "INTERCLUSTER_HTTP_PORT": str(free_port()),
        "INTERCLUSTER_SIGNING_KEY_FILE": str(keys.private("notifier")),
        "INTERCLUSTER_TRUSTED_KEYS_FILE": str(keys.trusted),
        "INTERCLUSTER_NOTIFIER_SMTP_PORT": str(settings.smtp_port),
    }
    command = [sys.executable, "-m", "services.notifier"]
    return Process("notifier", command, folder / "notifier.log", environment)
