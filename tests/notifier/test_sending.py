"""Handing mails to the server: retries, refusals, and what a killed sender leaves behind."""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from deploy.local.process import Process, free_port, wait_until
from services.notifier import outcomes, sending
from services.notifier.models import Attempt, Person
from services.notifier.repository import deliveries as rows
from services.notifier.repository import people
from services.notifier.sending import BusyError, Post
from shared.contracts import Version
from shared.contracts.profiles import PERSON_CHANGED, PERSON_ERASED, PersonChanged, PersonErased
from shared.messaging.tables import job, journal
from tests.notifier.support import Notifier, organisation, suggestion

OURS, THEIRS = organisation("Alpha GmbH"), organisation("Beta SAS", "FR")


async def _queued(notifier: Notifier) -> tuple[UUID, UUID]:
    """One person with one suggestion mail in the queue; returns person and delivery."""
    await notifier.knows(OURS, THEIRS)
    anna = await notifier.person("Anna", (OURS.organisation_id, "sme_contact"))
    await notifier.proposes(suggestion(OURS.organisation_id, THEIRS.organisation_id))
    await notifier.composes()
    (delivery,) = await notifier.deliveries()
    return anna, delivery.delivery_id


async def _trail(notifier: Notifier) -> list[tuple[str, int | None]]:
    async with notifier.context.database.session() as session:
        found = await session.scalars(sa.select(Attempt).order_by(Attempt.number))  # type: ignore[arg-type]
        return [(each.outcome, each.code) for each in found]


async def test_a_mail_deferred_by_the_server_is_tried_again_and_arrives(notifier: Notifier) -> None:
    _, delivery_id = await _queued(notifier)
    notifier.server.on_data = lambda: "451 4.3.0 try later"
    await notifier.post.send(delivery_id)
    assert [each.state for each in await notifier.deliveries()] == ["queued"]

    notifier.server.on_data = lambda: None
    await notifier.post.send(delivery_id)

    assert len(notifier.server.mails) == 1
    assert [(each.state, each.ambiguous) for each in await notifier.deliveries()] == [("sent", False)]
    assert await _trail(notifier) == [("deferred", 451), ("sent", 250)]


async def test_a_mail_refused_for_good_fails_and_the_trail_says_why_without_the_address(notifier: Notifier) -> None:
    _, delivery_id = await _queued(notifier)
    notifier.server.on_recipient = lambda address: f"550 5.7.1 <{address}> not wanted"
    await notifier.post.send(delivery_id)
    await notifier.post.send(delivery_id)

    (delivery,) = await notifier.deliveries()
    assert (delivery.state, delivery.attempts) == ("failed", 1)
    assert delivery.reason == "5.7.1 <address> not wanted"


async def test_after_a_bounce_only_sign_in_links_go_to_that_address(notifier: Notifier) -> None:
    anna, delivery_id = await _queued(notifier)
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
    _, delivery_id = await _queued(notifier)
    notifier.server.stop()
    await notifier.post.send(delivery_id)

    assert [each.state for each in await notifier.deliveries()] == ["queued"]
    assert await _trail(notifier) == [("deferred", None)]
    async with notifier.context.database.session() as session:
        waiting = await session.scalar(
            sa.select(sa.func.count()).select_from(job).where(job.c.next_attempt_at > sa.func.now())
        )
    assert waiting == 1


async def test_a_sender_killed_between_the_servers_yes_and_the_commit_leaves_an_ambiguous_mail(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, delivery_id = await _queued(notifier)

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
    assert await _trail(notifier) == [("unknown", None), ("sent", 250)]
    assert await _published(notifier) == ["queued", "ambiguous"]


async def test_a_database_that_is_away_for_a_moment_after_the_servers_yes_makes_no_double(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, delivery_id = await _queued(notifier)
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


async def _sent_while_the_database_went_away(notifier: Notifier, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """The server has said yes, and no attempt to write that down has worked."""
    _, delivery_id = await _queued(notifier)

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
    delivery_id = await _sent_while_the_database_went_away(notifier, monkeypatch)

    await notifier.post.send(delivery_id, 0)

    assert len(notifier.server.mails) == 1
    assert [(each.state, each.ambiguous) for each in await notifier.deliveries()] == [("sent", False)]
    assert await _trail(notifier) == [("sent", 250)]
    assert notifier.post.unrecorded == {}


async def test_control_a_sender_that_forgets_what_the_server_said_makes_a_double(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery_id = await _sent_while_the_database_went_away(notifier, monkeypatch)

    notifier.post.unrecorded.clear()
    await notifier.post.send(delivery_id, 0)

    assert len(notifier.server.mails) == 2


async def test_an_outcome_whose_commit_was_answered_too_late_is_written_down_once(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, delivery_id = await _queued(notifier)
    original, lost = Post._write_down, []

    async def answer_lost(self: Post, *arguments: Any) -> None:
        await original(self, *arguments)
        if not lost:
            lost.append(1)
            raise OperationalError("COMMIT", {}, ConnectionResetError())

    monkeypatch.setattr(Post, "_write_down", answer_lost)
    await notifier.post.send(delivery_id, 0)

    assert lost == [1]
    assert await _published(notifier) == ["queued", "sent"]


async def _jobs(notifier: Notifier) -> int:
    async with notifier.context.database.session() as session:
        return int(await session.scalar(sa.select(sa.func.count()).select_from(job)) or 0)


async def test_a_tarpit_that_outlasts_the_lease_neither_multiplies_jobs_nor_shortens_the_pause(
    notifier: Notifier,
) -> None:
    """A second worker takes the job over while the first still waits for the server."""
    _, delivery_id = await _queued(notifier)
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
    jobs = await _jobs(notifier)

    notifier.server.on_data = lambda: None
    await notifier.post.send(delivery_id, 0)

    assert await _trail(notifier) == [("deferred", 451)], "the job that was taken over does not send before its time"
    assert await _jobs(notifier) == jobs, "and queues nothing"

    await notifier.post.send(delivery_id, 1)
    assert await _trail(notifier) == [("deferred", 451), ("sent", 250)]


async def test_the_job_of_a_killed_sender_still_has_its_turn(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, delivery_id = await _queued(notifier)

    async def die(*_arguments: object) -> None:
        raise asyncio.CancelledError

    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(Post, "_end", die)
            with pytest.raises(asyncio.CancelledError):
                await notifier.post.send(delivery_id, 0)
        notifier.post.unrecorded.clear()
    await notifier.post.send(delivery_id, 0)

    assert await _trail(notifier) == [("unknown", None), ("unknown", None), ("sent", 250)]


async def test_a_deferred_mails_next_job_knows_how_many_attempts_were_before_it(notifier: Notifier) -> None:
    _, delivery_id = await _queued(notifier)
    notifier.server.on_data = lambda: "451 4.3.0 try later"
    await notifier.post.send(delivery_id, 0)
    async with notifier.context.database.session() as session:
        payloads = [json.loads(each) for each in await session.scalars(sa.select(job.c.payload).order_by(job.c.id))]
    assert [each["attempts"] for each in payloads] == [0, 1]


async def test_a_sender_killed_before_data_leaves_nothing_ambiguous(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, delivery_id = await _queued(notifier)

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
    _, delivery_id = await _queued(notifier)
    notifier.server.hang_up = True
    await notifier.post.send(delivery_id)
    assert [each.state for each in await notifier.deliveries()] == ["sending"]

    notifier.server.hang_up = False
    await notifier.post.send(delivery_id)

    first, second = notifier.server.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert await _trail(notifier) == [("unknown", None), ("sent", 250)]
    assert [(each.state, each.ambiguous) for each in await notifier.deliveries()] == [("sent", True)]


async def test_two_workers_never_send_the_same_mail_at_the_same_time(notifier: Notifier) -> None:
    _, delivery_id = await _queued(notifier)
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


async def test_when_a_person_is_erased_her_queued_mail_and_her_address_are_gone(notifier: Notifier) -> None:
    anna, delivery_id = await _queued(notifier)
    address = notifier.address(anna)
    await notifier.hears(PERSON_ERASED, PersonErased(version=Version(epoch=1, n=2), person_id=anna))
    await notifier.hears_of(anna, n=1)
    await notifier.works()
    await notifier.post.send(delivery_id)

    assert notifier.server.mails == []
    assert [(each.state, each.reason) for each in await notifier.deliveries()] == [("suppressed", "erased")]
    assert await _tables_holding(notifier, address) == []


async def test_the_search_for_an_address_would_find_it(notifier: Notifier) -> None:
    anna, _ = await _queued(notifier)
    assert await _tables_holding(notifier, notifier.address(anna)) == ["person"]


async def test_a_person_whom_profiles_no_longer_knows_loses_her_card(notifier: Notifier) -> None:
    anna, _ = await _queued(notifier)
    del notifier.profiles.cards[anna]
    organisations = (OURS.organisation_id,)
    await notifier.hears(
        PERSON_CHANGED, PersonChanged(version=Version(epoch=1, n=2), person_id=anna, organisation_ids=organisations)
    )
    await notifier.works()
    async with notifier.context.database.session() as session:
        person = await people.get(session, anna)
    assert person is not None
    assert (person.email, person.name, person.erased) == (None, None, True)


async def test_cards_wait_while_profiles_is_away(notifier: Notifier) -> None:
    notifier.profiles.away = True
    await notifier.knows(OURS, THEIRS)
    anna = await notifier.person("Anna", (OURS.organisation_id, "sme_contact"))
    await notifier.proposes(suggestion(OURS.organisation_id, THEIRS.organisation_id))
    with pytest.raises(Exception, match="away"):
        await notifier.works()

    notifier.profiles.away = False
    async with notifier.context.database.transaction() as session:
        await session.execute(sa.update(Person).values(wanted_at=Person.wanted_at - timedelta(seconds=2)))
    await notifier.works()
    assert len(notifier.server.to(notifier.address(anna))) == 1


@pytest.mark.faults
async def test_a_notifier_killed_at_the_servers_yes_sends_again_under_the_same_message_id(
    notifier: Notifier, settings: Callable[..., Any], keys: Any, tmp_path: Path
) -> None:
    """A real process, a real SIGKILL at the moment the server has taken the mail."""
    _, _ = await _queued(notifier)
    process = _process(notifier.context.settings, keys, tmp_path)
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
        process = _process(notifier.context.settings, keys, tmp_path)
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


def _process(settings: Any, keys: Any, folder: Path) -> Process:
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


async def _published(notifier: Notifier) -> list[str]:
    async with notifier.context.database.session() as session:
        bodies = await session.scalars(sa.select(journal.c.body).order_by(journal.c.seq))
        return [body["state"] for body in bodies]


async def _tables_holding(notifier: Notifier, text: str) -> list[str]:
    """Search every table of the notifier's database."""
    async with notifier.context.database.session() as session:
        names = await session.scalars(
            sa.text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1")
        )
        found = []
        for name in names:
            query = sa.text(f'SELECT EXISTS (SELECT FROM "{name}" AS t WHERE t::text LIKE :text)')
            if await session.scalar(query, {"text": f"%{text}%"}):
                found.append(name)
        return found


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
