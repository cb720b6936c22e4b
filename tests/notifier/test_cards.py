"""Contact cards: fetched when profiles is there, and gone with the person."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.notifier.models import Person
from services.notifier.repository import people
from shared.contracts import Version
from shared.contracts.profiles import PERSON_CHANGED, PERSON_ERASED, PersonChanged, PersonErased
from tests.notifier.events import suggestion
from tests.notifier.queued import OURS, THEIRS, queued
from tests.notifier.support import Notifier


async def test_when_a_person_is_erased_her_queued_mail_and_her_address_are_gone(notifier: Notifier) -> None:
    anna, delivery_id = await queued(notifier)
    address = notifier.address(anna)
    await notifier.hears(PERSON_ERASED, PersonErased(version=Version(epoch=1, n=2), person_id=anna))
    await notifier.hears_of(anna, n=1)
    await notifier.works()
    await notifier.post.send(delivery_id)

    assert notifier.server.mails == []
    assert [(each.state, each.reason) for each in await notifier.deliveries()] == [("suppressed", "erased")]
    assert await tables_holding(notifier, address) == []


async def test_the_search_for_an_address_would_find_it(notifier: Notifier) -> None:
    anna, _ = await queued(notifier)
    assert await tables_holding(notifier, notifier.address(anna)) == ["person"]


async def test_a_person_whom_profiles_no_longer_knows_loses_her_card(notifier: Notifier) -> None:
    anna, _ = await queued(notifier)
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


async def tables_holding(notifier: Notifier, text: str) -> list[str]:
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
