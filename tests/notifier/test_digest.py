"""Bundles and caps on the real tables: each suggestion in exactly one mail per recipient, whatever happens between."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from services.notifier import composing, deliveries, preferences
from services.notifier.models import Delivery, Notice, Person
from services.notifier.schemas import PreferencesIn
from services.notifier.work import close_post
from shared.clock import now
from shared.contracts.matching import Round, SuggestionSnapshot
from shared.ids import new_id
from tests.notifier.events import organisation, suggestion
from tests.notifier.mail_server import MailServer
from tests.notifier.support import Notifier, make_notifier

OURS = organisation("Alpha GmbH")
PARTNERS = [organisation(f"Partner {number}", "FR") for number in range(20)]


async def _anna(notifier: Notifier, **overrides: Any) -> UUID:
    await notifier.knows(OURS, *PARTNERS)
    return await notifier.person("Anna", (OURS.organisation_id, "sme_contact"), **overrides)


def _pairs(first: int, last: int) -> list[SuggestionSnapshot]:
    return [
        suggestion(OURS.organisation_id, each.organisation_id, score=0.5 + 0.01 * number)
        for number, each in enumerate(PARTNERS[first:last])
    ]


async def test_a_rounds_suggestions_come_as_one_mail_best_first(notifier: Notifier) -> None:
    anna = await _anna(notifier)
    await notifier.proposes(*_pairs(0, 5))
    await notifier.works()

    (mail,) = notifier.server.to(notifier.address(anna))
    assert len(mail["X-Intercluster-Occasion"].split(", ")) == 5
    assert mail["Subject"] == "New partners for Alpha GmbH: Partner 4 and others"


def _of_one_round(pairs: list[SuggestionSnapshot], number: int, final: bool = True) -> list[SuggestionSnapshot]:
    """Pairs as a round tells them that has ``number`` for us and one for each partner."""
    round_id = new_id()
    return [
        each.model_copy(
            update={
                "round": Round(round_id=round_id, final=final, to_first=number, to_second=1)
                if each.first_id == OURS.organisation_id
                else Round(round_id=round_id, final=final, to_first=1, to_second=number)
            }
        )
        for each in pairs
    ]


@pytest.fixture
async def patient(context: Callable[..., Any], mail_server: MailServer) -> AsyncIterator[Notifier]:
    """A notifier that gives rounds half a minute to come in."""
    made = await make_notifier(
        context("notifier", smtp_port=mail_server.port, settle_seconds=30, settle_longest_seconds=60), mail_server
    )
    yield made
    await close_post(made.context)


async def test_a_round_that_has_come_in_whole_is_mailed_without_waiting(patient: Notifier) -> None:
    anna = await _anna(patient)
    told = _of_one_round(_pairs(0, 3), 3)
    await patient.proposes(*told[:2])
    await patient.works()
    assert patient.server.mails == [], "one of the round is on its way still"

    await patient.proposes(told[2])
    await patient.works()
    (mail,) = patient.server.to(patient.address(anna))
    assert len(mail["X-Intercluster-Occasion"].split(", ")) == 3


async def test_a_whole_round_waits_for_the_rest_of_another(patient: Notifier) -> None:
    await _anna(patient)
    await patient.proposes(*_of_one_round(_pairs(0, 1), 1), *_of_one_round(_pairs(1, 2), 2))
    await patient.works()
    assert patient.server.mails == []


async def test_a_whole_round_waits_for_the_next_while_an_import_is_read(patient: Notifier) -> None:
    await _anna(patient)
    await patient.proposes(*_of_one_round(_pairs(0, 3), 3, final=False))
    await patient.works()
    assert patient.server.mails == []


async def test_somebody_who_acts_for_two_firms_is_not_mailed_before_the_other_ones_are_heard_of(
    patient: Notifier,
) -> None:
    other = organisation("Beta GmbH")
    await patient.knows(OURS, other, *PARTNERS)
    await patient.person("Anna", (OURS.organisation_id, "sme_contact"), (other.organisation_id, "sme_contact"))
    await patient.proposes(*_of_one_round(_pairs(0, 2), 2))
    await patient.works()
    assert patient.server.mails == []


async def test_a_suggestion_that_does_not_say_its_round_settles_by_time(patient: Notifier) -> None:
    await _anna(patient)
    await patient.proposes(*_pairs(0, 1))
    await patient.works()
    assert patient.server.mails == []


async def test_what_is_above_the_weekly_cap_waits_and_comes_with_the_next_digest(notifier: Notifier) -> None:
    anna = await _anna(notifier)
    for number in range(6):
        await notifier.proposes(*_pairs(number, number + 1))
        await notifier.works()
    assert len(notifier.server.to(notifier.address(anna))) == 3

    async with notifier.context.database.transaction() as session:
        week = timedelta(days=7)
        await session.execute(sa.update(Delivery).values(created_at=Delivery.created_at - week))
        await session.execute(sa.update(Notice).values(look_at=Notice.look_at - week))
    await notifier.works()

    mails = notifier.server.to(notifier.address(anna))
    assert len(mails) == 4
    assert len(mails[3]["X-Intercluster-Occasion"].split(", ")) == 3
    assert set(Counter(notifier.server.occasions()).values()) == {1}


async def test_a_person_can_lower_her_own_cap(notifier: Notifier) -> None:
    anna = await _anna(notifier)

    async with notifier.context.database.transaction() as session:
        await preferences.store(session, anna, PreferencesIn(suggestions=True, mails_per_week=1))
    for number in range(3):
        await notifier.proposes(*_pairs(number, number + 1))
        await notifier.works()
    assert len(notifier.server.to(notifier.address(anna))) == 1


async def test_no_suggestion_is_mailed_before_the_opt_in_and_all_of_them_after_it(notifier: Notifier) -> None:
    anna = await _anna(notifier, consent=None)
    await notifier.proposes(*_pairs(0, 2))
    await notifier.works()
    assert notifier.server.mails == []

    opted_in = {"purpose": "suggestions", "given": True, "at": "2026-11-22T09:00:00+00:00", "source": "form"}
    notifier.profiles.cards[anna] |= {"version": "1.2", "consents": [opted_in]}
    await notifier.hears_of(anna, n=2)
    await notifier.works()
    (mail,) = notifier.server.to(notifier.address(anna))
    assert len(mail["X-Intercluster-Occasion"].split(", ")) == 2


async def test_who_unsubscribed_comes_back_by_her_own_word_only(notifier: Notifier) -> None:
    anna = await _anna(notifier)
    async with notifier.context.database.transaction() as session:
        tokens = notifier.post.links.tokens
        await preferences.unsubscribe(session, tokens, tokens.make(anna, "suggestions"))
    await notifier.proposes(*_pairs(0, 1))
    later = {"purpose": "suggestions", "given": True, "at": now().isoformat(), "source": "a list of the hub"}
    for n, by_herself in ((2, False), (3, True)):
        card = {"version": f"1.{n}", "consents": [later | {"by_herself": by_herself}]}
        notifier.profiles.cards[anna] |= card
        await notifier.hears_of(anna, n=n)
        await notifier.make_due()
        await notifier.works()
        assert len(notifier.server.to(notifier.address(anna))) == int(by_herself)


async def test_in_france_a_notice_goes_first_and_suggestions_follow_after_some_days(notifier: Notifier) -> None:
    french, other = organisation("Atelier Nantes", "FR"), organisation("Alpha GmbH", "AT")
    await notifier.knows(french, other)
    camille = await notifier.person("Camille", (french.organisation_id, "sme_contact"), consent=None, language="fr")
    await notifier.proposes(suggestion(french.organisation_id, other.organisation_id))
    await notifier.works()
    await notifier.works()
    (notice,) = notifier.server.to(notifier.address(camille))
    assert notice["Subject"] == "Nous conservons un contact professionnel de Atelier Nantes"
    assert notice["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "CORDIS" in notice.get_body(("plain",)).get_content()  # type: ignore[union-attr]

    async with notifier.context.database.transaction() as session:
        await session.execute(sa.update(Person).values(noticed_at=Person.noticed_at - timedelta(days=4)))
    await notifier.make_due()
    await notifier.works()
    assert len(notifier.server.to(notifier.address(camille))) == 2


async def test_somebody_who_unsubscribes_while_her_mail_is_queued_does_not_get_it(notifier: Notifier) -> None:
    anna = await _anna(notifier)
    await notifier.proposes(*_pairs(0, 1))
    await notifier.composes()

    async with notifier.context.database.transaction() as session:
        tokens = notifier.post.links.tokens
        for _ in range(2):
            await preferences.unsubscribe(session, tokens, tokens.make(anna, "suggestions"))
    await notifier.works()
    await notifier.proposes(*_pairs(1, 2))
    await notifier.works()

    assert notifier.server.mails == []
    assert [(each.state, each.reason) for each in await notifier.deliveries()] == [("suppressed", "unsubscribed")]


async def test_a_round_that_is_still_coming_in_is_not_cut_in_two(patient: Notifier, mail_server: MailServer) -> None:
    anna = await _anna(patient)
    await patient.proposes(*_pairs(0, 2))
    await patient.works()
    assert mail_server.mails == []

    await patient.proposes(*_pairs(2, 4))
    async with patient.context.database.transaction() as session:
        await session.execute(sa.update(Notice).values(created_at=Notice.created_at - timedelta(seconds=31)))
    await patient.works()
    assert mail_server.mails == []  # two more have just come in

    async with patient.context.database.transaction() as session:
        await session.execute(sa.update(Notice).values(created_at=Notice.created_at - timedelta(seconds=31)))
    await patient.works()
    (mail,) = mail_server.to(patient.address(anna))
    assert len(mail["X-Intercluster-Occasion"].split(", ")) == 4


async def test_two_composers_at_once_put_no_suggestion_into_two_mails(notifier: Notifier) -> None:
    await _anna(notifier)
    await notifier.proposes(*_pairs(0, 5))
    await notifier.composes_nothing_yet()
    await asyncio.gather(*(composing.compose(notifier.context.database, notifier.post.settings) for _ in range(4)))
    await notifier.works()
    assert set(Counter(notifier.server.occasions()).values()) == {1}


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_composer_killed_in_the_middle_of_a_mail_loses_and_doubles_nothing(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    anna = await _anna(notifier)
    await notifier.proposes(*_pairs(0, 3))
    original = deliveries.queue

    async def dying(*arguments: Any, **options: Any) -> Any:
        if moment == "after":
            await original(*arguments, **options)
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(deliveries, "queue", dying)
        with pytest.raises(asyncio.CancelledError):
            await notifier.works()
    await notifier.works()

    (mail,) = notifier.server.to(notifier.address(anna))
    assert len(mail["X-Intercluster-Occasion"].split(", ")) == 3
