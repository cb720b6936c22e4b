"""What the console keeps of the streams: newest wins whatever the order, erased stays erased."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.console import repository
from services.console.consumers import (
    erase_organisation,
    erase_person,
    handlers,
    project_organisation,
    project_suggestion,
)
from services.console.models import Base, BrowserSession, OrganisationName, SignInToken, SuggestionGist
from shared.clock import now
from shared.contracts import Version
from shared.contracts.matching import SUGGESTION_CONNECTED, SUGGESTION_WITHDRAWN, SuggestionSnapshot
from shared.contracts.profiles import (
    ORGANISATION_CHANGED,
    ORGANISATION_ERASED,
    PERSON_ERASED,
    OrganisationErased,
    OrganisationSnapshot,
    PersonErased,
)
from shared.database import Database
from shared.ids import new_id
from shared.messaging import Event
from tests.console.conftest import Console
from tests.console.town import Town, plain


def event(kind: Any, body: Any) -> Event[Any]:
    """An event as it comes from the stream."""
    return Event(id=new_id(), type=kind, source="test", time=now(), body=body, sequence=1)


def changed(organisation_id: UUID, n: int, name: str, clusters: tuple[UUID, ...] = ()) -> Event[OrganisationSnapshot]:
    """An organisation's snapshot at one version."""
    fields = {"organisation_id": organisation_id, "kind": "sme", "name": name, "country": "AT", "clusters": clusters}
    version = Version(epoch=1, n=n)
    body = OrganisationSnapshot.model_validate({"version": version, "updated_at": now(), **fields})
    return event(ORGANISATION_CHANGED, body)


async def name_of(database: Database, organisation_id: UUID) -> str:
    async with database.session() as session:
        return (await repository.organisations(session, [organisation_id]))[organisation_id].name


async def test_the_newest_name_wins_in_whatever_order_the_events_come(database: Callable[[str], Database]) -> None:
    console, organisation_id = database("console"), new_id()
    for n, name in ((1, "Old"), (3, "New"), (2, "Late"), (3, "New")):
        async with console.transaction() as session:
            await project_organisation(session, changed(organisation_id, n, name))
    assert await name_of(console, organisation_id) == "New"


async def test_an_erased_organisation_leaves_no_name_and_does_not_come_back(
    database: Callable[[str], Database],
) -> None:
    console, town = database("console"), Town()
    suggestion = SuggestionSnapshot.model_validate(plain(town.pair(town.suggestion, "connected")))
    gone = OrganisationErased(version=Version(epoch=1, n=9), organisation_id=town.firm, erased_at=now())
    async with console.transaction() as session:
        await project_organisation(session, changed(town.firm, 1, "Secret Name"))
        await project_suggestion(session, event(SUGGESTION_CONNECTED, suggestion))
        await erase_organisation(session, event(ORGANISATION_ERASED, gone))
        await project_organisation(session, changed(town.firm, 2, "Secret Name"))
    assert await name_of(console, town.firm) == "(erased)"
    async with console.session() as session:
        for table in (OrganisationName, SuggestionGist):
            rows = await session.execute(sa.select(sa.inspect(table).local_table))
            assert "Secret" not in str([row._mapping for row in rows])
        assert await repository.suggestion(session, town.suggestion) is None


async def test_a_withdrawn_suggestion_keeps_no_quotation(database: Callable[[str], Database]) -> None:
    console, town = database("console"), Town()
    first = SuggestionSnapshot.model_validate(plain(town.pair(town.suggestion)))
    last = first.model_copy(update={"state": "withdrawn", "version": Version(epoch=1, n=99)})
    async with console.transaction() as session:
        await project_suggestion(session, event(SUGGESTION_CONNECTED, first))
        await project_suggestion(session, event(SUGGESTION_WITHDRAWN, last))
        found = await repository.suggestion(session, town.suggestion)
        assert found is not None
        await session.refresh(found)
        assert (found.state, found.reason) == ("withdrawn", "")


async def test_erasing_a_person_ends_her_sessions_and_links(console: Console) -> None:
    anna = console.person(("sme_contact", new_id()))
    async with console.browser() as browser:
        await console.sign_in(browser, anna)
        waiting = await console.link_for(anna)
        body = PersonErased(version=Version(epoch=1, n=2), person_id=anna.person_id)
        async with console.context.database.transaction() as session:
            await erase_person(session, event(PERSON_ERASED, body))
        assert (await browser.get("/account")).headers["location"].startswith("/sign-in")
        assert (await browser.post(waiting)).status_code == 410
    async with console.context.database.session() as session:
        for table in (BrowserSession, SignInToken):
            assert not (await session.execute(sa.select(sa.inspect(table).local_table))).all()


async def test_members_are_found_by_their_cluster_and_counted(database: Callable[[str], Database]) -> None:
    console, cluster = database("console"), new_id()
    async with console.transaction() as session:
        for name in ("Beta", "Alpha"):
            await project_organisation(session, changed(new_id(), 1, name, (cluster,)))
        await project_organisation(session, changed(new_id(), 1, "Elsewhere"))
        hub = changed(cluster, 1, "Hub")
        body = hub.body.model_copy(update={"kind": "cluster"})
        await project_organisation(session, event(ORGANISATION_CHANGED, body))
        assert [each.name for each in await repository.members(session, cluster, 10)] == ["Alpha", "Beta"]
        assert [(each.name, members) for each, members in await repository.member_counts(session, 10)] == [("Hub", 2)]


def test_the_console_hears_of_what_its_pages_name() -> None:
    assert set(handlers.topics) == {
        "profiles.organisations",
        "profiles.people",
        "matching.suggestions",
        "mobility.programmes",
        "mobility.visits",
    }


def differences(connection: sa.Connection) -> list[Any]:
    """What a new migration would have to change."""

    def ours(thing: Any, _name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
        table = thing if kind == "table" else getattr(thing, "table", None)
        return table is None or table.name in Base.metadata.tables

    options = {"include_object": ours, "compare_type": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))


async def test_the_migrations_make_what_the_models_say(database: Callable[[str], Database]) -> None:
    async with database("console").engine.begin() as connection:
        assert await connection.run_sync(differences) == []
        await connection.execute(sa.text("ALTER TABLE organisation DROP COLUMN city"))
        assert await connection.run_sync(differences) != []
