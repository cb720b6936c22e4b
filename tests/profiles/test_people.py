"""People: contact cards, consents, adding contacts, export and erasure."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from services.profiles import people
from services.profiles.__main__ import service
from services.profiles.work import make_first_operator
from shared.context import Context
from shared.ids import new_id
from tests.profiles.conftest import Api, an_sme


async def an_organisation(by: Api, **said: Any) -> str:
    return str((await by.post("/organisations", json=an_sme(**said))).json()["id"])


async def a_person(by: Api, organisation_id: str, email: str = "eva@sme.example.org", **said: Any) -> dict[str, Any]:
    body = {"name": "Eva", "email": email, "role": "sme_contact", **said}
    response = await by.post(f"/organisations/{organisation_id}/people", json=body)
    assert response.status_code == 201, response.text
    return dict(response.json())


CONSENT = {"given": True, "at": "2026-09-01T08:00:00Z", "wording": "Yes, write to me", "source": "sign-up form"}


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


async def test_adding_the_same_contact_again_changes_nothing(operator: Api, events: Callable[[], Any]) -> None:
    organisation = await an_organisation(operator)
    first = await a_person(operator, organisation)
    assert await a_person(operator, organisation) == first
    assert len(await events()) == 2


@pytest.mark.parametrize(
    ("role", "grants"),
    [
        ("operator", {"sme_contact", "hub_manager", "voucher_administrator", "operator", "auditor"}),
        ("hub_manager", {"sme_contact", "hub_manager"}),
        ("sme_contact", {"sme_contact"}),
        ("voucher_administrator", set()),
        ("auditor", set()),
    ],
)
async def test_each_role_grants_only_what_it_may(
    operator: Api, api: Callable[..., Api], role: str, grants: set[str]
) -> None:
    cluster = await an_organisation(operator, kind="cluster")
    caller = api(role, None if role == "operator" else cluster)
    granted = set()
    for number, wanted in enumerate(("sme_contact", "hub_manager", "voucher_administrator", "operator", "auditor")):
        body = {"name": "N", "email": f"n{number}@x.example.org", "role": wanted}
        if (await caller.post(f"/organisations/{cluster}/people", json=body)).status_code == 201:
            granted.add(wanted)
    assert granted == grants


async def test_a_hub_neither_renames_nor_readdresses_somebody_who_also_acts_elsewhere(
    operator: Api, api: Callable[..., Api]
) -> None:
    cluster = await an_organisation(operator, kind="cluster")
    member = await an_organisation(operator, clusters=[cluster])
    elsewhere = await an_organisation(operator)
    boss = await a_person(operator, elsewhere, supplied_id="boss")
    hub = api("hub_manager", cluster)
    added = await a_person(hub, member, name="Defaced", consent=CONSENT)
    assert (await operator.get(f"/people/{boss['person_id']}")).json()["name"] == "Eva"
    assert (await operator.get(f"/people/{boss['person_id']}")).json()["consents"] == []
    assert [each["organisation_id"] for each in added["roles"]] == [member]
    theft = {"name": "Eva", "email": "mine@c.example.org", "supplied_id": "boss"}
    assert (await hub.post(f"/organisations/{member}/people", json=theft)).status_code == 403
    assert (await operator.get(f"/people/{boss['person_id']}")).json()["email"] == "eva@sme.example.org"


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


async def test_her_answers_are_told_to_herself_and_operators_only(operator: Api, api: Callable[..., Api]) -> None:
    cluster = await an_organisation(operator, kind="cluster")
    member = await an_organisation(operator, clusters=[cluster])
    person = await a_person(operator, member, consent=CONSENT)
    path = f"/people/{person['person_id']}"
    for who, told in (
        (operator, True),
        (api(person_id=UUID(person["person_id"])), True),
        (api("sme_contact", member), False),
        (api("hub_manager", cluster), False),
    ):
        assert bool((await who.get(path)).json()["consents"]) is told


async def test_a_person_is_seen_by_herself_her_organisations_and_their_hubs(
    operator: Api, api: Callable[..., Api]
) -> None:
    cluster = await an_organisation(operator, kind="cluster")
    member = await an_organisation(operator, clusters=[cluster])
    other = await an_organisation(operator)
    person = await a_person(operator, member)
    await a_person(operator, other)
    path = f"/people/{person['person_id']}"
    herself = api("sme_contact", member, person_id=UUID(person["person_id"]))
    for insider, roles in (
        (herself, 2), (operator, 2), (api("hub_manager", cluster), 1), (api("sme_contact", member), 1),
    ):  # fmt: skip
        assert len((await insider.get(path)).json()["roles"]) == roles
    for stranger in (api("sme_contact", new_id()), api("hub_manager", new_id()), api("auditor", cluster), api()):
        for method in ("GET", "PUT", "DELETE"):
            assert (await stranger.call(method, path, json={})).status_code == 404
        assert (await stranger.get(f"{path}/export")).status_code == 404
    for colleague in (api("hub_manager", cluster), api("sme_contact", member)):
        assert (await colleague.put(path, json={"language": "fr"})).status_code == 403
        assert (await colleague.delete(path)).status_code == 403
        assert (await colleague.get(f"{path}/export")).status_code == 403


async def test_control_without_scoping_a_stranger_sees_her(
    operator: Api, api: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def everything(session: Any, caller: Any, organisation_ids: Any) -> set[UUID]:
        return set(organisation_ids)

    person = await a_person(operator, await an_organisation(operator))
    monkeypatch.setattr(people, "reach", everything)
    assert (await api("sme_contact", new_id()).get(f"/people/{person['person_id']}")).status_code == 200


async def test_she_changes_her_language_time_zone_and_consent(
    operator: Api, api: Callable[..., Api], sister: Callable[[str], Api], events: Callable[[], Any]
) -> None:
    person = await a_person(operator, await an_organisation(operator), consent=CONSENT)
    path = f"/people/{person['person_id']}"
    herself = api(person_id=UUID(person["person_id"]))
    changed = (await herself.put(path, json={"language": "fr", "time_zone": "Europe/Paris"})).json()
    assert (changed["language"], changed["time_zone"], changed["version"]) == ("fr", "Europe/Paris", "1.2")
    assert (await herself.put(path, json={"language": "xx"})).status_code == 422
    assert (await herself.put(path, version="1.1", json={"language": "de"})).status_code == 412
    no = {**CONSENT, "given": False, "at": "2026-10-01T08:00:00Z"}
    assert (await sister("console").put(path, json={"consent": no})).json()["consents"][0]["given"] is False
    assert (await sister("matching").put(path, json={"language": "de"})).status_code == 403
    assert [each["n"] for each in await events() if each["key"] == person["person_id"]] == [1, 2, 3]
    export = (await herself.get(f"{path}/export")).json()
    assert [each["given"] for each in export["consent_history"]] == [True, False]
    assert export["organisations"][0]["name"] == "Wasserkraft Müller"


NO = {"given": False, "at": "2026-09-15T08:00:00Z", "wording": "No more", "source": "account page"}
LATER_YES = {**CONSENT, "at": "2026-10-01T08:00:00Z"}


async def test_nobody_but_an_operator_overrules_an_answer_of_hers(operator: Api, api: Callable[..., Api]) -> None:
    cluster = await an_organisation(operator, kind="cluster")
    member = await an_organisation(operator, clusters=[cluster], supplied_id="m")
    person = await a_person(operator, member, consent=CONSENT)
    path = f"/people/{person['person_id']}"
    herself = api(person_id=UUID(person["person_id"]))
    [no] = (await herself.put(path, json={"consent": NO})).json()["consents"]
    assert (no["given"], no["by_herself"]) == (False, True)
    hub = api("hub_manager", cluster)
    await a_person(hub, member, consent=LATER_YES)
    contact = {"name": "Eva", "email": "eva@sme.example.org", "consent": LATER_YES}
    report = await hub.load(json.dumps({**an_sme(supplied_id="m"), "contacts": [contact]}))
    assert (report["accepted"], report["errors"]) == (1, [])
    assert (await operator.get(path)).json()["consents"] == [no]
    await a_person(operator, member, consent=LATER_YES)
    [yes] = (await operator.get(path)).json()["consents"]
    assert (yes["given"], yes["by_herself"]) == (True, False)


async def test_her_own_yes_stays_hers_when_an_operator_records_a_later_one(
    operator: Api, api: Callable[..., Api]
) -> None:
    """With the later time it would undo an unsubscription in between; as the operator's it would count less."""
    organisation = await an_organisation(operator)
    person = await a_person(operator, organisation)
    path = f"/people/{person['person_id']}"
    own = (await api(person_id=UUID(person["person_id"])).put(path, json={"consent": CONSENT})).json()["consents"]
    assert own[0]["by_herself"]
    await a_person(operator, organisation, consent=LATER_YES)
    await operator.put(path, json={"consent": LATER_YES})
    assert (await operator.get(path)).json()["consents"] == own


async def test_a_colleague_records_no_opt_in_for_somebody_else(operator: Api, api: Callable[..., Api]) -> None:
    organisation = await an_organisation(operator)
    colleague = api("sme_contact", organisation)
    body = {"name": "Eva", "email": "eva@sme.example.org", "consent": CONSENT}
    assert (await colleague.post(f"/organisations/{organisation}/people", json=body)).status_code == 403
    refused = await a_person(colleague, organisation, consent=NO)
    told = (await operator.get(f"/people/{refused['person_id']}")).json()
    assert told["consents"][0]["given"] is False


async def test_erasing_a_person_leaves_her_id_and_tells_everybody(
    operator: Api, api: Callable[..., Api], sister: Callable[[str], Api], profiles: Context, events: Callable[[], Any]
) -> None:
    organisation = await an_organisation(operator)
    person = await a_person(operator, organisation, consent=CONSENT, supplied_id="p-1")
    path = f"/people/{person['person_id']}"
    herself = api(person_id=UUID(person["person_id"]))
    assert (await herself.delete(path)).status_code == 204
    assert (await operator.get(path)).status_code == 404
    assert (await sister("notifier").get(f"{path}/contact-card")).status_code == 404
    assert (await operator.get(f"/organisations/{organisation}")).json()["contacts"] == []
    erased = (await events())[-1]
    assert erased["type"] == "org.intercluster.person.erased.v1"
    assert erased["body"]["organisation_ids"] == [organisation]
    assert erased["n"] == 2
    async with profiles.database.session() as session:
        for table in ("person", "role", "consent", "journal", "audit_entry"):
            rows = str((await session.execute(sa.text(f"SELECT t::text FROM {table} t"))).all())
            assert not any(word in rows for word in ("eva@", "Eva", "p-1", "sign-up")), table
    assert (await operator.delete(path)).status_code == 404


async def test_the_first_operator_is_made_once(context: Callable[..., Context], token: Any) -> None:
    profiles = context("profiles", first_operator_email="first@op.example.org", first_operator_language="de")
    await asyncio.gather(make_first_operator(profiles), make_first_operator(profiles))
    async with profiles.database.session() as session:
        assert await people.people.operators(session) == 1
        person = await people.people.find_by_email(session, "FIRST@op.example.org")
    assert person is not None
    assert (person.language, [each.role for each in person.roles]) == ("de", ["operator"])
    assert service.start == [make_first_operator]


async def test_the_last_operator_stays(operator: Api, api: Callable[..., Api]) -> None:
    organisation = await an_organisation(operator)
    only = await a_person(operator, organisation, role="operator")
    path = f"/people/{only['person_id']}"
    assert (await operator.delete(path)).json()["rule"] == "last-operator"
    await a_person(operator, organisation, "second@x.example.org", role="operator")
    assert (await operator.delete(path)).status_code == 204


async def test_every_mutation_is_audited(operator: Api, profiles: Context, api: Callable[..., Api]) -> None:
    organisation = await an_organisation(operator)
    path = f"/organisations/{organisation}"
    person = await a_person(operator, organisation)
    await operator.put(path, version="1.1", json=an_sme(city="Weiz"))
    await operator.put(f"/people/{person['person_id']}", json={"language": "fr"})
    await operator.post(f"{path}/withdraw")
    await operator.delete(f"/people/{person['person_id']}")
    await operator.delete(path)
    await operator.load("")
    async with profiles.database.session() as session:
        actions = (await session.scalars(sa.text("SELECT action FROM audit_entry ORDER BY at, id"))).all()
    assert actions == [
        "organisation-created", "contact-added", "organisation-changed", "person-changed", "organisation-withdrawn",
        "person-erased", "organisation-erased", "imported",
    ]  # fmt: skip
