"""What mobility learns from the other services: newest version wins, in whatever order events come."""

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from services.mobility import consumers
from services.mobility.models import Connection, Organisation, Person
from services.mobility.repository import organisations
from shared.clock import now
from shared.contracts import EventType, Version
from shared.contracts.profiles import (
    ORGANISATION_CHANGED,
    ORGANISATION_ERASED,
    ORGANISATION_WITHDRAWN,
    PERSON_CHANGED,
    PERSON_ERASED,
    OrganisationErased,
    OrganisationKind,
    PersonChanged,
    PersonErased,
)
from shared.ids import new_id
from shared.messaging import Event
from shared.messaging.tables import journal
from tests.mobility.conftest import WITHDRAWN, Town, organisation


def event(kind: EventType[Any], body: Any) -> Event[Any]:
    return Event(new_id(), kind, "/profiles", datetime.now(UTC), body, sequence=1)


async def deliver(town: Town, kind: EventType[Any], body: Any) -> None:
    """Hand an event to the service as its consumer does."""
    handler = consumers.handlers.find(kind.name)
    assert handler is not None
    async with town.context.database.transaction() as session:
        await handler(session, event(kind, body))


async def stored(town: Town, table: Any, key: Any) -> Any:
    async with town.context.database.session() as session:
        return await session.get(table, key)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_an_organisation_ends_as_its_newest_snapshot_says(town: Town, order: tuple[int, ...]) -> None:
    key, cluster = new_id(), new_id()
    events = [
        (ORGANISATION_CHANGED, organisation(key, "Old name", OrganisationKind.SME, "FR", n=1)),
        (ORGANISATION_CHANGED, organisation(key, "New name", OrganisationKind.SME, "FR", cluster, n=2)),
        (ORGANISATION_WITHDRAWN, organisation(key, "New name", OrganisationKind.SME, "FR", n=3, status=WITHDRAWN)),
    ]
    for index in (*order, *order):  # each twice: redelivery changes nothing
        await deliver(town, *events[index])
    found = await stored(town, Organisation, key)
    assert (found.name, found.active, found.version_n) == ("New name", False, 3)


async def test_an_erased_organisation_leaves_only_its_id(town: Town) -> None:
    gone = OrganisationErased(version=Version(epoch=1, n=9), organisation_id=town.host, erased_at=now())
    await deliver(town, ORGANISATION_ERASED, gone)
    await deliver(town, ORGANISATION_CHANGED, organisation(town.host, "Late", OrganisationKind.SME, "PL", n=8))
    found = await stored(town, Organisation, town.host)
    assert (found.name, found.country, found.active) == ("", "", False)
    answer = await town.post("visitor", "/visits", town.visit_body())
    assert answer.json()["rule"] == "active-organisations"


async def test_an_erased_person_visits_no_more(town: Town) -> None:
    person = town.people["visitor"]
    await deliver(town, PERSON_ERASED, PersonErased(version=Version(epoch=1, n=2), person_id=person))
    late = PersonChanged(version=Version(epoch=1, n=1), person_id=person, organisation_ids=(town.visitor,))
    await deliver(town, PERSON_CHANGED, late)
    found = await stored(town, Person, person)
    assert (found.erased, found.organisation_ids) == (True, [])
    answer = await town.post("visitor", "/visits", town.visit_body())
    assert answer.json()["rule"] == "visitor-is-known"


async def test_after_a_restore_what_the_service_says_now_overrides_what_it_said(town: Town) -> None:
    key = new_id()
    await deliver(town, ORGANISATION_CHANGED, organisation(key, "Before", OrganisationKind.SME, "FR", n=7))
    restored = organisation(key, "After", OrganisationKind.SME, "FR").model_copy(
        update={"version": Version(epoch=2, n=1)}
    )
    await deliver(town, ORGANISATION_CHANGED, restored)
    assert (await stored(town, Organisation, key)).name == "After"


async def test_a_connection_is_known_by_the_id_of_its_suggestion(town: Town) -> None:
    found = await stored(town, Connection, town.connection)
    assert {found.first_id, found.second_id} == {town.visitor, town.host}


async def test_events_of_mobility_carry_no_name_no_reason_no_report(town: Town) -> None:
    visit = await town.approved_visit()
    secret = "Maria Musterfrau, maria@example.org"
    report = {"text": secret, "evidence": [{"kind": secret, "reference": secret}]}
    await town.done("visitor", f"/visits/{visit['visit_id']}/report", report)
    programme = await town.programme()
    voucher = await town.travel_voucher(programme["programme_id"], visit["visit_id"])
    await town.done("clerk", f"/vouchers/{voucher['voucher_id']}/refuse", {"reason": secret})
    async with town.context.database.session() as session:
        bodies = " ".join(str(body) for body in await session.scalars(sa.select(journal.c.body)))
    assert "Maria" not in bodies
    assert "example.org" not in bodies


async def test_names_in_responses_come_from_the_own_projection(town: Town) -> None:
    visit = await town.visit()
    assert visit["names"]["host"] == "Pomorska Energia"
    renamed = organisation(town.host, "Pomorska Nova", OrganisationKind.SME, "PL", town.host_hub, n=2)
    async with town.context.database.transaction() as session:
        assert await organisations.put_organisation(session, renamed)
    assert (await town.get("host", f"/visits/{visit['visit_id']}")).json()["names"]["host"] == "Pomorska Nova"
