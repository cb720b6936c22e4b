"""After a database came back from a backup: what the service now says overrides all it said, and what it forgot ends.

The epoch is raised, the newest snapshot of every key is announced again under it, and keys that the streams know but
the journal does not (made after the backup) are ended by the event that their topic has for that. Announced-again
events update projections and cause no reaction: ``claim`` refuses while one is handled.
"""

from typing import Any

import sqlalchemy as sa
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from sqlalchemy.dialects.postgresql import distinct_on
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
"""The embedded broker's end offsets read low, so a topic counts as read when it is silent that long."""

ENDINGS: dict[str, tuple[EventType[Any], dict[str, Any]]] = {
    topics.ORGANISATIONS: (profiles_events.ORGANISATION_ERASED, {}),
    topics.PEOPLE: (profiles_events.PERSON_ERASED, {}),
    topics.SUGGESTIONS: (matching_events.SUGGESTION_WITHDRAWN, {"state": "withdrawn"}),
    topics.VISITS: (mobility_events.VISIT_CANCELLED, {"state": "cancelled"}),
    topics.VOUCHERS: (mobility_events.VOUCHER_CANCELLED, {"state": "cancelled"}),
}
"""How an aggregate that the restored database does not know is ended, by topic, with the fields that change."""


async def mark_restored(session: AsyncSession) -> int:
    """Raise the epoch and note that the streams have to be reconciled; return the new epoch."""
    statement = sa.update(service_epoch).values(epoch=service_epoch.c.epoch + 1, restored=True)
    return int((await session.execute(statement.returning(service_epoch.c.epoch))).scalar_one())


async def is_restored(session: AsyncSession) -> bool:
    """Whether the database came from a backup and was not reconciled yet."""
    return bool(await session.scalar(sa.select(service_epoch.c.restored)))


async def reconcile(session: AsyncSession, service: str, settings: ServiceSettings) -> tuple[int, int]:
    """Announce everything again under the raised epoch and end what the database does not know.

    Returns how many keys were announced and how many ended. Commits nothing.
    """
    epoch = int((await session.execute(sa.select(service_epoch.c.epoch))).scalar_one())
    announced = await _announce_again(session, epoch)
    own = [each.name for each in topics.TOPICS if each.producer == service and each.name in ENDINGS]
    ended = 0
    for (topic, key), record in (await _newest(own, settings) if own else {}).items():
        exists = sa.select(journal.c.seq).where(journal.c.topic == topic, journal.c.key == key).limit(1)
        if await session.scalar(exists) is None:
            ended += await _end(session, record, epoch)
    await session.execute(sa.update(service_epoch).values(restored=False))
    log.warning("reconciled after a restore", epoch=epoch, announced=announced, ended=ended)
    return announced, ended


async def _announce_again(session: AsyncSession, epoch: int) -> int:
    newest = (
        sa.select(journal)
        .ext(distinct_on(journal.c.topic, journal.c.key))
        .where(journal.c.redacted_at.is_(None), journal.c.type.in_(EVENT_TYPES), journal.c.epoch < epoch)
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


async def _newest(names: list[str], settings: ServiceSettings) -> dict[tuple[str, str], ConsumerRecord]:
    consumer = AIOKafkaConsumer(*names, **client_arguments(settings), auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    newest: dict[tuple[str, str], ConsumerRecord] = {}
    try:
        while batches := await consumer.getmany(timeout_ms=QUIET_MS):
            for batch in batches.values():
                for record in batch:
                    if record.key is not None:
                        newest[(record.topic, record.key.decode("utf-8", "replace"))] = record
    finally:
        await consumer.stop()
    return newest


async def _end(session: AsyncSession, record: ConsumerRecord, epoch: int) -> bool:
    ending, changes = ENDINGS[record.topic]
    kind = EVENT_TYPES.get(dict(record.headers).get("ce_type", b"").decode("utf-8", "replace"))
    if kind is None or kind.name == ending.name:
        return False
    try:
        last = kind.body.model_validate_json(record.value or b"").model_dump(mode="json")
    except ValueError:
        return False
    n = Version.model_validate(last["version"]).n + 1
    body = ending.body.model_validate({**last, **changes, "version": {"epoch": epoch, "n": n}, "erased_at": now()})
    await session.execute(
        sa.insert(journal).values(
            event_id=new_id(),
            type=ending.name,
            topic=record.topic,
            key=str(body.aggregate_id),
            epoch=epoch,
            n=n,
            body=body.model_dump(mode="json"),
            organisations=list(body.organisations),
            time=now(),
        )
    )
    return True
