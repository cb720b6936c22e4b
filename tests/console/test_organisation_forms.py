"""Creating, changing and withdrawing organisations in the browser: who may, what profiles is asked, how it refuses."""

import re
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.console.conftest import Call, Console, Person
from tests.console.reading import fields_of
from tests.console.town import Town, inhabit, plain, populate


@pytest.fixture
async def town(console: Console) -> Town:
    """The town; profiles lets the firm be edited by those who ask for it here."""
    made = Town()
    inhabit(console, made)
    await populate(console, made)
    console.sisters.on("profiles", "GET", "/organisations/[^/]+", plain(editable(made)))
    return made


def editable(town: Town, **more: Any) -> dict[str, Any]:
    """The firm as profiles answers it to those who may edit it."""
    return town.profile(town.firm) | {"may_edit": True, "undertaking_group": "Alpine Holding"} | more


def contact(console: Console, town: Town) -> Person:
    """The firm's own contact."""
    return console.person(("sme_contact", town.firm))


def refuse(console: Console, method: str, status: int, rule: str, detail: str, **extra: Any) -> None:
    """Let profiles refuse."""
    body = {"rule": rule, "detail": detail, **extra}
    console.sisters.on("profiles", method, "/organisations(/[^/]+)?", body, status)


async def test_saving_an_untouched_profile_sends_back_all_it_says_of_itself(console: Console, town: Town) -> None:
    stored = plain(editable(town))
    console.sisters.on("profiles", "PUT", "/organisations/[^/]+", stored)
    async with console.browser() as browser:
        await console.sign_in(browser, contact(console, town))
        assert "Edit the profile" in (await browser.get(f"/organisations/{town.firm}")).text
        shown = await browser.get(f"/organisations/{town.firm}/edit")
        done = await browser.post(f"/organisations/{town.firm}", data=fields_of(shown.text))
    assert done.headers["location"] == f"/organisations/{town.firm}?done=organisation", done.text
    [call] = console.sisters.asked("profiles", "PUT")
    assert call.headers["if-match"] == '"1.3"'
    same = ("kind", "name", "country", "region", "city", "website", "sectors", "languages", "tags", "clusters")
    assert {name: call.body[name] for name in same} == {name: stored[name] for name in same}
    assert call.body["undertaking_group"] == "Alpine Holding"
    for name, role in (("offers", "offer"), ("needs", "need")):
        said = [each for each in stored["statements"] if each["role"] == role]
        assert call.body[name] == [
            {"text": e["text"], "language": e["language"], "illustrative": e.get("illustrative", False)} for e in said
        ]


async def test_what_is_typed_becomes_the_profile(console: Console, town: Town) -> None:
    console.sisters.on("profiles", "PUT", "/organisations/[^/]+", plain(editable(town)))
    async with console.browser() as browser:
        await console.sign_in(browser, contact(console, town))
        fields = fields_of((await browser.get(f"/organisations/{town.firm}/edit")).text)
        fields |= {
            "name": [" Alpine Pumps "],
            "sectors": ["28.13", "72.10 Research and experimental development", "", "28.13"],
            "languages": ["de"],
            "more_languages": ["Welsh; JA"],
            "tags": ["low-carbon, , Water,low-carbon"],
            "offers-0-text": ["We build pumps.\r\n\r\nLarge ones."],
            "offers-1-text": ["   "],
            "offers-1-language": ["de"],
            "offers-2-text": ["Prüfstände"],
            "offers-2-language": ["de"],
        }
        fields.pop("clusters")
        await browser.post(f"/organisations/{town.firm}", data=fields)
    [call] = console.sisters.asked("profiles", "PUT")
    assert call.body["name"] == "Alpine Pumps"
    assert call.body["sectors"] == ["28.13", "72.10"]
    assert call.body["languages"] == ["de", "cy", "ja"]
    assert call.body["tags"] == ["low-carbon", "Water"]
    assert call.body["clusters"] == []
    assert call.body["offers"] == [
        {"text": "We build pumps.\n\nLarge ones.", "language": "en", "illustrative": False},
        {"text": "Prüfstände", "language": "de", "illustrative": False},
    ]


async def test_statements_are_added_and_removed_without_asking_profiles(console: Console, town: Town) -> None:
    address = f"/organisations/{town.firm}"
    async with console.browser() as browser:
        await console.sign_in(browser, contact(console, town))
        fields = fields_of((await browser.get(f"{address}/edit")).text) | {"city": ["Half written"]}
        console.sisters.calls.clear()
        more = await browser.post(address, data=fields | {"do": ["add:needs"]})
        assert re.search(r'id="needs-1-text"[^>]* autofocus', more.text)
        grown = fields_of(more.text)
        assert (grown["needs-1-text"], grown["needs-1-language"], grown["city"]) == ([""], ["de"], ["Half written"])
        third = fields_of((await browser.post(address, data=grown | {"do": ["add:needs"]})).text)
        third |= {"needs-2-text": ["The third"]}
        less = fields_of((await browser.post(address, data=third | {"do": ["remove:needs:1"]})).text)
        assert (less["needs-1-text"], "needs-2-text" in less) == (["The third"], False)
        assert less["offers-0-text"] == fields["offers-0-text"]
    assert not console.sisters.asked("profiles")


async def test_each_refusal_of_profiles_stands_at_its_field_and_nothing_typed_is_lost(
    console: Console, town: Town
) -> None:
    errors = [
        {"field": "body.needs.0.language", "message": "This is no ISO 639-1 language code such as de."},
        {"field": "body.sectors.1", "message": "This is no NACE Rev. 2.1 code such as 28.99."},
        {"field": "body.website", "message": "This is no web address."},
        {"field": "body.languages.2", "message": "This is no ISO 639-1 language code such as de."},
        {"field": "body", "message": "The region does not lie in the country."},
    ]
    refuse(console, "PUT", 422, "invalid-request", "Some fields are not as they must be.", errors=errors)
    async with console.browser() as browser:
        await console.sign_in(browser, contact(console, town))
        fields = fields_of((await browser.get(f"/organisations/{town.firm}/edit")).text)
        fields |= {"website": ["http://<b>"], "sectors": ["28.13", "pumps", "", ""], "more_languages": ["Klingon"]}
        answer = await browser.post(f"/organisations/{town.firm}", data=fields)
    assert answer.status_code == 422
    for key, words in (
        ("needs-0-language", "This is no ISO 639-1"),
        ("sectors-1", "This is no NACE"),
        ("website", "This is no web address."),
        ("languages", "This is no ISO 639-1"),
    ):
        assert f'id="{key}-fault">{words}' in answer.text, key
    assert "The region does not lie in the country." in answer.text
    assert fields_of(answer.text) == fields


async def test_somebody_faster_is_told_of_and_overwritten_only_on_purpose(console: Console, town: Town) -> None:
    def versioned(call: Call) -> httpx.Response:
        if call.headers["if-match"] == '"1.4"':
            return httpx.Response(200, json=plain(editable(town)))
        return httpx.Response(412, json={"rule": "stale-version", "detail": "Changed.", "current_version": "1.4"})

    console.sisters.on("profiles", "PUT", "/organisations/[^/]+", versioned)
    address = f"/organisations/{town.firm}"
    async with console.browser() as browser:
        await console.sign_in(browser, contact(console, town))
        fields = fields_of((await browser.get(f"{address}/edit")).text) | {"offers-0-text": ["My new words"]}
        late = await browser.post(address, data=fields)
        assert late.status_code == 412
        assert "Somebody else changed this profile while you were writing." in late.text
        assert fields_of(late.text) == fields
        assert (await browser.post(address, data=fields)).status_code == 412
        assert (await browser.post(address, data=fields | {"over": ["1.4"]})).status_code == 303


async def test_a_hub_adds_a_member_to_its_own_cluster(console: Console, town: Town) -> None:
    console.sisters.on("profiles", "POST", "/organisations", plain(editable(town)), 201)
    async with console.browser() as browser:
        await console.sign_in(browser, console.person(("hub_manager", town.hub)))
        shown = await browser.get("/organisations/new")
        fields = fields_of(shown.text)
        assert fields["clusters"] == [str(town.hub)]
        assert "Pôle Mer" not in shown.text, "a hub admits to its own cluster alone"
        assert 'value="cluster"' not in shown.text, "only an operator adds a cluster"
        fields |= {"name": ["New Firm"], "country": ["AT"], "national_id": ["AT:FN1"]}
        done = await browser.post("/organisations", data=fields)
    assert done.headers["location"] == f"/organisations/{town.firm}?done=organisation"
    [call] = console.sisters.asked("profiles", "POST")[-1:]
    assert (call.path, call.body["name"], call.body["clusters"]) == ("/organisations", "New Firm", [str(town.hub)])
    assert (call.body["kind"], call.body["national_id"], call.body["region"]) == ("sme", "AT:FN1", None)


async def test_an_operator_adds_any_kind_to_any_cluster(console: Console, town: Town) -> None:
    async with console.browser() as browser:
        await console.sign_in(browser, console.person(("operator", None)))
        shown = await browser.get("/organisations/new")
    assert {"Pôle Mer Bretagne Atlantique", "Green Tech Valley Cluster"} <= set(
        re.findall(r"> ([^<]+)</label>", shown.text)
    )
    assert 'value="cluster"' in shown.text
    assert "clusters" not in fields_of(shown.text), "none is chosen for the operator"


async def test_withdrawing_asks_first_and_only_the_button_acts(console: Console, town: Town) -> None:
    console.sisters.on("profiles", "POST", "/organisations/[^/]+/withdraw", plain(editable(town, status="withdrawn")))
    address = f"/organisations/{town.firm}/withdraw"
    async with console.browser() as browser:
        await console.sign_in(browser, contact(console, town))
        question = await browser.get(address)
        assert "Withdraw Alpine Pumpen und Verdichter GmbH?" in question.text
        assert "Keep it" in question.text
        assert not [call for call in console.sisters.asked("profiles", "POST") if "withdraw" in call.path]
        done = await browser.post(address)
    assert done.headers["location"] == f"/organisations/{town.firm}?done=withdrawn"
    assert [call.path for call in console.sisters.asked("profiles", "POST") if "withdraw" in call.path] == [address]


async def test_a_withdrawn_organisation_offers_no_form(console: Console, town: Town) -> None:
    console.sisters.on("profiles", "GET", "/organisations/[^/]+", plain(editable(town, status="withdrawn")))
    async with console.browser() as browser:
        await console.sign_in(browser, contact(console, town))
        assert "Edit the profile" not in (await browser.get(f"/organisations/{town.firm}")).text
        assert (await browser.get(f"/organisations/{town.firm}/edit")).status_code == 409


STRANGERS: dict[str, str] = {
    "auditor": "auditor",
    "administrator": "voucher_administrator",
    "foreign contact": "sme_contact",
}


async def test_others_see_no_buttons_and_get_no_forms(console: Console, town: Town) -> None:
    console.sisters.on("profiles", "GET", "/organisations/[^/]+", plain(editable(town, may_edit=False)))
    for who, role in STRANGERS.items():
        where: UUID = town.partner
        async with console.browser() as browser:
            await console.sign_in(browser, console.person((role, where)))
            assert "Edit the profile" not in (await browser.get(f"/organisations/{town.firm}")).text, who
            assert "New organisation" not in (await browser.get("/organisations")).text, who
            for page in (f"{town.firm}/edit", f"{town.firm}/withdraw", "new"):
                assert (await browser.get(f"/organisations/{page}")).status_code == 403, (who, page)
            assert (await browser.post("/organisations", data={"name": "X"})).status_code == 403, who
    assert not console.sisters.asked("profiles", "PUT")


async def test_a_foreign_change_is_asked_with_the_persons_own_token_and_refused_by_profiles(
    console: Console, town: Town
) -> None:
    refuse(console, "PUT", 403, "not-allowed", "Only its own contact, its hub or an operator may change it.")
    async with console.browser() as browser:
        await console.sign_in(browser, console.person(("sme_contact", town.partner)))
        answer = await browser.post(f"/organisations/{town.firm}", data={"name": "Mine now", "version": "1.3"})
    assert answer.status_code == 403
    assert "Only its own contact" in answer.text


async def test_control_without_the_look_at_may_edit_a_foreign_form_opens(
    console: Console, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control of the refusals above."""
    console.sisters.on("profiles", "GET", "/organisations/[^/]+", plain(editable(town, may_edit=False)))

    def careless(*_: object) -> Exception:
        return AssertionError("nobody is refused")

    monkeypatch.setattr("services.console.endpoints.organisation_forms.forbidden", careless)
    async with console.browser() as browser:
        await console.sign_in(browser, console.person(("sme_contact", town.partner)))
        assert (await browser.get(f"/organisations/{town.firm}/edit")).status_code == 500
