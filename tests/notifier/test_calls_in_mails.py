"""The open call that fits both sides, in the mail about them: named while it is open, and never a reason to write."""

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.notifier import pages, views
from services.notifier.models import Suggestion
from services.notifier.rendering import render
from shared.clock import today
from shared.contracts import Version
from shared.contracts.matching import SUGGESTION_CHANGED, CallFit, SuggestionSnapshot
from shared.contracts.profiles import ORGANISATION_ERASED, OrganisationErased
from shared.ids import new_id
from tests.notifier.events import organisation, suggestion
from tests.notifier.samples import CALL, LANGUAGES, OTHERS, reader, suggestions
from tests.notifier.support import Notifier

OURS = organisation("Alpha GmbH")
THEIRS = organisation("Beta SA", "FR")
TITLE = "Laser-based production"


def calling(**more: Any) -> CallFit:
    """A call that can be answered for a week."""
    values: dict[str, Any] = {"call_id": new_id(), "title": TITLE, "deadline": today() + timedelta(days=7)}
    return CALL.model_copy(update=values | more)


def pair(call: CallFit | None) -> SuggestionSnapshot:
    """A proposal that names a call."""
    return suggestion(OURS.organisation_id, THEIRS.organisation_id, call=call)


def changed(proposed: SuggestionSnapshot, call: CallFit | None) -> SuggestionSnapshot:
    """The same pair with another call."""
    return proposed.model_copy(
        update={"version": Version(epoch=1, n=proposed.version.n + 1), "call": call, "round": None}
    )


async def parts(notifier: Notifier) -> list[str]:
    """Return both parts of every mail there is."""
    return [
        part.get_content()
        for mail in notifier.server.mails
        for part in mail.walk()
        if part.get_content_maintype() == "text"
    ]


async def _anna(notifier: Notifier) -> None:
    await notifier.knows(OURS, THEIRS)
    await notifier.person("Anna", (OURS.organisation_id, "sme_contact"))


async def test_a_mail_names_the_call_and_its_deadline(notifier: Notifier) -> None:
    await _anna(notifier)
    await notifier.proposes(pair(calling(deadline=date(2099, 9, 30))))
    await notifier.works()
    text, html = await parts(notifier)
    for each in (text, html):
        assert TITLE in each
        assert "A call that fits you both" in each
        assert "deadline September 30, 2099" in each
        assert str(CALL.url) in each


async def test_a_call_that_is_over_when_the_mail_is_sent_is_left_out(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _anna(notifier)
    call = calling()
    await notifier.proposes(pair(call))
    await notifier.composes()
    monkeypatch.setattr(pages, "today", lambda: call.deadline + timedelta(days=1))
    await notifier.works()
    assert len(notifier.server.mails) == 1
    assert not [each for each in await parts(notifier) if TITLE in each or "fits you both" in each]


async def test_without_looking_at_the_day_a_stale_call_would_be_mailed(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control of the test above."""
    monkeypatch.setattr(CallFit, "is_open", lambda self, day: True)
    with pytest.raises(AssertionError):
        await test_a_call_that_is_over_when_the_mail_is_sent_is_left_out(notifier, monkeypatch)


async def test_on_the_day_of_its_deadline_a_call_is_still_named(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _anna(notifier)
    call = calling()
    await notifier.proposes(pair(call))
    monkeypatch.setattr(pages, "today", lambda: call.deadline)
    await notifier.works()
    assert TITLE in (await parts(notifier))[0]


async def test_a_new_call_for_a_pair_already_mailed_is_no_reason_to_write_again(notifier: Notifier) -> None:
    await _anna(notifier)
    proposed = pair(None)
    await notifier.proposes(proposed)
    await notifier.works()
    await notifier.hears(SUGGESTION_CHANGED, changed(proposed, calling()))
    await notifier.make_due()
    await notifier.works()
    assert len(notifier.server.mails) == 1


async def test_a_mail_not_sent_yet_names_the_call_as_it_is_now(notifier: Notifier) -> None:
    await _anna(notifier)
    proposed = pair(calling(title="An earlier call"))
    await notifier.proposes(proposed)
    await notifier.hears(SUGGESTION_CHANGED, changed(proposed, calling()))
    await notifier.works()
    text, _ = await parts(notifier)
    assert TITLE in text
    assert "An earlier call" not in text


async def test_a_connection_names_the_call_too(notifier: Notifier) -> None:
    await _anna(notifier)
    await notifier.person("Bea", (THEIRS.organisation_id, "sme_contact"))
    await notifier.connects(pair(calling()))
    await notifier.works()
    assert len(notifier.server.mails) == 2
    assert all(TITLE in each for each in await parts(notifier))


async def test_an_erased_organisation_leaves_no_call_behind(notifier: Notifier) -> None:
    await _anna(notifier)
    await notifier.proposes(pair(calling()))
    erased = OrganisationErased(
        organisation_id=THEIRS.organisation_id, erased_at=THEIRS.updated_at, version=Version(epoch=1, n=9)
    )
    await notifier.hears(ORGANISATION_ERASED, erased)
    async with notifier.context.database.session() as session:
        row = (await session.scalars(sa.select(Suggestion))).one()
    assert row.call is None


@pytest.mark.parametrize("url", ["http://calls.example.org", "javascript:alert(1)", "HTTPS://calls.example.org", None])
def test_only_an_https_address_becomes_a_link(url: str | None) -> None:
    who = reader("en")
    page = views.connection_page(
        who, views.Named(new_id(), "Beta", "FR"), (), "https://x.example.org", calling(url=url)
    )
    rendered = render(page, who)
    assert TITLE in rendered.html
    assert str(url) not in rendered.html
    assert str(url) not in rendered.text


def test_a_title_is_data() -> None:
    who = reader("en")
    call = calling(title="<script>alert(1)</script>\r\nBcc: x@example.org \u202e" + "long " * 200)
    page = views.connection_page(who, OTHERS, (), "https://x.example.org", call)
    rendered = render(page, who)
    assert "<script" not in rendered.html
    assert "\u202e" not in rendered.html + rendered.text
    assert "\nBcc" not in rendered.text
    assert "long " * 60 not in rendered.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_writes_the_deadline_its_own_way(language: str) -> None:
    shown = suggestions(language).suggestions[0].call
    assert shown
    day = {"en": "September 30, 2099", "de": "30. September 2099", "fr": "30 septembre 2099", "pl": "30 września 2099"}
    assert day[language] in shown.deadline
    assert shown.deadline in render(suggestions(language), reader(language)).text
