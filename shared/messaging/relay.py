"""The relay: one leader per service sends the journal's unpublished rows to Kafka, in order per key."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

import sqlalchemy as sa
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError, UnknownTopicOrPartitionError
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import now
from shared.database import Database
from shared.messaging.broker import make_producer
from shared.messaging.journal import mark_for_replay
from shared.messaging.leader import Leader
from shared.messaging.restore import EraseAgain, is_restored, reconcile
from shared.messaging.sending import Outcome, Row, columns_of_row, send_in_order
from shared.messaging.tables import broker_state, head, journal, unsent
from shared.observability import JOURNAL_PUBLISHED, fault_of
from shared.settings import ServiceSettings

log = structlog.get_logger()

FIRST_RETRY = timedelta(seconds=1)
LONGEST_RETRY = timedelta(minutes=5)
POLL_SECONDS = 1.0
GATHER_SECONDS = 0.025
FIRST_REST = 1.0
LONGEST_REST = 60.0
AWAY_REST = 2.0
"""Seconds that a topic rests which the broker can't take now: doubling while others get through, short when none does.
In this process only: nothing is noted against the rows."""
START_SECONDS = 30.0
FLUSH_SECONDS = 5.0


def is_brokers_fault(error: BaseException | None) -> bool:
    """Whether a fault is the broker's and not the row's: nothing is held against the key."""
    return isinstance(error, KafkaTimeoutError) or (isinstance(error, KafkaError) and bool(error.retriable))


class BrokerAway(Exception):  # noqa: N818 - a state, named for what it says
    """The broker can't take rows now; they stay unpublished."""


class Relay:
    """Sends the journal while it is leader and the broker's epoch is known.

    ``epoch`` tells the broker epoch as last seen, ``None`` when the broker is away.
    """

    def __init__(
        self,
        service: str,
        database: Database,
        epoch: Callable[[], str | None],
        settings: ServiceSettings,
        erase_again: EraseAgain | None = None,
    ) -> None:
        self._service = service
        self._database = database
        self._epoch = epoch
        self._settings = settings
        self._erase_again = erase_again
        self._producer: AIOKafkaProducer | None = None
        self._begun: str | None = None
        self._resting: dict[str, tuple[float, float]] = {}
        """By topic: until when it rests, and for how long."""
        self._checked = 0.0
        self._journaled = asyncio.Event()
        self.leader = Leader(database, "relay", listen="journal", on_notify=self._journaled.set)

    async def run(self) -> None:
        """Relay until cancelled; every fault is logged and survived."""
        while True:
            try:
                if await self._lead() and (epoch := self._epoch()):
                    if epoch != self._begun:
                        await self._begin_epoch(epoch)
                    await self._relay_all()
                await self._wait()
            except BrokerAway as error:
                log.warning("relay waits for the broker", fault=str(error))
                await self._drop_producer()
                await asyncio.sleep(POLL_SECONDS)
            except Exception as error:  # noqa: BLE001 - the relay must outlive every fault
                log.warning("relay will go on", fault=fault_of(error))
                await self.leader.release()
                self._begun = None
                await asyncio.sleep(POLL_SECONDS)

    async def _lead(self) -> bool:
        """Whether this replica leads. The lock's connection is looked at once a second; NOTIFY comes through it."""
        checked, self._checked = self._checked, time.monotonic()
        if self.leader.held and self._checked - checked < POLL_SECONDS:
            self._checked = checked
            return True
        led_before = self.leader.held
        if not led_before:
            self._begun = None
        return await self.leader.hold()

    async def stop(self) -> None:
        """Give up leadership and close the producer (what it has in flight is finished first)."""
        await self._drop_producer()
        await self.leader.release()

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._journaled.wait(), POLL_SECONDS)
        except TimeoutError:
            return
        finally:
            self._journaled.clear()

    async def _relay_all(self) -> None:
        """Send until nothing is left, or until it is time to look whether we lead still and the broker is the same."""
        while self._epoch() == self._begun and (sent := await self.relay_once()):
            if sent < self._settings.relay_batch:
                # A notice comes with each commit; a burst of them is sent together. The first is not kept waiting.
                await asyncio.sleep(GATHER_SECONDS)
            if time.monotonic() - self._checked >= POLL_SECONDS:
                self._journaled.set()
                return

    async def _begin_epoch(self, epoch: str) -> None:
        """Note the broker's epoch; when it is a new one, everything in the journal is to be sent again."""
        async with self._database.transaction() as session:
            known = await session.scalar(sa.select(broker_state.c.broker_epoch))
            if known not in (None, epoch):
                log.warning("broker came back empty, sending the journal again", epoch=epoch, before=known)
                await mark_for_replay(session)
                await session.execute(sa.update(unsent).values(retry_at=None, replay_for=None))
                await session.execute(sa.delete(head))
            statement = insert(broker_state).values(broker_epoch=epoch)
            await session.execute(
                statement.on_conflict_do_update(index_elements=["single"], set_={"broker_epoch": epoch})
            )
            if await is_restored(session):
                await reconcile(session, self._service, self._settings, self._erase_again)
        if known != epoch:
            await self._drop_producer()
        self._resting.clear()
        self._begun = epoch

    async def relay_once(self) -> int:
        """Send one batch and note the outcome; return how many rows were taken. Raises :class:`BrokerAway`."""
        async with self._database.transaction() as session:
            rows = await self._unsent(session)
            if not rows:
                return 0
            outcomes = await self._send(rows)
            await self._note(session, outcomes)
        await self._look_at_faults(outcomes)
        return len(rows)

    async def _look_at_faults(self, outcomes: Sequence[Outcome]) -> None:
        """Let the topics rest that the broker could not take. Raises :class:`BrokerAway` if it took nothing at all."""
        sent = {each.row.topic for each in outcomes if each.error is None and each.partition is not None}
        faults = {each.row.topic: each.error for each in outcomes if is_brokers_fault(each.error)}
        for topic in sent - faults.keys():
            self._resting.pop(topic, None)
        for topic, error in faults.items():
            there = bool(sent) or isinstance(error, UnknownTopicOrPartitionError)
            _, before = self._resting.get(topic, (0.0, FIRST_REST / 2))
            pause = min(before * 2, LONGEST_REST) if there else AWAY_REST
            self._resting[topic] = (time.monotonic() + pause, pause)
            log.warning("the broker can't take a topic now", topic=topic, fault=type(error).__name__, seconds=pause)
        harmless = (MessageSizeTooLargeError, UnknownTopicOrPartitionError)
        if any(each.error is not None and not isinstance(each.error, harmless) for each in outcomes):
            # What has not been answered might still be sent, after later rows of its key.
            await self._drop_producer()
        if faults and not sent:
            raise BrokerAway(type(next(iter(faults.values()))).__name__)

    async def _unsent(self, session: AsyncSession) -> list[Row]:
        """Return the next rows in journal order, without keys that wait for a failed row and topics that rest."""
        waiting = unsent.alias("waiting")
        held_back = sa.exists().where(
            waiting.c.retry_at > sa.func.now(), waiting.c.topic == unsent.c.topic, waiting.c.key == unsent.c.key
        )
        resting = [topic for topic, (until, _) in self._resting.items() if until > time.monotonic()]
        query = (
            sa.select(*columns_of_row())
            .join_from(unsent, journal, journal.c.seq == unsent.c.seq)
            .where(~held_back, unsent.c.topic.not_in(resting))
            .order_by(unsent.c.seq)
            .limit(self._settings.relay_batch)
        )
        return [Row(*each) for each in await session.execute(query)]

    async def _send(self, rows: Sequence[Row]) -> list[Outcome]:
        return await send_in_order(await self._started_producer(), rows, self._service)

    async def _note(self, session: AsyncSession, outcomes: Sequence[Outcome]) -> None:
        sent = [each for each in outcomes if each.error is None]
        if sent:
            for audience in {each.row.replay_for for each in sent}:
                # Whom it was sent to counts: a row that is wanted by more readers since then is sent again.
                seqs = [each.row.seq for each in sent if each.row.replay_for == audience]
                gone = unsent.c.seq == sa.any_(sa.cast(seqs, sa.ARRAY(sa.BigInteger)))
                reached = unsent.c.replay_for.is_not_distinct_from(audience)
                await session.execute(sa.delete(unsent).where(gone, reached))
            await self._note_heads(session, sent)
        for each in outcomes:
            if each.error is not None and not is_brokers_fault(each.error):
                await self._hold_back(session, each)

    async def _note_heads(self, session: AsyncSession, sent: Sequence[Outcome]) -> None:
        """Remember the last record of ours on each partition, which is what readers' lag is counted from."""
        heads: dict[tuple[str, int], tuple[int, int]] = {}
        for each in sent:
            JOURNAL_PUBLISHED.labels(each.row.topic).inc()
            if each.partition is not None:
                place = (each.row.topic, each.partition)
                offset, sequence = heads.get(place, (-1, 0))
                heads[place] = max(offset, each.offset), max(sequence, each.row.seq)
        if not heads:
            return
        rows = [
            {
                "topic": topic,
                "partition": partition,
                "broker_epoch": self._begun or "",
                "offset": offset,
                "sequence": sequence,
                "sent_at": now(),
            }
            for (topic, partition), (offset, sequence) in sorted(heads.items())
        ]
        inserting = insert(head).values(rows)
        newer = {
            "broker_epoch": inserting.excluded.broker_epoch,
            "offset": sa.func.greatest(head.c.offset, inserting.excluded.offset),
            "sequence": sa.func.greatest(head.c.sequence, inserting.excluded.sequence),
            "sent_at": inserting.excluded.sent_at,
        }
        await session.execute(inserting.on_conflict_do_update(index_elements=["topic", "partition"], set_=newer))

    async def _hold_back(self, session: AsyncSession, outcome: Outcome) -> None:
        """Keep a row that can't be sent, and with it the later rows of its key, for an ever longer while."""
        row = outcome.row
        delay = min(FIRST_RETRY * 2 ** min(row.attempts, 20), LONGEST_RETRY)
        error = f"{type(outcome.error).__name__}: {outcome.error}"[:500]
        log.error("journal row can't be sent", seq=row.seq, type=row.type, error=error)
        await session.execute(
            sa.update(unsent)
            .where(unsent.c.seq == row.seq)
            .values(attempts=row.attempts + 1, retry_at=sa.func.now() + delay, last_error=error)
        )

    async def _started_producer(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = make_producer(self._settings)
            try:
                await asyncio.wait_for(producer.start(), START_SECONDS)
            except (KafkaError, TimeoutError) as error:
                await _close(producer)
                raise BrokerAway(type(error).__name__) from error
            self._producer = producer
        return self._producer

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer:
            await _close(producer)


async def _close(producer: AIOKafkaProducer) -> None:
    """Close a producer for good: what it could not flush in time is given up, or it would be sent behind our back."""
    try:
        await asyncio.wait_for(producer.stop(), FLUSH_SECONDS)
        return
    except Exception as error:  # noqa: BLE001 - it is being thrown away
        log.warning("producer did not stop cleanly", fault=type(error).__name__)
    try:
        # aiokafka's stop() waits for an unsendable record without end and leaves its sender running when cancelled.
        await asyncio.wait_for(producer._sender.close(), 15)
        await asyncio.wait_for(producer.client.close(), 5)
    except Exception as error:  # noqa: BLE001 - nothing more can be done
        log.warning("producer could not be ended", fault=type(error).__name__)
