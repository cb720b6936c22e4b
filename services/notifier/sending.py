"""Use case of sending: hand one queued mail to the mail server, and keep the trail.

The order of steps decides what a killed process can leave behind:

1. sender and recipient are named to the server; nothing is delivered yet, nothing is marked;
2. the marker ``sending`` and the attempt are committed;
3. the content is sent; 4. the outcome is committed.

Killed before 2, the mail is simply sent later. Killed between 2 and 4 nobody knows whether the server has taken it:
the next attempt finds the marker, sends again under the same Message-ID and marks the delivery ``ambiguous``. A process
that lives and could not commit 4 keeps the outcome in mind, and the job's next try only writes it down.

One worker at a time holds a delivery, by a lock that is gone when its connection is cut while the worker waits for a
slow mail server. So steps 2 and 4 look again, under the row's lock, whether the delivery is as the worker has read it.
"""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier import audience, deliveries, outcomes, pages
from services.notifier.message import DkimKey, Envelope, Sender, UnmailableError, as_bytes, build
from services.notifier.models import Attempt, Delivery, Person
from services.notifier.outcomes import Outcome
from services.notifier.people import Profiles, card_of
from services.notifier.rendering import render
from services.notifier.repository import deliveries as rows
from services.notifier.repository import notices as notice_rows
from services.notifier.repository import people
from services.notifier.settings import Settings
from services.notifier.smtp import BrokenOffError, MailServer, RefusedError, UnreachableError
from services.notifier.state import Links
from services.notifier.tokens import address_hash
from shared.clock import now
from shared.contracts.notifier import DeliveryState
from shared.database import Database
from shared.observability import fault_of

log = structlog.get_logger()

SENDING = "sending"

RECORDING_PAUSES = (0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds between attempts to write down an outcome while our database is away, together less than a job's lease. Then
the job is tried again; as long as this process lives it knows what the server has said, and need not send a double."""


class BusyError(Exception):
    """Another worker is sending this mail just now; the job is tried again."""


class SupersededError(Exception):
    """Another worker has taken over since this one read the delivery: its turn is over."""


@dataclass(frozen=True)
class Outgoing:
    """A mail ready for the server. ``attempts``: how many had been made when the delivery was read."""

    attempts: int
    recipient: str
    content: bytes
    told: tuple[str, ...]


@dataclass(frozen=True)
class Ended:
    """How an attempt ended, as the server said."""

    number: int
    outcome: Outcome
    code: int | None
    text: str


@dataclass(frozen=True)
class Post:
    """Everything needed to send: database, mail server, sender, keys, links, and profiles for a card not yet here."""

    database: Database
    server: MailServer
    sender: Sender
    dkim_key: DkimKey | None
    links: Links
    address_key: bytes
    settings: Settings
    profiles: Profiles
    unrecorded: dict[UUID, Ended] = field(default_factory=dict)
    """What the server has said and our database does not know yet."""

    async def send(self, delivery_id: UUID, attempts: int | None = None) -> None:
        """Try once to send a delivery; what can be tried again is queued again with a growing pause.

        ``attempts``: how many had been made when the job was queued. When more have ended since, another job is on its
        way and this one's turn is over; ``None``: whatever has been before.

        Raises :class:`BusyError`, and whatever keeps us from reading or writing our own database.
        """
        async with self.database.transaction() as hold:
            if not await rows.try_hold(hold, delivery_id):
                raise BusyError(str(delivery_id))
            ended = self.unrecorded.get(delivery_id)
            if ended is not None and await self._record(delivery_id, ended):
                return
            outgoing = await self._prepare(delivery_id, attempts)
            if outgoing is not None:
                try:
                    await self._hand_over(delivery_id, outgoing)
                except SupersededError:
                    log.warning("another worker has taken this mail over", delivery=str(delivery_id))

    async def _prepare(self, delivery_id: UUID, attempts: int | None) -> Outgoing | None:
        async with self.database.session() as session:
            delivery = await rows.get(session, delivery_id)
            if delivery is None or delivery.state in rows.FINAL:
                return None
            if attempts not in (None, delivery.attempts) and not await rows.attempt_is_open(
                session, delivery_id, delivery.attempts
            ):
                return None
            read = delivery.attempts
            person = await people.get(session, delivery.person_id)
            if delivery.template == audience.SIGN_IN and (person is None or person.email is None):
                person = await card_of(self.profiles, delivery.person_id)
            try:
                return await self._outgoing(session, delivery, person)
            except pages.NothingToTellError as error:
                state, reason = DeliveryState.SUPPRESSED, str(error)
                release = isinstance(error, pages.NoSuggestionLeftError)
            except UnmailableError as error:
                state, reason, release = DeliveryState.FAILED, str(error), False
        await self._close(delivery_id, read, state, reason, release=release)
        return None

    async def _outgoing(self, session: AsyncSession, delivery: Delivery, person: Person | None) -> Outgoing:
        if person is None or person.erased or person.email is None:
            raise pages.NothingToTellError("erased")
        hashed = address_hash(self.address_key, person.email)
        if delivery.template != audience.SIGN_IN and await people.suppressed(session, hashed):
            raise pages.NothingToTellError("mailbox does not exist")
        told = await pages.tell(session, delivery, person, self.links, self.settings)
        envelope = Envelope(
            delivery_id=delivery.delivery_id,
            name=told.reader.name,
            address=person.email,
            date=delivery.created_at,
            occasions=told.keys,
            unsubscribe_url=told.unsubscribe_url,
            list_name=told.list_name,
        )
        message = build(self.sender, envelope, render(told.page, told.reader))
        recipient = message["To"].addresses[0].addr_spec
        return Outgoing(delivery.attempts, recipient, as_bytes(message, self.dkim_key), told.keys)

    async def _hand_over(self, delivery_id: UUID, outgoing: Outgoing) -> None:
        try:
            submission = await self.server.prepare(self.sender.address, outgoing.recipient)
        except UnreachableError as error:
            number = await self._begin(delivery_id, outgoing.attempts)
            await self._record(delivery_id, Ended(number, Outcome.DEFERRED, None, str(error)))
            return
        except RefusedError as error:
            number = await self._begin(delivery_id, outgoing.attempts)
            if error.recipient and outcomes.means_no_mailbox(error.reply.code, error.reply.text):
                await self._suppress(outgoing.recipient)
            # A refused *sender* is a fault of our set-up, not of this recipient: it is tried again.
            outcome = outcomes.of_reply(error.reply.code) if error.recipient else Outcome.DEFERRED
            await self._record(delivery_id, Ended(number, outcome, error.reply.code, error.reply.text))
            return
        async with submission:
            number = await self._begin(delivery_id, outgoing.attempts, outgoing.told)
            try:
                reply = await submission.deliver(outgoing.content)
                outcome, code, text = Outcome.SENT, reply.code, reply.text
            except RefusedError as error:
                outcome, code, text = outcomes.of_reply(error.reply.code), error.reply.code, error.reply.text
            except BrokenOffError as error:
                outcome, code, text = Outcome.UNKNOWN, 0, str(error)
        await self._record(delivery_id, Ended(number, outcome, code or None, text))

    async def _begin(self, delivery_id: UUID, attempts: int, told: tuple[str, ...] | None = None) -> int:
        """Commit that an attempt begins; with ``told`` that from now on the server may have a mail telling these.

        Raises :class:`SupersededError` when ``attempts`` are no longer all that have been made.
        """
        async with self.database.transaction() as session:
            delivery = await _locked(session, delivery_id)
            if not _is_at(delivery, attempts):
                raise SupersededError(str(delivery_id))
            if delivery.state == SENDING:
                await rows.close_open_attempts(session, delivery_id, now())
                delivery.ambiguous = True
            delivery.attempts += 1
            if told is not None:
                delivery.state = SENDING
                if not delivery.ambiguous:
                    await notice_rows.release_untold(session, delivery_id, told, now())
            attempt = Attempt(
                delivery_id=delivery_id, number=delivery.attempts, started_at=now(), outcome=Outcome.SENDING
            )
            await rows.begin_attempt(session, attempt)
            return delivery.attempts

    async def _record(self, delivery_id: UUID, ended: Ended) -> bool:
        """Write down an outcome, however long that takes; ``False`` when the delivery has gone on without it."""
        self.unrecorded[delivery_id] = ended
        for pause in RECORDING_PAUSES:
            try:
                return await self._end(delivery_id, ended)
            except (SQLAlchemyError, OSError) as error:
                log.warning("the outcome will be written down again", fault=fault_of(error), outcome=ended.outcome)
                await asyncio.sleep(pause)
        return await self._end(delivery_id, ended)

    async def _end(self, delivery_id: UUID, ended: Ended) -> bool:
        written = await self._write_down(delivery_id, ended)
        self.unrecorded.pop(delivery_id, None)
        return written

    async def _write_down(self, delivery_id: UUID, ended: Ended) -> bool:
        outcome, text = ended.outcome, ended.text
        async with self.database.transaction() as session:
            delivery = await _locked(session, delivery_id)
            if not await rows.attempt_is_open(session, delivery_id, ended.number):
                # Written down before: the commit's answer was lost, or another process began a new attempt.
                return False
            await rows.end_attempt(session, delivery_id, ended.number, now(), outcome, ended.code, text)
            if not _is_at(delivery, ended.number):
                # True of the attempt, but another process has begun the next: state and queue are that one's.
                return False
            if outcome is Outcome.SENT:
                await deliveries.change(session, delivery, DeliveryState.SENT)
                if delivery.template == audience.NOTICE:
                    await people.note_noticed(session, delivery.person_id, now())
            elif outcome is Outcome.REFUSED:
                await deliveries.change(session, delivery, DeliveryState.FAILED, text)
            elif now() - delivery.created_at > outcomes.GIVE_UP_AFTER:
                await deliveries.change(session, delivery, DeliveryState.FAILED, f"given up: {text}")
            else:
                # After ``unknown`` the marker stays: the next attempt must know that the server may have the mail.
                if outcome is Outcome.DEFERRED:
                    delivery.state = DeliveryState.QUEUED
                await deliveries.enqueue(session, delivery, delay=outcomes.delay_before(delivery.attempts + 1))
        log.info("mail attempt", delivery=str(delivery_id), attempt=ended.number, outcome=outcome, code=ended.code)
        return True

    async def _suppress(self, address: str) -> None:
        async with self.database.transaction() as session:
            await people.suppress(session, address_hash(self.address_key, address), "no such mailbox", now())

    async def _close(self, delivery_id: UUID, attempts: int, state: str, reason: str, *, release: bool) -> None:
        async with self.database.transaction() as session:
            delivery = await _locked(session, delivery_id)
            if _is_at(delivery, attempts):
                if release and delivery.state != SENDING and not delivery.ambiguous:
                    await notice_rows.release_untold(session, delivery_id, (), now())
                await rows.close_open_attempts(session, delivery_id, now())
                await deliveries.change(session, delivery, state, reason)


async def _locked(session: AsyncSession, delivery_id: UUID) -> Delivery:
    delivery = await rows.lock(session, delivery_id)
    if delivery is None:
        raise LookupError("a delivery is never deleted while it is being sent")
    return delivery


def _is_at(delivery: Delivery, attempts: int) -> bool:
    """Whether a locked delivery is open still and no attempt has begun after these."""
    return delivery.state not in rows.FINAL and delivery.attempts == attempts
