"""After a database came back from a backup: what the service now says overrides all it said, and what it forgot ends.

The epoch is raised, the newest snapshot of every key is announced again under it, and keys that the streams know but
the journal does not (made after the backup) are ended by the event that their topic has for that; so are those that
the replaced database's journal knew, for the broker may have come back empty too. Announced-again events update
projections and cause no reaction: ``claim`` refuses while one is handled.

What had been erased since the backup comes back with it, so the service erases it once more before anything is
announced (:class:`EraseAgain`). Only the replaced database can tell: in a stream the tombstone of what was erased looks
like that of what an earlier restore has ended, and that may well be what this backup is to bring back.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from sqlalchemy.dialects.postgresql import JSONB, distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import now
from shared.contracts import EVENT_TYPES, EventType, Version, topics
from shared.contracts import matching as matching_events
from shared.contracts import mobility as mobility_events
from shared.contracts import profiles as profiles_events
from shared.ids import new_id
from shared.messaging.broker import client_arguments
from shared.messaging.tables import journal, service_epoch
from shared.settings import ServiceSettings

log = structlog.get_logger()

QUIET_MS = 2000
"""The embedded broker's end offsets read low, so its topics count as read only when they are silent that long, too."""
PATIENCE_SECONDS = 30.0
"""How long a broker may give nothing of what its end offsets promise; each of its answers is due within ten."""

forgotten = sa.Table(
    "restore_forgotten",
    sa.MetaData(),
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("body", JSONB, nullable=False),
    sa.Column("erased", sa.Boolean, nullable=False),
)
"""What the replaced database had announced and the restored one does not know: there until it is ended.

``erased``: what the replaced one had erased for good, though the restored one may know it.
"""

EraseAgain = Callable[[AsyncSession, str, UUID], Awaitable[None]]
"""How a service erases, without being asked by anybody, what it holds under a topic's key."""


class Said(NamedTuple):
    """The newest that was announced under a key: the type's name and the body as JSON."""

    type_name: str
    body: bytes | str
    erased: bool = False


ENDINGS: dict[str, tuple[EventType[Any], dict[str, Any]]] = {
    topics.ORGANISATIONS: (profiles_events.ORGANISATION_ERASED, {}),
    topics.PEOPLE: (profiles_events.PERSON_ERASED, {}),
    topics.SUGGESTIONS: (matching_events.SUGGESTION_WITHDRAWN, {"state": "withdrawn"}),
    topics.VISITS: (mobility_events.VISIT_CANCELLED, {"state": "cancelled"}),
    topics.VOUCHERS: (mobility_events.VOUCHER_CANCELLED, {"state": "cancelled"}),
}
"""How an aggregate that the restored database does not know is ended, by topic, with the fields that change."""

ERASURES = {topic: ending.name for topic, (ending, changes) in ENDINGS.items() if not changes}
"""Topics whose ending is an erasure for good, with its type."""


async def mark_restored(session: AsyncSession, above: int = 0) -> int:
    """Raise the epoch and note that the streams have to be reconciled; return the new epoch.

    ``above``: an epoch under which the service has already spoken (an earlier restore from the same backup).
    """
    raised = sa.func.greatest(service_epoch.c.epoch, above) + 1
    statement = sa.update(service_epoch).values(epoch=raised, restored=True)
    return int((await session.execute(statement.returning(service_epoch.c.epoch))).scalar_one())


async def is_restored(session: AsyncSession) -> bool:
    """Whether the database came from a backup and was not reconciled yet."""
    return bool(await session.scalar(sa.select(service_epoch.c.restored)))


async def reconcile(
    session: AsyncSession, service: str, settings: ServiceSettings, erase_again: EraseAgain | None = None
) -> tuple[int, int]:
    """Announce everything again under the raised epoch and end what the database does not know.

    Before, what had been erased since the backup is erased once more. Returns how many keys were announced and how many
    ended. Commits nothing.
    """
    epoch = await current_epoch(session)
    lacking = await _read_forgotten(session)
    erased = [key for key, last in lacking.items() if last.erased]
    if erase_again:
        for topic, key in erased:
            await erase_again(session, topic, UUID(key))
    announced = await _announce_again(session, epoch)
    own = [each.name for each in topics.TOPICS if each.producer == service and each.name in ENDINGS]
    said = await _read_streams(own, settings) if own else {}
    said |= lacking
    ended = 0
    for (topic, key), last in said.items():
        exists = sa.select(journal.c.seq).where(journal.c.topic == topic, journal.c.key == key).limit(1)
        if await session.scalar(exists) is None:
            ended += await _end(session, topic, last, epoch)
    await session.execute(sa.text("DROP TABLE IF EXISTS restore_forgotten"))
    await session.execute(sa.update(service_epoch).values(restored=False))
    log.warning("reconciled after a restore", epoch=epoch, announced=announced, ended=ended, erased=len(erased))
    return announced, ended


async def _announce_again(session: AsyncSession, epoch: int) -> int:
    later = journal.alias()
    # Whoever spoke under the raised epoch already has said what is true now: what was erased again, for example.
    spoken = sa.exists().where(later.c.topic == journal.c.topic, later.c.key == journal.c.key, later.c.epoch == epoch)
    newest = (
        sa.select(journal)
        .ext(distinct_on(journal.c.topic, journal.c.key))
        .where(journal.c.redacted_at.is_(None), journal.c.type.in_(EVENT_TYPES), journal.c.epoch < epoch)
        .where(~spoken)
        .order_by(journal.c.topic, journal.c.key, journal.c.epoch.desc(), journal.c.n.desc())
    )
    rows = (await session.execute(newest)).all()
    for row in rows:
        body = {**row.body, "version": {"epoch": epoch, "n": row.n}}
        await session.execute(
            sa.insert(journal).values(
                event_id=new_id(),
                type=row.type,
                topic=row.topic,
                key=row.key,
                epoch=epoch,
                n=row.n,
                body=body,
                organisations=row.organisations,
                time=now(),
                announced_again=True,
            )
        )
    return len(rows)


async def current_epoch(session: AsyncSession) -> int:
    """Return the epoch under which the service speaks."""
    return int((await session.execute(sa.select(service_epoch.c.epoch))).scalar_one())


async def last_announced(session: AsyncSession) -> list[dict[str, Any]]:
    """Return the newest announcement of every key that can be ended, ``(topic, key, type, body, erased)`` each.

    Those that an earlier restore has left to be ended are among them. ``erased``: for good and by somebody's wish,
    after other events; of a key that a restore has ended the journal knows nothing but the end.
    """
    other = journal.alias()
    lived = sa.exists().where(other.c.topic == journal.c.topic, other.c.key == journal.c.key)
    erasing = list(ERASURES.values())
    erased = sa.and_(journal.c.type.in_(erasing), lived.where(other.c.type.not_in(erasing)))
    newest = (
        sa.select(journal.c.topic, journal.c.key, journal.c.type, journal.c.body, erased.label("erased"))
        .ext(distinct_on(journal.c.topic, journal.c.key))
        .where(journal.c.redacted_at.is_(None), journal.c.topic.in_(ENDINGS))
        .order_by(journal.c.topic, journal.c.key, journal.c.epoch.desc(), journal.c.n.desc())
    )
    found = {(row.topic, row.key): dict(row._mapping) for row in await session.execute(newest)}
    for key, last in (await _read_forgotten(session)).items():
        left = {"topic": key[0], "key": key[1], "type": last.type_name, "body": json.loads(last.body)}
        if last.erased or key not in found:
            found[key] = left | {"erased": last.erased}
    return list(found.values())


async def note_forgotten(session: AsyncSession, rows: Iterable[dict[str, Any]]) -> int:
    """Keep in a restored database what :func:`last_announced` said of the one it replaces; return how much it lacks.

    What the replaced one had erased is lacking, too: the knowledge of its erasure is.
    """
    known = {tuple(row) for row in await session.execute(sa.select(journal.c.topic, journal.c.key).distinct())}
    lacking = [row for row in rows if row["erased"] or (row["topic"], row["key"]) not in known]
    if lacking:
        connection = await session.connection()
        await connection.run_sync(forgotten.create, checkfirst=True)
        await session.execute(sa.insert(forgotten), lacking)
    return len(lacking)


async def _read_forgotten(session: AsyncSession) -> dict[tuple[str, str], Said]:
    if await session.scalar(sa.text("SELECT to_regclass('restore_forgotten') IS NULL")):
        return {}
    rows = await session.execute(sa.select(forgotten))
    return {(row.topic, row.key): Said(row.type, json.dumps(row.body), row.erased) for row in rows}


async def _read_streams(names: list[str], settings: ServiceSettings) -> dict[tuple[str, str], Said]:
    """Read the topics from beginning to end. Raises ``KafkaError`` when the broker does not give all it has."""
    consumer = AIOKafkaConsumer(*names, **client_arguments(settings), auto_offset_reset="earliest", group_id=None)
    try:
        await consumer.start()
        return await _read_to_the_end(consumer, names)
    finally:
        await consumer.stop()


async def _read_to_the_end(consumer: AIOKafkaConsumer, names: list[str]) -> dict[tuple[str, str], Said]:
    partitions = [
        TopicPartition(name, number) for name in names for number in sorted(consumer.partitions_for_topic(name) or ())
    ]
    if missing := set(names) - {each.topic for each in partitions}:
        raise KafkaError(f"the broker does not tell the partitions of {', '.join(sorted(missing))}")
    ends = await consumer.end_offsets(partitions)
    newest: dict[tuple[str, str], Said] = {}
    silent_since = asyncio.get_running_loop().time()
    while True:
        batches = await consumer.getmany(timeout_ms=QUIET_MS)
        for batch in batches.values():
            for record in batch:
                if record.key is not None:
                    type_name = dict(record.headers).get("ce_type", b"").decode("utf-8", "replace")
                    key = (record.topic, record.key.decode("utf-8", "replace"))
                    newest[key] = Said(type_name, record.value or b"")
        if batches:
            silent_since = asyncio.get_running_loop().time()
        elif not [each for each in partitions if await _position(consumer, each) < ends[each]]:
            return newest
        elif asyncio.get_running_loop().time() - silent_since > PATIENCE_SECONDS:
            raise KafkaError("the broker gives less than its end offsets say")


async def _position(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int:
    return int(await asyncio.wait_for(consumer.position(partition), PATIENCE_SECONDS))


async def _end(session: AsyncSession, topic: str, said: Said, epoch: int) -> bool:
    ending, changes = ENDINGS[topic]
    kind = EVENT_TYPES.get(said.type_name)
    if kind is None or kind.name == ending.name:
        return False
    try:
        last = kind.body.model_validate_json(said.body).model_dump(mode="json")
    except ValueError:
        return False
    n = Version.model_validate(last["version"]).n + 1
    body = ending.body.model_validate({**last, **changes, "version": {"epoch": epoch, "n": n}, "erased_at": now()})
    await session.execute(
        sa.insert(journal).values(
            event_id=new_id(),
            type=ending.name,
            topic=topic,
            key=str(body.aggregate_id),
            epoch=epoch,
            n=n,
            body=body.model_dump(mode="json"),
            organisations=list(body.organisations),
            time=now(),
        )
    )
    return True
