"""Contact cards: what sister services are told of a person, and nobody else."""

from collections.abc import Callable
from uuid import UUID

from shared.ids import new_id
from tests.profiles.conftest import Api
from tests.profiles.contacts import CONSENT, a_person, an_organisation


async def test_a_contact_card_says_who_she_is_to_sister_services(operator: Api, sister: Callable[[str], Api]) -> None:
    organisation = await an_organisation(operator)
    person = await a_person(operator, organisation, consent=CONSENT, language="pl")
    card = (await sister("notifier").get(f"/people/{person['person_id']}/contact-card")).json()
    assert card == {
        "person_id": person["person_id"],
        "version": "1.1",
        "name": "Eva",
        "email": "eva@sme.example.org",
        "language": "pl",
        "time_zone": "Europe/Vienna",
        "roles": [{"role": "sme_contact", "organisation_id": organisation}],
        "consents": [{"purpose": "suggestions", **CONSENT, "by_herself": False}],
        "status": "active",
    }
    listed = await sister("mobility").post("/contact-cards/by-organisation", json={"organisation_ids": [organisation]})
    assert listed.json() == {"items": [card], "next_cursor": None}


async def test_only_sister_services_read_contact_cards(
    operator: Api, api: Callable[..., Api], sister: Callable[[str], Api]
) -> None:
    person = await a_person(operator, await an_organisation(operator))
    path = f"/people/{person['person_id']}/contact-card"
    herself = api("sme_contact", new_id(), person_id=UUID(person["person_id"]))
    for nosy in (operator, herself):
        assert (await nosy.get(path)).status_code == 403
        assert (await nosy.post("/contact-cards/by-email", json={"email": "x"})).status_code == 403
        assert (await nosy.post("/contact-cards/by-organisation", json={"organisation_ids": []})).status_code == 403
    assert (await sister("notifier").post("/contact-cards/by-email", json={"email": "x"})).status_code == 403


async def test_signing_in_finds_an_address_whatever_its_case_and_answers_alike_otherwise(
    operator: Api, sister: Callable[[str], Api]
) -> None:
    person = await a_person(operator, await an_organisation(operator))
    gone = await a_person(operator, await an_organisation(operator), "gone@sme.example.org")
    await operator.delete(f"/people/{gone['person_id']}")
    console = sister("console")
    found = await console.post("/contact-cards/by-email", json={"email": " EVA@sme.example.org "})
    assert found.json()["person_id"] == person["person_id"]
    answers = {
        (response.status_code, response.text)
        for address in ("gone@sme.example.org", "nobody@x.example.org", "no address", "", "nul\0", "'; --", "%")
        for response in [await console.post("/contact-cards/by-email", json={"email": address})]
    }
    assert len(answers) == 1
    assert next(iter(answers))[0] == 404


async def test_adding_an_address_tells_what_a_colleague_sees_and_no_more(
    operator: Api, api: Callable[..., Api]
) -> None:
    """To hide her name in the first answer hides nothing: the organisation's contacts are named to its people."""
    there = await an_organisation(operator)
    said = {"consent": CONSENT, "language": "pl", "time_zone": "Europe/Warsaw"}
    eva = await a_person(operator, there, name="Eva Nowak", **said)
    here = await an_organisation(operator)
    caller = api("sme_contact", here)
    told = await a_person(caller, here, "EVA@sme.example.org", name="Somebody")
    assert told == await a_person(caller, here, "EVA@sme.example.org", name="Somebody"), "the same each time"
    assert (told["person_id"], told["name"]) == (eva["person_id"], "Eva Nowak")
    [listed] = (await caller.get(f"/organisations/{here}")).json()["contacts"]
    assert {each: listed[each] for each in ("name", "email", "language")} == {
        each: told[each] for each in ("name", "email", "language")
    }
    assert told["roles"] == [{"role": "sme_contact", "organisation_id": here}]
    assert told["consents"] == []
