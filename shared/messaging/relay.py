"""The relay: one leader per service sends the journal's unpublished rows to Kafka, in order per key."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, UnknownTopicOrPartitionError
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import Database
from shared.messaging.broker import make_producer
from shared.messaging.leader import Leader
from shared.messaging.restore import is_restored, reconcile
from shared.messaging.tables import broker_state, journal
from shared.observability import JOURNAL_PUBLISHED
from shared.settings import ServiceSettings

log = structlog.get_logger()

FIRST_RETRY = timedelta(seconds=1)
LONGEST_RETRY = timedelta(minutes=5)
POLL_SECONDS = 1.0
BROKER_FAULTS = (KafkaConnectionError, KafkaTimeoutError, UnknownTopicOrPartitionError)
"""Faults of the broker, not of a row: nothing is held against the key."""


class BrokerAway(Exception):  # noqa: N818 - a state, named for what it says
    """The broker can't take rows now; they stay unpublished."""


class Row(NamedTuple):
    """One journal row as it is sent."""

    seq: int
    event_id: Any
    type: str
    topic: str
    key: str
    epoch: int
    n: int
    body: str | None
    traceparent: str | None
    time: Any
    attempts: int
    replay_for: str | None
    announced_again: bool


class Outcome(NamedTuple):
    """What became of a row: the partition it went to, or the error."""

    row: Row
    partition: int | None
    error: BaseException | None


def headers_of(row: Row, service: str) -> list[tuple[str, bytes]]:
    """Return the CloudEvents 1.0 headers (Kafka binary mode) of a journal row."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(row.event_id).encode()),
        ("ce_type", row.type.encode()),
        ("ce_source", f"/{service}".encode()),
        ("ce_subject", row.key.encode()),
        ("ce_time", row.time.isoformat().encode()),
        ("ce_aggregateversion", f"{row.epoch}.{row.n}".encode()),
        ("ce_sequence", str(row.seq).encode()),
        ("content-type", b"application/json"),
    ]
    if row.traceparent:
        headers.append(("traceparent", row.traceparent.encode()))
    if row.replay_for:
        headers.append(("ce_replayfor", row.replay_for.encode()))
    if row.announced_again:
        headers.append(("ce_announcedagain", b"true"))
    return headers


def waves(rows: Iterable[Row]) -> list[list[Row]]:
    """Split rows so that each wave holds at most one row per key, in order: a wave is sent when the one before is in.

    A key whose row fails in one wave is dropped from the later ones by the relay, so its order survives any failure.
    """
    result: list[list[Row]] = []
    depth: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        level = depth[(row.topic, row.key)]
        depth[(row.topic, row.key)] += 1
        if level == len(result):
            result.append([])
        result[level].append(row)
    return result


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
    ) -> None:
        self._service = service
        self._database = database
        self._epoch = epoch
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._journaled = asyncio.Event()
        self.leader = Leader(database, "relay", listen="journal", on_notify=self._journaled.set)

    async def run(self) -> None:
        """Relay until cancelled; every fault is logged and survived."""
        while True:
            try:
                if await self.leader.hold() and (epoch := self._epoch()):
                    await self._begin_epoch(epoch)
                    await self._reconcile_if_restored()
                    await self._relay_all()
                await self._wait()
            except BrokerAway as error:
                log.warning("relay waits for the broker", fault=str(error))
                await self._drop_producer()
                await asyncio.sleep(POLL_SECONDS)
            except Exception as error:  # noqa: BLE001 - the relay must outlive every fault
                log.warning("relay will go on", fault=type(error).__name__, detail=str(error)[:200])
                await self.leader.release()
                await asyncio.sleep(POLL_SECONDS)

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
        while self._epoch() and await self.relay_once():
            pass

    async def _begin_epoch(self, epoch: str) -> None:
        """Note the broker's epoch; when it is a new one, everything in the journal is to be sent again."""
        async with self._database.transaction() as session:
            known = await session.scalar(sa.select(broker_state.c.broker_epoch))
            if known == epoch:
                return
            if known is not None:
                log.warning("broker came back empty, sending the journal again", epoch=epoch, before=known)
                await session.execute(
                    sa.update(journal)
                    .where(journal.c.published_at.is_not(None), journal.c.redacted_at.is_(None))
                    .values(published_at=None, retry_at=None, partition=None, replay_for=None)
                )
            statement = insert(broker_state).values(broker_epoch=epoch)
            await session.execute(
                statement.on_conflict_do_update(index_elements=["single"], set_={"broker_epoch": epoch})
            )
        await self._drop_producer()

    async def _reconcile_if_restored(self) -> None:
        async with self._database.transaction() as session:
            if await is_restored(session):
                await reconcile(session, self._service, self._settings)

    async def relay_once(self) -> int:
        """Send one batch and note the outcome; return how many rows were taken. Raises :class:`BrokerAway`."""
        async with self._database.transaction() as session:
            rows = await self._unpublished(session)
            if not rows:
                return 0
            outcomes = await self._send(rows)
            await self._note(session, outcomes)
        if any(isinstance(each.error, BROKER_FAULTS) for each in outcomes):
            raise BrokerAway(type(next(e.error for e in outcomes if isinstance(e.error, BROKER_FAULTS))).__name__)
        return len(rows)

    async def _unpublished(self, session: AsyncSession) -> list[Row]:
        blocked = journal.alias("blocked")
        failing = sa.exists().where(
            blocked.c.published_at.is_(None),
            blocked.c.retry_at > sa.func.now(),
            blocked.c.topic == journal.c.topic,
            blocked.c.key == journal.c.key,
        )
        columns = [
            sa.cast(journal.c.body, sa.Text).label("body") if name == "body" else journal.c[name]
            for name in Row._fields
        ]
        query = sa.select(*columns).where(journal.c.published_at.is_(None), ~failing)
        return [
            Row(*each)
            for each in await session.execute(query.order_by(journal.c.seq).limit(self._settings.relay_batch))
        ]

    async def _send(self, rows: Sequence[Row]) -> list[Outcome]:
        producer = await self._started_producer()
        outcomes: list[Outcome] = []
        failed: set[tuple[str, str]] = set()
        for wave in waves(rows):
            pending: list[tuple[Row, Any]] = []
            for row in wave:
                if (row.topic, row.key) in failed:
                    continue
                if row.body is None:  # redacted: there is nothing left to say
                    outcomes.append(Outcome(row, None, None))
                    continue
                try:
                    future = await producer.send(
                        row.topic, row.body.encode(), key=row.key.encode(), headers=headers_of(row, self._service)
                    )
                    pending.append((row, future))
                except KafkaError as error:
                    outcomes.append(Outcome(row, None, error))
                    failed.add((row.topic, row.key))
            results = await asyncio.gather(*(future for _, future in pending), return_exceptions=True)
            for (row, _), result in zip(pending, results, strict=True):
                if isinstance(result, BaseException):
                    outcomes.append(Outcome(row, None, result))
                    failed.add((row.topic, row.key))
                else:
                    outcomes.append(Outcome(row, result.partition, None))
        return outcomes

    async def _note(self, session: AsyncSession, outcomes: Sequence[Outcome]) -> None:
        sent = [each for each in outcomes if each.error is None]
        if sent:
            arrays = sa.select(
                sa.func.unnest(sa.cast([e.row.seq for e in sent], sa.ARRAY(sa.BigInteger))).label("seq"),
                sa.func.unnest(sa.cast([e.partition for e in sent], sa.ARRAY(sa.SmallInteger))).label("partition"),
            ).subquery()
            await session.execute(
                sa.update(journal)
                .where(journal.c.seq == arrays.c.seq)
                .values(
                    published_at=sa.func.clock_timestamp(),
                    partition=arrays.c.partition,
                    retry_at=None,
                    last_error=None,
                    replay_for=None,
                )
            )
            for each in sent:
                JOURNAL_PUBLISHED.labels(each.row.topic).inc()
        for each in outcomes:
            if each.error is not None and not isinstance(each.error, BROKER_FAULTS):
                await self._hold_back(session, each)

    async def _hold_back(self, session: AsyncSession, outcome: Outcome) -> None:
        """Keep a row that can't be sent, and with it the later rows of its key, for an ever longer while."""
        row = outcome.row
        delay = min(FIRST_RETRY * 2 ** min(row.attempts, 20), LONGEST_RETRY)
        error = f"{type(outcome.error).__name__}: {outcome.error}"[:500]
        log.error("journal row can't be sent", seq=row.seq, type=row.type, error=error)
        await session.execute(
            sa.update(journal)
            .where(journal.c.seq == row.seq)
            .values(attempts=row.attempts + 1, retry_at=sa.func.now() + delay, last_error=error)
        )

    async def _started_producer(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = make_producer(self._settings)
            try:
                await producer.start()
            except KafkaError as error:
                await producer.stop()
                raise BrokerAway(type(error).__name__) from error
            self._producer = producer
        return self._producer

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer:
            try:
                await asyncio.wait_for(producer.stop(), 5)
            except Exception as error:  # noqa: BLE001 - it is being thrown away
                log.warning("producer did not stop cleanly", fault=type(error).__name__)
