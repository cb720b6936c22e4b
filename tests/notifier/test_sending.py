"""Handing mails to the server: retries, refusals, pauses, one connection for many."""

import asyncio
import json
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.notifier import outcomes
from services.notifier.sending import BusyError
from shared.messaging.tables import job
from tests.notifier.events import suggestion
from tests.notifier.queued import OURS, THEIRS, queued, queued_jobs, trail
from tests.notifier.support import Notifier


async def test_a_mail_deferred_by_the_server_is_tried_again_and_arrives(notifier: Notifier) -> None:
    _, delivery_id = await queued(notifier)
    notifier.server.on_data = lambda: "451 4.3.0 try later"
    await notifier.post.send(delivery_id)
    assert [each.state for each in await notifier.deliveries()] == ["queued"]

    notifier.server.on_data = lambda: None
    await notifier.post.send(delivery_id)

    assert len(notifier.server.mails) == 1
    assert [(each.state, each.ambiguous) for each in await notifier.deliveries()] == [("sent", False)]
    assert await trail(notifier) == [("deferred", 451), ("sent", 250)]


async def test_a_mail_refused_for_good_fails_and_the_trail_says_why_without_the_address(notifier: Notifier) -> None:
    _, delivery_id = await queued(notifier)
    notifier.server.on_recipient = lambda address: f"550 5.7.1 <{address}> not wanted"
    await notifier.post.send(delivery_id)
    await notifier.post.send(delivery_id)

    (delivery,) = await notifier.deliveries()
    assert (delivery.state, delivery.attempts) == ("failed", 1)
    assert delivery.reason == "5.7.1 <address> not wanted"


async def test_after_a_bounce_only_sign_in_links_go_to_that_address(notifier: Notifier) -> None:
    anna, delivery_id = await queued(notifier)
    notifier.server.on_recipient = lambda _: "550 5.1.1 no such mailbox"
    await notifier.post.send(delivery_id)
    notifier.server.on_recipient = lambda _: None

    await notifier.proposes(suggestion(OURS.organisation_id, THEIRS.organisation_id))
    await notifier.works()

    assert [each.state for each in await notifier.deliveries()] == ["failed", "suppressed"]
    assert notifier.server.mails == []
    async with notifier.context.database.session() as session:
        stored = await session.execute(sa.text("SELECT * FROM suppression"))
        assert notifier.address(anna) not in str(stored.all())


async def test_a_server_that_is_away_leaves_the_mail_in_the_queue_with_a_pause(notifier: Notifier) -> None:
    _, delivery_id = await queued(notifier)
    notifier.server.stop()
    await notifier.post.send(delivery_id)

    assert [each.state for each in await notifier.deliveries()] == ["queued"]
    assert await trail(notifier) == [("deferred", None)]
    async with notifier.context.database.session() as session:
        waiting = await session.scalar(
            sa.select(sa.func.count()).select_from(job).where(job.c.next_attempt_at > sa.func.now())
        )
    assert waiting == 1


async def test_a_tarpit_that_outlasts_the_lease_neither_multiplies_jobs_nor_shortens_the_pause(
    notifier: Notifier,
) -> None:
    """A second worker takes the job over while the first still waits for the server."""
    _, delivery_id = await queued(notifier)
    asked, answer = threading.Event(), threading.Event()

    def tarpit() -> str:
        asked.set()
        answer.wait(30)
        return "451 4.7.1 come back later"

    notifier.server.on_data = tarpit
    slow = asyncio.create_task(notifier.post.send(delivery_id, 0))
    await asyncio.to_thread(asked.wait, 30)
    with pytest.raises(BusyError):
        await notifier.post.send(delivery_id, 0)
    answer.set()
    await slow
    jobs = await queued_jobs(notifier)

    notifier.server.on_data = lambda: None
    await notifier.post.send(delivery_id, 0)

    assert await trail(notifier) == [("deferred", 451)], "the job that was taken over does not send before its time"
    assert await queued_jobs(notifier) == jobs, "and queues nothing"

    await notifier.post.send(delivery_id, 1)
    assert await trail(notifier) == [("deferred", 451), ("sent", 250)]


async def test_a_deferred_mails_next_job_knows_how_many_attempts_were_before_it(notifier: Notifier) -> None:
    _, delivery_id = await queued(notifier)
    notifier.server.on_data = lambda: "451 4.3.0 try later"
    await notifier.post.send(delivery_id, 0)
    async with notifier.context.database.session() as session:
        payloads = [json.loads(each) for each in await session.scalars(sa.select(job.c.payload).order_by(job.c.id))]
    assert [each["attempts"] for each in payloads] == [0, 1]


async def test_two_workers_never_send_the_same_mail_at_the_same_time(notifier: Notifier) -> None:
    _, delivery_id = await queued(notifier)
    results = await asyncio.gather(*(notifier.post.send(delivery_id) for _ in range(4)), return_exceptions=True)

    assert len(notifier.server.mails) == 1
    assert all(each is None or isinstance(each, BusyError) for each in results)


async def test_many_mails_go_over_one_connection(notifier: Notifier) -> None:
    await notifier.knows(OURS, THEIRS)
    for name in ("Ada", "Bea", "Cleo", "Dora", "Emma", "Fay"):
        await notifier.person(name, (OURS.organisation_id, "sme_contact"))
    await notifier.proposes(suggestion(OURS.organisation_id, THEIRS.organisation_id))
    await notifier.works()

    assert len(notifier.server.mails) == 6
    assert notifier.server.connections == 1


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(250, "sent"), (421, "deferred"), (451, "deferred"), (550, "refused"), (554, "refused"), (0, "deferred")],
)
def test_a_reply_code_decides_what_happens_next(code: int, outcome: str) -> None:
    assert outcomes.of_reply(code) == outcome


def test_pauses_between_attempts_double_up_to_two_hours() -> None:
    pauses = [outcomes.delay_before(attempt) for attempt in range(2, 30)]
    assert pauses[:3] == [timedelta(seconds=10), timedelta(seconds=20), timedelta(seconds=40)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(hours=2)
