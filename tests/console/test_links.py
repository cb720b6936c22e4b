"""One-click links in mails: opening asks, the button acts; no sign-in, nothing but the one action."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from deploy.local.keys import Keys
from services.console.consumers import project_organisation, project_suggestion
from services.console.web import identity_of
from shared.auth import TokenIssuer, TokenVerifier
from shared.clock import now
from shared.contracts import Version
from shared.contracts.matching import SUGGESTION_PROPOSED, SuggestionSnapshot, SuggestionState
from shared.contracts.profiles import ORGANISATION_CHANGED, OrganisationKind, OrganisationSnapshot
from shared.ids import new_id
from shared.messaging import Event
from tests.console.conftest import Console, Person


@pytest.fixture
def notifier(keys: Keys) -> TokenIssuer:
    """The notifier's own signing."""
    return TokenIssuer.from_file("notifier", keys.private("notifier"))


def link(issuer: TokenIssuer, purpose: str = "answer-suggestion", minutes: float = 60, **claims: Any) -> str:
    """Sign an answer link as notifier puts it into mails."""
    said = {
        "sub": str(new_id()),
        "suggestion_id": str(new_id()),
        "organisation_id": str(new_id()),
        "answer": "interested",
    }
    return issuer.capability(purpose, said | claims, timedelta(minutes=minutes))


def a_contact(console: Console) -> Person:
    """Somebody who answers for an organisation."""
    return console.person(("sme_contact", new_id()))


def link_of(issuer: TokenIssuer, person: Person, **claims: Any) -> str:
    """Sign the answer link of somebody for the organisation of her first role."""
    said = {"sub": str(person.person_id), "organisation_id": person.roles[0]["organisation_id"]}
    return link(issuer, **(said | claims))


def event(kind: Any, body: Any) -> Event[Any]:
    """An event as it comes from the stream."""
    return Event(id=new_id(), type=kind, source="test", time=now(), body=body, sequence=1)


async def project(console: Console, suggestion_id: UUID, ours: UUID, theirs: UUID) -> None:
    """Let the console hear of two organisations and their suggestion."""
    async with console.context.database.transaction() as session:
        for organisation_id, name in ((ours, "Muster GmbH"), (theirs, "Dupont & <Fils>")):
            body = OrganisationSnapshot(
                version=Version(epoch=1, n=1),
                organisation_id=organisation_id,
                kind=OrganisationKind.SME,
                name=name,
                country="FR",
                updated_at=now(),
            )
            await project_organisation(session, event(ORGANISATION_CHANGED, body))
        first, second = sorted((ours, theirs))
        suggestion = SuggestionSnapshot(
            version=Version(epoch=1, n=1),
            suggestion_id=suggestion_id,
            first_id=first,
            second_id=second,
            state=SuggestionState.PROPOSED,
            score=0.8,
            reason="They offer “pumps”, you need “a pump”.",
            model_version="test",
            proposed_at=now(),
        )
        await project_suggestion(session, event(SUGGESTION_PROPOSED, suggestion))


async def test_opening_an_answer_link_asks_and_changes_nothing(console: Console, notifier: TokenIssuer) -> None:
    suggestion_id, ours, theirs = new_id(), new_id(), new_id()
    await project(console, suggestion_id, ours, theirs)
    contact = console.person(("sme_contact", ours))
    capability = link_of(notifier, contact, suggestion_id=str(suggestion_id))
    async with console.browser() as browser:
        shown = await browser.get(f"/answer/{capability}")
    assert shown.status_code == 200
    assert "Interested in Dupont &amp; &lt;Fils&gt;?" in shown.text
    assert "They offer “pumps”" in shown.text
    assert not console.sisters.asked("matching")


async def test_the_button_answers_with_a_token_for_this_one_action(console: Console, notifier: TokenIssuer) -> None:
    suggestion_id, ours = new_id(), new_id()
    contact = console.person(("sme_contact", ours))
    console.sisters.on("matching", "POST", "/suggestions/[^/]+/answers", {"state": "proposed"})
    capability = link_of(notifier, contact, suggestion_id=str(suggestion_id))
    async with console.browser() as browser:
        for _ in range(2):
            done = await browser.post(f"/answer/{capability}")
            assert done.status_code == 200
            assert "Thank you" in done.text
    call = console.sisters.asked("matching")[0]
    assert call.path == f"/suggestions/{suggestion_id}/answers"
    assert call.body == {"organisation_id": str(ours), "answer": "interested"}
    verifier = TokenVerifier("matching", console.context.settings.trusted_keys_file)
    principal = verifier.principal(call.authorization.removeprefix("Bearer "))
    assert principal.person_id == contact.person_id
    assert principal.actions == {f"answer:{suggestion_id}:{ours}:interested"}
    assert not principal.roles


async def test_an_answer_link_works_without_any_header_of_a_browser(console: Console, notifier: TokenIssuer) -> None:
    console.sisters.on("matching", "POST", "/suggestions/[^/]+/answers", {"state": "proposed"})
    async with console.browser() as program:
        del program.headers["sec-fetch-site"]
        assert (await program.post(f"/answer/{link_of(notifier, a_contact(console))}")).status_code == 200


@pytest.mark.parametrize("gone", ["erased", "without her role", "a funder's administrator", "of another organisation"])
async def test_an_answer_link_ends_with_the_role_it_was_sent_to(
    gone: str, console: Console, notifier: TokenIssuer
) -> None:
    console.sisters.on("matching", "POST", "/suggestions/[^/]+/answers", {"state": "proposed"})
    contact = a_contact(console)
    capability = link_of(notifier, contact)
    async with console.browser() as browser:
        assert (await browser.get(f"/answer/{capability}")).status_code == 200
        match gone:
            case "erased":
                console.people.clear()
            case "without her role":
                contact.roles.clear()
            case "a funder's administrator":
                contact.roles[0]["role"] = "voucher_administrator"
            case _:
                contact.roles[0]["organisation_id"] = str(new_id())
        identity_of(console.context).cards.forget(contact.person_id)
        for answer in (await browser.get(f"/answer/{capability}"), await browser.post(f"/answer/{capability}")):
            assert answer.status_code == 410
            assert "link-does-not-work" in answer.text
    assert not console.sisters.asked("matching")


async def test_a_suggestion_that_was_withdrawn_is_explained(console: Console, notifier: TokenIssuer) -> None:
    said = "This suggestion was withdrawn: one side left."
    console.sisters.problem("matching", "POST", "/suggestions/[^/]+/answers", 409, "suggestion-withdrawn", said)
    async with console.browser() as browser:
        answer = await browser.post(f"/answer/{link_of(notifier, a_contact(console))}")
    assert answer.status_code == 409
    assert said in answer.text
    assert "suggestion-withdrawn" in answer.text


def bad_links(notifier: TokenIssuer, keys: Keys) -> dict[str, str]:
    """Links that must not work."""
    good = link(notifier)
    matching = TokenIssuer.from_file("matching", keys.private("matching"))
    liar = TokenIssuer("notifier", matching._key)
    console = TokenIssuer.from_file("console", keys.private("console"))
    return {
        "expired": link(notifier, minutes=-5),
        "for another purpose": link(notifier, purpose="unsubscribe"),
        "by another service": link(matching),
        "by another service in notifier's name": link(liar),
        "by the console itself": link(console),
        "cut off": good[:-10],
        "changed": good.replace(".", ".A", 1),
        "a person token": console.person_token(new_id()),
        "a service token": notifier.service_token("console"),
        "an unknown answer": link(notifier, answer="perhaps"),
        "no ids": link(notifier, suggestion_id="7"),
        "nonsense": "abc",
    }


async def test_links_that_are_not_good_are_refused(console: Console, notifier: TokenIssuer, keys: Keys) -> None:
    async with console.browser() as browser:
        for what, capability in bad_links(notifier, keys).items():
            for answer in (await browser.get(f"/answer/{capability}"), await browser.post(f"/answer/{capability}")):
                assert answer.status_code == 410, what
                assert "This link does not work" in answer.text
    assert not console.sisters.calls


async def test_opening_an_unsubscribe_link_asks_and_changes_nothing(console: Console) -> None:
    async with console.browser() as browser:
        shown = await browser.get("/unsubscribe/some-token")
    assert "Stop these mails?" in shown.text
    assert not console.sisters.calls


async def test_the_button_unsubscribes(console: Console) -> None:
    console.sisters.on("notifier", "POST", "/unsubscribe", {"status": "unsubscribed"})
    async with console.browser() as browser:
        done = await browser.post("/unsubscribe/some-token", data={"List-Unsubscribe": "page"})
    assert "You are unsubscribed" in done.text
    assert console.sisters.asked("notifier")[0].body == {"token": "some-token"}


async def test_a_mail_provider_unsubscribes_with_one_click_without_cookie_or_origin(console: Console) -> None:
    console.sisters.on("notifier", "POST", "/unsubscribe", {"status": "unsubscribed"})
    async with console.browser(headers={"Accept": "*/*"}) as provider:
        del provider.headers["sec-fetch-site"]
        for headers in ({}, {"Sec-Fetch-Site": "cross-site", "Origin": "https://mail.example"}):
            done = await provider.post(
                "/unsubscribe/some-token", data={"List-Unsubscribe": "One-Click"}, headers=headers
            )
            assert done.status_code == 200
            assert done.text == "unsubscribed\n"
    assert len(console.sisters.asked("notifier")) == 2


async def test_an_unsubscribe_link_that_notifier_does_not_know_is_said_not_to_work(console: Console) -> None:
    console.sisters.problem("notifier", "POST", "/unsubscribe", 422, "bad-token", "no")
    async with console.browser() as browser:
        answer = await browser.post("/unsubscribe/nonsense", data={"List-Unsubscribe": "page"})
    assert answer.status_code == 410
    assert "This link does not work" in answer.text


async def test_unsubscribing_says_nothing_was_done_when_notifier_is_away(console: Console) -> None:
    """Saying success and doing nothing is the complaint that this page must not earn."""
    console.sisters.problem("notifier", "POST", "/unsubscribe", 503, "service-away", "Notifier does not answer.")
    async with console.browser() as browser:
        answer = await browser.post("/unsubscribe/some-token", data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 503


def test_the_folder_of_templates_marks_nothing_as_safe() -> None:
    templates = Path(__file__).parents[2] / "services" / "console" / "templates"
    found = [
        path.name for path in templates.rglob("*.html") if "| safe" in path.read_text() or "|safe" in path.read_text()
    ]
    assert not found
