"""Another service came back from its backup: what it announces again is known, told nobody twice, and cards come."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from services.notifier import consumers, people
from services.notifier.models import Occasion, Person
from shared.contracts import Version
from shared.contracts.mobility import (
    VISIT_APPROVED,
    VOUCHER_ISSUED,
    VisitState,
    VoucherState,
)
from shared.contracts.profiles import PERSON_CHANGED, PersonChanged
from shared.database import Database
from shared.messaging import mark_restored, publish
from shared.messaging.consumer import Processor
from shared.messaging.events import Record
from shared.messaging.restore import _announce_again
from shared.messaging.sending import Row, columns_of_row, headers_of
from shared.messaging.tables import journal, unsent
from tests.notifier.events import organisation, visit, voucher
from tests.notifier.support import Notifier

OURS, THEIRS = organisation("Alpha GmbH"), organisation("Beta SAS", "FR")


async def _relayed(notifier: Notifier, source: Database, service: str) -> None:
    """Hand everything in a journal that is still to be sent to the notifier's consumer, and count it as sent."""
    processor = Processor("notifier", notifier.context.database, consumers.handlers)
    async with source.transaction() as session:
        query = sa.select(*columns_of_row()).join_from(unsent, journal, journal.c.seq == unsent.c.seq)
        rows = [Row(*each) for each in await session.execute(query.order_by(unsent.c.seq))]
        await session.execute(sa.delete(unsent))

    async def consume() -> None:
        for row in rows:
            headers = {name: value.decode() for name, value in headers_of(row, service)}
            body = (row.body or "").encode()
            record = Record(f"e/{row.topic}/0/{row.seq}", row.topic, 0, row.seq, row.key, headers, body)
            async with notifier.context.database.transaction() as session:
                await processor.dispatch(session, record)

    # In a task of its own, as the consumer is: what it knows of the event is not known to the later work.
    await asyncio.create_task(consume())


async def _restored(source: Database) -> int:
    async with source.transaction() as session:
        return await _announce_again(session, await mark_restored(session))


async def _journaled(source: Database, events: Sequence[tuple[Any, Any]]) -> None:
    async with source.transaction() as session:
        for kind, body in events:
            await publish(session, kind, body)


async def _approved_and_issued(notifier: Notifier, mobility: Database) -> None:
    """One approved visit and one issued voucher, told to one person."""
    await notifier.knows(OURS, THEIRS)
    anna = await notifier.person("Anna", (OURS.organisation_id, "sme_contact"))
    approved = visit(OURS.organisation_id, THEIRS.organisation_id, anna, state=VisitState.APPROVED)
    issued = voucher(THEIRS.organisation_id, OURS.organisation_id, anna, state=VoucherState.ISSUED)
    await _journaled(mobility, [(VISIT_APPROVED, approved), (VOUCHER_ISSUED, issued)])
    await _relayed(notifier, mobility, "mobility")
    await notifier.works()
    assert len(notifier.server.mails) == 2


async def _occasions(notifier: Notifier) -> int:
    async with notifier.context.database.session() as session:
        return int(await session.scalar(sa.select(sa.func.count()).select_from(Occasion)) or 0)


async def test_steps_of_visits_and_vouchers_are_not_told_again_when_mobility_was_restored(
    notifier: Notifier, database: Callable[[str], Database]
) -> None:
    mobility = database("mobility")
    await _approved_and_issued(notifier, mobility)

    assert await _restored(mobility) == 2
    await _relayed(notifier, mobility, "mobility")
    await notifier.works()

    assert await _occasions(notifier) == 2
    assert len(notifier.server.mails) == 2


async def test_control_a_step_that_is_taken_for_new_would_be_told_again(
    notifier: Notifier, database: Callable[[str], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    mobility = database("mobility")
    await _approved_and_issued(notifier, mobility)
    monkeypatch.setattr(consumers, "is_announced_again", lambda: False)

    await _restored(mobility)
    await _relayed(notifier, mobility, "mobility")
    await notifier.works()

    assert len(notifier.server.mails) == 4


async def test_cards_are_fetched_anew_after_profiles_was_restored(
    notifier: Notifier, database: Callable[[str], Database]
) -> None:
    profiles = database("profiles")
    await notifier.knows(OURS)
    anna = await notifier.person("Anna", (OURS.organisation_id, "sme_contact"), heard=False)
    changed = PersonChanged(version=Version(epoch=1, n=1), person_id=anna, organisation_ids=(OURS.organisation_id,))
    await _journaled(profiles, [(PERSON_CHANGED, changed)])

    assert await _restored(profiles) == 1
    await _relayed(notifier, profiles, "profiles")
    await people.fetch_cards(notifier.context.database, notifier.profiles)

    person = await _person(notifier, anna)
    assert (person.version_epoch, person.version_n) == (2, 1)
    assert person.email == notifier.address(anna), "her row in profiles still says 1.1, and that is the present one"


async def test_a_card_from_before_a_later_change_is_still_not_taken_after_a_restore(notifier: Notifier) -> None:
    await notifier.knows(OURS)
    anna = await notifier.person("Anna", (OURS.organisation_id, "sme_contact"), heard=False)
    changed = PersonChanged(version=Version(epoch=2, n=2), person_id=anna, organisation_ids=(OURS.organisation_id,))
    await notifier.hears(PERSON_CHANGED, changed)
    await people.fetch_cards(notifier.context.database, notifier.profiles)

    person = await _person(notifier, anna)
    assert person.email is None
    assert person.wanted_at is not None


async def _person(notifier: Notifier, person_id: Any) -> Person:
    async with notifier.context.database.session() as session:
        found = await session.get(Person, person_id)
        assert found is not None
        return found
