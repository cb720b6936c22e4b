"""What a person has agreed to is hers: who may record it, and who is told."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from tests.profiles.conftest import Api, an_sme
from tests.profiles.contacts import CONSENT, a_person, an_organisation


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
