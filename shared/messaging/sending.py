"""How journal rows are sent: their headers, and waves that keep the order of each key whatever fails."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, UnknownTopicOrPartitionError

from shared.messaging.tables import journal, unsent

TOPIC_SECONDS = 3.0
"""How long a topic that the producer does not know yet is looked for; one that exists is found at once."""
ANSWER_SECONDS = 20.0
"""How long the broker may take to answer; twice the client's request time-out."""


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


def columns_of_row() -> list[sa.ColumnElement[Any]]:
    """Return the columns of journal ⋈ unsent in the order of :class:`Row`; the body as text, as it is sent."""
    of_unsent = {"attempts": unsent.c.attempts, "replay_for": unsent.c.replay_for}
    body = sa.cast(journal.c.body, sa.Text).label("body")
    return [
        body if name == "body" else of_unsent[name] if name in of_unsent else journal.c[name] for name in Row._fields
    ]


class Outcome(NamedTuple):
    """What became of a row: the partition it went to and its offset there, or the error."""

    row: Row
    partition: int | None
    error: BaseException | None
    offset: int = -1


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


async def send_in_order(producer: AIOKafkaProducer, rows: Sequence[Row], service: str) -> list[Outcome]:
    """Send rows; a key whose row failed is left out of the later waves (no outcome: it stays unpublished).

    A topic that is missing, or takes nothing more, costs one wait and not one per row. An answer that is late counts
    as a :class:`KafkaTimeoutError`: its row may still arrive, so the producer must be thrown away before the next try.
    """
    outcomes: list[Outcome] = []
    failed: set[tuple[str, str]] = set()
    stopped = {
        topic: error for topic in sorted({row.topic for row in rows}) if (error := await _missing(producer, topic))
    }
    for wave in waves(rows):
        pending: list[tuple[Row, asyncio.Future[Any]]] = []
        for row in wave:
            if (row.topic, row.key) in failed:
                continue
            if row.body is None:  # redacted: there is nothing left to say
                outcomes.append(Outcome(row, None, None))
                continue
            try:
                if row.topic in stopped:
                    raise stopped[row.topic]
                future = await producer.send(
                    row.topic, row.body.encode(), key=row.key.encode(), headers=headers_of(row, service)
                )
                pending.append((row, future))
            except KafkaError as error:
                if isinstance(error, UnknownTopicOrPartitionError | KafkaTimeoutError):
                    stopped[row.topic] = error
                outcomes.append(Outcome(row, None, error))
                failed.add((row.topic, row.key))
        for row, future in await _answered(pending):
            outcome = _outcome(row, future)
            outcomes.append(outcome)
            if outcome.error is not None:
                failed.add((row.topic, row.key))
    return outcomes


async def _missing(producer: AIOKafkaProducer, topic: str) -> KafkaError | None:
    """Return the fault of a topic that is not there; the producer itself would look for it for each row anew."""
    try:
        async with asyncio.timeout(TOPIC_SECONDS):
            await producer.partitions_for(topic)
    except (TimeoutError, UnknownTopicOrPartitionError):
        return UnknownTopicOrPartitionError(topic)
    except KafkaError as error:
        return error
    return None


async def _answered(pending: list[tuple[Row, "asyncio.Future[Any]"]]) -> list[tuple[Row, "asyncio.Future[Any]"]]:
    """Wait for the broker's answers, not for ever: an idempotent producer never gives a record up by itself."""
    if pending:
        await asyncio.wait([future for _, future in pending], timeout=ANSWER_SECONDS)
    return pending


def _outcome(row: Row, future: "asyncio.Future[Any]") -> Outcome:
    if not future.done():
        future.add_done_callback(lambda late: late.cancelled() or late.exception())
        return Outcome(row, None, KafkaTimeoutError(f"no answer in {ANSWER_SECONDS:.0f} s"))
    if future.cancelled():
        return Outcome(row, None, KafkaTimeoutError("the producer was closed"))
    if (error := future.exception()) is not None:
        return Outcome(row, None, error)
    record = future.result()
    return Outcome(row, record.partition, None, record.offset)
