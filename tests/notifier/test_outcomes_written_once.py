"""What the server said is written down once, though the database goes away just then."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import OperationalError

from services.notifier import sending
from services.notifier.repository import deliveries as rows
from services.notifier.sending import Post
from tests.notifier.queued import published, queued, trail
from tests.notifier.support import Notifier


async def test_a_database_that_is_away_for_a_moment_after_the_servers_yes_makes_no_double(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, delivery_id = await queued(notifier)
    original, failures = rows.end_attempt, []

    async def away_twice(*arguments: Any) -> None:
        if len(failures) < 2:
            failures.append(1)
            raise OperationalError("UPDATE attempt", {}, ConnectionResetError())
        await original(*arguments)

    monkeypatch.setattr(rows, "end_attempt", away_twice)
    await notifier.post.send(delivery_id)
    await notifier.post.send(delivery_id)

    assert len(notifier.server.mails) == 1
    assert [(each.state, each.ambiguous) for each in await notifier.deliveries()] == [("sent", False)]


async def sent_while_the_database_went_away(notifier: Notifier, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """The server has said yes, and no attempt to write that down has worked."""
    _, delivery_id = await queued(notifier)

    async def away(*_arguments: Any) -> None:
        raise OperationalError("UPDATE attempt", {}, ConnectionResetError())

    with monkeypatch.context() as patched:
        patched.setattr(rows, "end_attempt", away)
        patched.setattr(sending, "RECORDING_PAUSES", (0.0, 0.0))
        with pytest.raises(OperationalError):
            await notifier.post.send(delivery_id, 0)
    assert len(notifier.server.mails) == 1
    return delivery_id


async def test_a_database_that_is_away_for_long_after_the_servers_yes_makes_no_double(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery_id = await sent_while_the_database_went_away(notifier, monkeypatch)

    await notifier.post.send(delivery_id, 0)

    assert len(notifier.server.mails) == 1
    assert [(each.state, each.ambiguous) for each in await notifier.deliveries()] == [("sent", False)]
    assert await trail(notifier) == [("sent", 250)]
    assert notifier.post.unrecorded == {}


async def test_control_a_sender_that_forgets_what_the_server_said_makes_a_double(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery_id = await sent_while_the_database_went_away(notifier, monkeypatch)

    notifier.post.unrecorded.clear()
    await notifier.post.send(delivery_id, 0)

    assert len(notifier.server.mails) == 2


async def test_an_outcome_whose_commit_was_answered_too_late_is_written_down_once(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, delivery_id = await queued(notifier)
    original, lost = Post._write_down, []

    async def answer_lost(self: Post, *arguments: Any) -> None:
        await original(self, *arguments)
        if not lost:
            lost.append(1)
            raise OperationalError("COMMIT", {}, ConnectionResetError())

    monkeypatch.setattr(Post, "_write_down", answer_lost)
    await notifier.post.send(delivery_id, 0)

    assert lost == [1]
    assert await published(notifier) == ["queued", "sent"]
