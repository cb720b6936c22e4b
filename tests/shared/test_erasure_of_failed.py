"""When an organisation is erased, its words leave what every service has put aside: parked events and dead letters."""

import importlib
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from shared.clock import now
from shared.contracts import Version
from shared.contracts.profiles import ORGANISATION_ERASED, OrganisationErased
from shared.contracts.topics import ORGANISATIONS, SUGGESTIONS, VISITS
from shared.database import Database
from shared.ids import new_id
from shared.messaging import forget_failed
from shared.messaging.consumer import Processor
from shared.messaging.events import Record
from shared.messaging.tables import dead_letter, journal, parked_event
from tests.notifier.events import event

READERS = ("matching", "mobility", "notifier", "console")


def _record(topic: str, key: str, words: str) -> Record:
    return Record(str(new_id()), topic, 0, 1, key, {"ce_type": "x"}, f'{{"text": "{words}"}}'.encode())


async def _put_aside(database: Database, service: str, *records: Record) -> None:
    handlers = importlib.import_module(f"services.{service}.__main__").service.handlers
    processor = Processor(service, database, handlers)
    async with database.transaction() as session:
        for each in records:
            await processor.park(session, each, "failed")
            await processor.bury(session, each, "failed for good")


async def _left(database: Database) -> list[str]:
    async with database.session() as session:
        return [
            str(key)
            for table in (parked_event, dead_letter)
            for key in await session.scalars(sa.select(table.c.key).order_by(table.c.key))
        ]


@pytest.mark.parametrize("service", READERS)
async def test_an_erased_organisations_words_leave_what_was_put_aside(
    service: str, database: Callable[[str], Database]
) -> None:
    opened, organisation = database(service), new_id()
    handlers = importlib.import_module(f"services.{service}.__main__").service.handlers
    kept = [_record(SUGGESTIONS, str(new_id()), f"quotes {new_id()}"), _record(VISITS, "v", f"names {organisation}")]
    quoting = _record(SUGGESTIONS, str(new_id()), f"quotes {organisation}")
    await _put_aside(opened, service, _record(ORGANISATIONS, str(organisation), "laser"), quoting, *kept)

    erased = OrganisationErased(version=Version(epoch=1, n=9), organisation_id=organisation, erased_at=now())
    handler = handlers.find(ORGANISATION_ERASED.name)
    assert handler
    async with opened.transaction() as session:
        await handler(session, event(ORGANISATION_ERASED, erased))

    assert await _left(opened) == sorted(each.key or "" for each in kept) * 2, "what holds none of its words stays"


async def test_a_dead_letters_event_carries_no_word_of_the_body(database: Callable[[str], Database]) -> None:
    opened = database("notifier")
    await _put_aside(opened, "notifier", _record(ORGANISATIONS, str(new_id()), "laser welding"))
    async with opened.session() as session:
        (body,) = await session.scalars(sa.select(journal.c.body))
    assert set(body) == {"id", "error", "origin", "key", "headers", "body_sha256", "body_bytes"}
    assert body["body_bytes"] == len('{"text": "laser welding"}')


async def test_forgetting_finds_what_is_no_text(database: Callable[[str], Database]) -> None:
    opened, organisation = database("notifier"), new_id()
    broken = Record(str(new_id()), SUGGESTIONS, 0, 1, "s", {}, b"\x00\xff" + str(organisation).encode() + b"\x00")
    await _put_aside(opened, "notifier", broken)
    async with opened.transaction() as session:
        assert await forget_failed(session, organisation) == 2
