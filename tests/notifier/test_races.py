"""Occasion and card commit at the same moment: whichever is last, the mail goes out, once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.notifier import occasions
from services.notifier.consumers import follow_suggestion
from services.notifier.models import Base
from services.notifier.repository import people
from shared.contracts.matching import SUGGESTION_PROPOSED
from shared.database import Database
from tests.notifier.events import event, organisation, suggestion
from tests.notifier.support import Notifier

OURS, THEIRS = organisation("Alpha GmbH"), organisation("Beta SAS", "FR")
MONTH = timedelta(days=30)


async def test_a_card_that_commits_while_its_occasion_is_looked_through_still_gets_the_mail(notifier: Notifier) -> None:
    await notifier.knows(OURS, THEIRS)
    anna = await notifier.person("Anna", (OURS.organisation_id, "sme_contact"))
    database = notifier.context.database
    await notifier.proposes(suggestion(OURS.organisation_id, THEIRS.organisation_id))

    async with database.transaction() as storing:
        await _store_card(notifier, storing, anna)
        await occasions.resolve(database, MONTH)  # sees the occasion, not yet the card
    await occasions.resolve(database, MONTH)
    await notifier.works()

    assert len(notifier.server.to(notifier.address(anna))) == 1


async def test_an_occasion_that_commits_while_its_reader_is_looked_through_is_still_told(notifier: Notifier) -> None:
    await notifier.knows(OURS, THEIRS)
    anna = await notifier.person("Anna", (OURS.organisation_id, "sme_contact"))
    database = notifier.context.database

    async with database.transaction() as proposing:
        body = suggestion(OURS.organisation_id, THEIRS.organisation_id)
        await follow_suggestion(proposing, event(SUGGESTION_PROPOSED, body))
        async with database.transaction() as storing:
            await _store_card(notifier, storing, anna)
        await occasions.resolve(database, MONTH)  # sees the card, not yet the occasion
    await notifier.works()

    assert len(notifier.server.to(notifier.address(anna))) == 1


async def test_without_its_flag_a_late_card_would_be_missed(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(*_arguments: object) -> list[Any]:
        return []

    await notifier.knows(OURS, THEIRS)
    anna = await notifier.person("Anna", (OURS.organisation_id, "sme_contact"))
    database = notifier.context.database
    await notifier.proposes(suggestion(OURS.organisation_id, THEIRS.organisation_id))
    monkeypatch.setattr(occasions.occasions, "fresh_people", nobody)

    async with database.transaction() as storing:
        await _store_card(notifier, storing, anna)
        await occasions.resolve(database, MONTH)
    await notifier.works()

    assert notifier.server.mails == []


async def _store_card(notifier: Notifier, session: Any, person_id: Any) -> None:
    card = notifier.profiles.cards[person_id]
    values = {name: card[name] for name in ("name", "email", "language", "time_zone", "consents")}
    await people.store_card(session, person_id, values, {(OURS.organisation_id, "sme_contact")})


async def test_the_migrations_make_the_tables_the_models_describe(database: Callable[[str], Database]) -> None:
    def is_ours(_item: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
        return kind != "table" or name in Base.metadata.tables

    def differences(connection: Any) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"include_object": is_ours})
        return list(compare_metadata(context, Base.metadata))

    async with database("notifier").engine.connect() as connection:
        assert await connection.run_sync(differences) == []
