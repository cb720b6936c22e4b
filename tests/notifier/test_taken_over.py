"""A worker that has lost its hold on a mail while it waited for a slow server, and another that took the mail over."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from services.notifier import sending
from services.notifier.models import Attempt
from services.notifier.repository import deliveries as rows
from services.notifier.smtp import MailServer, UnreachableError
from shared.messaging.tables import job
from tests.notifier.events import organisation, suggestion
from tests.notifier.support import Notifier

OURS, THEIRS = organisation("Alpha GmbH"), organisation("Beta SAS", "FR")


async def _queued(notifier: Notifier) -> UUID:
    """One person with one suggestion mail in the queue."""
    await notifier.knows(OURS, THEIRS)
    await notifier.person("Anna", (OURS.organisation_id, "sme_contact"))
    await notifier.proposes(suggestion(OURS.organisation_id, THEIRS.organisation_id))
    await notifier.composes()
    (delivery,) = await notifier.deliveries()
    return delivery.delivery_id


async def _trail(notifier: Notifier) -> list[tuple[int, str]]:
    async with notifier.context.database.session() as session:
        found = await session.scalars(sa.select(Attempt).order_by(Attempt.number))  # type: ignore[arg-type]
        return [(each.number, each.outcome) for each in found]


async def _jobs(notifier: Notifier) -> int:
    async with notifier.context.database.session() as session:
        return int(await session.scalar(sa.select(sa.func.count()).select_from(job)) or 0)


async def _cut_the_hold(notifier: Notifier) -> None:
    """PostgreSQL ends the connection that holds the mail, and says so before this returns."""
    cut = sa.text("SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory' AND granted")
    async with notifier.context.database.session() as session:
        assert list(await session.scalars(cut)) == [True]


async def _overtaken(notifier: Notifier, monkeypatch: pytest.MonkeyPatch, *, server_answers: bool) -> None:
    """The first worker waits for the server, loses its hold; the second sends; then the first goes on."""
    delivery_id = await _queued(notifier)
    original, waiting, go_on = MailServer.prepare, asyncio.Event(), asyncio.Event()

    async def slow_at_first(server: MailServer, sender: str, recipient: str) -> Any:
        if not waiting.is_set():
            waiting.set()
            await go_on.wait()
            if not server_answers:
                raise UnreachableError("TimeoutError")
        return await original(server, sender, recipient)

    monkeypatch.setattr(MailServer, "prepare", slow_at_first)
    slow = asyncio.create_task(notifier.post.send(delivery_id, 0))
    await waiting.wait()
    await _cut_the_hold(notifier)
    await notifier.post.send(delivery_id, 0)
    go_on.set()
    await asyncio.gather(slow, return_exceptions=True)  # that its hold was cut may well be told to the job


@pytest.mark.parametrize("server_answers", [True, False])
async def test_a_mail_taken_over_and_sent_is_not_touched_by_who_had_it_before(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch, server_answers: bool
) -> None:
    await _overtaken(notifier, monkeypatch, server_answers=server_answers)

    assert len(notifier.server.mails) == 1
    assert [(each.state, each.ambiguous) for each in await notifier.deliveries()] == [("sent", False)]
    assert await _trail(notifier) == [(1, "sent")]
    assert await _jobs(notifier) == 1, "the first one's, and no other"


@pytest.mark.parametrize("server_answers", [True, False])
async def test_control_who_does_not_look_again_sends_or_queues_a_mail_that_was_sent(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch, server_answers: bool
) -> None:
    monkeypatch.setattr(sending, "_is_at", lambda _delivery, _attempts: True)
    await _overtaken(notifier, monkeypatch, server_answers=server_answers)

    (delivery,) = await notifier.deliveries()
    assert len(notifier.server.mails) == 2 if server_answers else delivery.state == "queued"


async def _attempt_begun_elsewhere(notifier: Notifier, delivery_id: UUID) -> None:
    """Another process has begun the next attempt, which the server put off, and has queued the one after."""
    elsewhere = sending.Post(**{**notifier.post.__dict__, "unrecorded": {}})
    notifier.server.on_data = lambda: "451 4.3.0 try later"
    await elsewhere.send(delivery_id, 1)
    notifier.server.on_data = lambda: None


async def _remembers_an_outcome(notifier: Notifier, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """The server was away, and so was the database when that was to be written down."""
    delivery_id = await _queued(notifier)

    async def away(*_arguments: Any) -> None:
        raise OperationalError("UPDATE attempt", {}, ConnectionResetError())

    notifier.server.on_recipient = lambda _: "451 4.3.0 try later"
    with monkeypatch.context() as patched:
        patched.setattr(rows, "end_attempt", away)
        patched.setattr(sending, "RECORDING_PAUSES", ())
        with pytest.raises(OperationalError):
            await notifier.post.send(delivery_id, 0)
    notifier.server.on_recipient = lambda _: None
    assert delivery_id in notifier.post.unrecorded
    return delivery_id


async def test_an_outcome_remembered_too_long_does_not_swallow_the_next_attempts_job(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery_id = await _remembers_an_outcome(notifier, monkeypatch)
    await _attempt_begun_elsewhere(notifier, delivery_id)

    await notifier.post.send(delivery_id, 2)

    assert [each.state for each in await notifier.deliveries()] == ["sent"]
    assert await _trail(notifier) == [(1, "deferred"), (2, "deferred"), (3, "sent")]


async def test_a_late_outcome_is_told_of_its_attempt_and_queues_nothing(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery_id = await _remembers_an_outcome(notifier, monkeypatch)
    await _attempt_begun_elsewhere(notifier, delivery_id)
    jobs = await _jobs(notifier)

    await notifier.post.send(delivery_id, 0)

    assert await _trail(notifier) == [(1, "deferred"), (2, "deferred")]
    assert await _jobs(notifier) == jobs
    assert notifier.post.unrecorded == {}
