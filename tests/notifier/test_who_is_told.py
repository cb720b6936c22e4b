"""Who gets a mail about suggestions and connections, once, and who does not."""

import pytest

from services.notifier import occasions
from shared.clock import now
from shared.contracts import Version
from shared.contracts.matching import SUGGESTION_ANSWERED, SUGGESTION_WITHDRAWN, Answer, SuggestionState
from shared.contracts.profiles import ORGANISATION_ERASED, OrganisationErased
from tests.notifier.events import organisation, suggestion
from tests.notifier.support import Notifier

OURS = organisation("Alpha GmbH", languages=("de", "en"))


THEIRS = organisation("Beta SAS", "FR")


async def test_both_sides_get_one_mail_about_a_suggestion(notifier: Notifier) -> None:
    await notifier.knows(OURS, THEIRS)
    anna = await notifier.person("Anna", (OURS.organisation_id, "sme_contact"))
    bruno = await notifier.person("Bruno", (THEIRS.organisation_id, "sme_contact"))
    pair = suggestion(OURS.organisation_id, THEIRS.organisation_id)

    await notifier.proposes(pair)
    await notifier.works()

    assert len(notifier.server.mails) == 2
    (mail,) = notifier.server.to(notifier.address(anna))
    assert "Beta SAS" in mail["Subject"]
    assert f"suggestion:{pair.suggestion_id}:{anna}" in mail["X-Intercluster-Occasion"]
    assert len(notifier.server.to(notifier.address(bruno))) == 1
    assert {each.state for each in await notifier.deliveries()} == {"sent"}


async def test_a_suggestion_that_comes_before_card_and_organisation_is_mailed_when_they_arrive(
    notifier: Notifier,
) -> None:
    pair = suggestion(OURS.organisation_id, THEIRS.organisation_id)
    await notifier.proposes(pair)
    await notifier.works()
    anna = await notifier.person("Anna", (OURS.organisation_id, "sme_contact"))
    await notifier.works()
    assert notifier.server.mails == []

    await notifier.knows(OURS, THEIRS)
    await notifier.make_due()
    await notifier.works()

    assert len(notifier.server.to(notifier.address(anna))) == 1


async def test_somebody_who_joins_later_is_told_of_open_suggestions(notifier: Notifier) -> None:
    await notifier.knows(OURS, THEIRS)
    await notifier.proposes(suggestion(OURS.organisation_id, THEIRS.organisation_id))
    await notifier.works()

    late = await notifier.person("Late", (OURS.organisation_id, "sme_contact"))
    await notifier.works()
    await notifier.works()

    assert len(notifier.server.to(notifier.address(late))) == 1


async def test_an_event_told_again_mails_nobody_again(notifier: Notifier) -> None:
    pair = await _two_people_and_a_suggestion(notifier)
    await notifier.works()

    await notifier.proposes(pair, pair)
    await notifier.works()

    assert len(notifier.server.mails) == 2


async def test_without_the_business_key_the_double_would_be_seen(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def always(_session: object, keys: list[str]) -> set[str]:
        return set(keys)

    monkeypatch.setattr(occasions, "claim_all", always)
    pair = await _two_people_and_a_suggestion(notifier)
    await notifier.works()
    await notifier.proposes(pair)
    await notifier.works()

    seen = notifier.server.occasions()
    assert len(seen) > len(set(seen))


async def test_a_suggestion_withdrawn_before_its_mail_is_not_mailed(notifier: Notifier) -> None:
    pair = await _two_people_and_a_suggestion(notifier)
    withdrawn = pair.model_copy(update={"state": SuggestionState.WITHDRAWN, "version": Version(epoch=1, n=2)})
    await notifier.hears(SUGGESTION_WITHDRAWN, withdrawn)
    await notifier.works()
    assert notifier.server.mails == []

    again = pair.model_copy(update={"version": Version(epoch=1, n=3)})
    await notifier.proposes(again)
    await notifier.works()
    assert len(notifier.server.mails) == 2


async def test_a_suggestion_withdrawn_from_a_queued_mail_is_told_when_it_is_proposed_again(notifier: Notifier) -> None:
    pair = await _two_people_and_a_suggestion(notifier)
    other = organisation("Gamma AB", "SE")
    await notifier.knows(other)
    stays = suggestion(OURS.organisation_id, other.organisation_id)
    await notifier.proposes(stays)
    await notifier.composes()
    withdrawn = pair.model_copy(update={"state": SuggestionState.WITHDRAWN, "version": Version(epoch=1, n=2)})
    await notifier.hears(SUGGESTION_WITHDRAWN, withdrawn)
    await notifier.works()
    assert {occasion.split(":")[1] for _, occasion in notifier.server.occasions()} == {str(stays.suggestion_id)}

    await notifier.works()
    await notifier.proposes(pair.model_copy(update={"version": Version(epoch=1, n=3)}))
    await notifier.works()

    seen = notifier.server.occasions()
    assert len([each for each in seen if str(pair.suggestion_id) in each[1]]) == 2
    assert len(seen) == len(set(seen))


async def test_a_side_that_has_answered_is_not_asked_again(notifier: Notifier) -> None:
    pair = await _two_people_and_a_suggestion(notifier)
    answered = pair.model_copy(update={"first_answer": Answer.INTERESTED, "version": Version(epoch=1, n=2)})
    await notifier.hears(SUGGESTION_ANSWERED, answered)
    await notifier.works()

    (mail,) = notifier.server.mails
    assert mail["X-Intercluster-Occasion"].startswith(f"suggestion:{pair.suggestion_id}:")


async def test_contacts_appear_in_the_connection_mail_of_the_other_side_and_nowhere_else(notifier: Notifier) -> None:
    await notifier.knows(OURS, THEIRS)
    anna = await notifier.person("Anna", (OURS.organisation_id, "sme_contact"))
    bruno = await notifier.person("Bruno", (THEIRS.organisation_id, "sme_contact"))
    pair = suggestion(OURS.organisation_id, THEIRS.organisation_id)
    await notifier.proposes(pair)
    await notifier.works()
    assert not any(notifier.address(bruno) in each.as_string() for each in notifier.server.to(notifier.address(anna)))

    await notifier.connects(pair)
    await notifier.connects(pair)
    await notifier.works()

    connection = [each for each in notifier.server.mails if "connection:" in each["X-Intercluster-Occasion"]]
    assert len(connection) == 2
    (to_anna,) = [each for each in connection if notifier.address(anna) in each["To"]]
    text = to_anna.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert notifier.address(bruno) in text
    assert notifier.address(anna) not in text
    assert to_anna["List-Unsubscribe"] is None


async def test_a_connection_mail_that_is_queued_when_its_organisation_is_erased_is_not_sent(notifier: Notifier) -> None:
    pair = await _two_people_and_a_suggestion(notifier)
    await notifier.connects(pair)
    await notifier.composes()
    for each in (OURS, THEIRS):
        erased = OrganisationErased(
            version=Version(epoch=1, n=9), organisation_id=each.organisation_id, erased_at=now()
        )
        await notifier.hears(ORGANISATION_ERASED, erased)
    await notifier.works()

    assert notifier.server.mails == []
    assert {each.reason for each in await notifier.deliveries()} == {"organisation erased"}


async def test_somebody_who_has_left_an_organisation_is_told_nothing_more_for_it(notifier: Notifier) -> None:
    anna = await notifier.person("Anna", (OURS.organisation_id, "sme_contact"))
    await notifier.composes()
    await notifier.proposes(suggestion(OURS.organisation_id, THEIRS.organisation_id))
    await notifier.composes()
    notifier.profiles.cards[anna] |= {"version": "1.2", "roles": []}
    await notifier.hears_of(anna, n=2)
    await notifier.knows(OURS, THEIRS)
    await notifier.composes()
    await notifier.make_due()
    await notifier.works()

    assert notifier.server.mails == []


async def test_an_erased_organisation_is_named_in_no_later_mail(notifier: Notifier) -> None:
    await _two_people_and_a_suggestion(notifier)
    await notifier.hears(
        ORGANISATION_ERASED,
        OrganisationErased(version=Version(epoch=1, n=9), organisation_id=THEIRS.organisation_id, erased_at=now()),
    )
    await notifier.works()
    assert notifier.server.mails == []


async def _two_people_and_a_suggestion(notifier: Notifier):  # type: ignore[no-untyped-def]
    await notifier.knows(OURS, THEIRS)
    await notifier.person("Anna", (OURS.organisation_id, "sme_contact"))
    await notifier.person("Bruno", (THEIRS.organisation_id, "sme_contact"))
    pair = suggestion(OURS.organisation_id, THEIRS.organisation_id)
    await notifier.proposes(pair)
    return pair
