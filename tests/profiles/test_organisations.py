"""Organisations: read, create, change with a version check, withdraw, erase; each change is one event."""

import itertools
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from services.profiles import organisations
from shared.ids import new_id
from tests.profiles.conftest import Api, an_sme

EVENT = "org.intercluster.organisation.{}.v1"


async def created(by: Api, **said: Any) -> dict[str, Any]:
    response = await by.post("/organisations", json=an_sme(**said))
    assert response.status_code == 201, response.text
    return dict(response.json())


async def test_a_created_organisation_is_read_as_it_was_said(operator: Api, api: Callable[..., Api]) -> None:
    made = await created(operator)
    response = await api("sme_contact", new_id()).get(f"/organisations/{made['id']}")
    assert response.status_code == 200
    assert response.headers["etag"] == '"1.1"'
    read = response.json()
    assert (read["name"], read["region"], read["sectors"]) == ("Wasserkraft Müller", "AT221", ["28.99"])
    assert [each["role"] for each in read["statements"]] == ["offer", "need"]
    assert read["contacts"] is None
    assert read["may_edit"] is False


async def test_every_change_is_one_event_with_the_full_snapshot(operator: Api, events: Callable[[], Any]) -> None:
    made = await created(operator)
    await operator.put(f"/organisations/{made['id']}", version="1.1", json=an_sme(city="Wien", region="AT130"))
    first, second = await events()
    assert [first["type"], second["type"]] == [EVENT.format("changed")] * 2
    assert (second["epoch"], second["n"], second["key"]) == (1, 2, made["id"])
    assert second["body"]["city"] == "Wien"
    assert len(second["body"]["statements"]) == 2


async def test_a_put_that_says_nothing_new_makes_no_event(operator: Api, events: Callable[[], Any]) -> None:
    made = await created(operator)
    response = await operator.put(f"/organisations/{made['id']}", version="1.1", json=an_sme())
    assert response.status_code == 200
    assert response.json()["version"] == "1.1"
    assert len(await events()) == 1


def statements(letter: str, count: int, each: int = 5000) -> list[dict[str, Any]]:
    return [{"text": f"{number:03}" + letter * (each - 3), "language": "de"} for number in range(count)]


async def test_more_than_one_record_could_hold_is_refused(operator: Api, events: Callable[[], Any]) -> None:
    made = await created(operator)
    too_much = an_sme(offers=statements("é", 20), needs=statements("x", 3))
    refused = await operator.put(f"/organisations/{made['id']}", version="1.1", json=too_much)
    assert refused.status_code == 422
    assert "200,000 bytes" in refused.text
    assert len(await events()) == 1


def compound_words(count: int) -> list[dict[str, Any]]:
    """Statements of 4,999 letters; each word gives the search vector itself and both of its parts."""
    parts = map("".join, itertools.product("abcdefghijklmnopqrstuvwxyz", repeat=4))
    words = (f"{first}-{second}" for first, second in zip(parts, parts, strict=False))
    return [{"text": " ".join(itertools.islice(words, 500)), "language": "en"} for _ in range(count)]


@pytest.mark.parametrize("offers", [statements('"', 40), compound_words(40)], ids=["quotes", "compound words"])
async def test_the_most_that_may_be_said_is_told_and_found(
    offers: list[dict[str, Any]], operator: Api, events: Callable[[], Any]
) -> None:
    made = await created(operator, name="Foundable", offers=offers, needs=[])
    found = (await operator.get("/organisations", params={"q": "Foundable"})).json()["items"]
    assert [each["id"] for each in found] == [made["id"]]
    assert len(await events()) == 1


async def test_a_statement_keeps_its_id_while_its_text_is_unchanged(operator: Api) -> None:
    made = await created(operator)
    before = {each["text"]: each["id"] for each in made["statements"]}
    body = an_sme(offers=[{"text": "Pumps", "language": "en"}, {"text": "Small turbines for rivers", "language": "en"}])
    after = (await operator.put(f"/organisations/{made['id']}", version="1.1", json=body)).json()["statements"]
    ids = {each["text"]: each["id"] for each in after}
    assert ids["Small turbines for rivers"] == before["Small turbines for rivers"]
    assert ids["Korrosionsschutz für Stahl"] == before["Korrosionsschutz für Stahl"]
    assert after[0]["text"] == "Pumps"
    read = (await operator.get(f"/organisations/{made['id']}")).json()["statements"]
    assert read == after


async def test_a_change_needs_the_version_that_was_read(operator: Api) -> None:
    made = await created(operator)
    path = f"/organisations/{made['id']}"
    assert (await operator.put(path, json=an_sme())).status_code == 428
    assert (await operator.put(path, version="1.1", json=an_sme(city="Wien", region=None))).status_code == 200
    stale = await operator.put(path, version="1.1", json=an_sme(city="Linz", region=None))
    assert stale.status_code == 412
    assert stale.json()["current_version"] == "1.2"
    assert (await operator.get(path)).json()["city"] == "Wien"
    assert (await operator.put(path, version="x", json=an_sme())).status_code == 422


async def test_control_without_the_version_check_an_update_is_lost(
    operator: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await created(operator)
    path = f"/organisations/{made['id']}"
    monkeypatch.setattr(organisations, "check_version", lambda expected, current: None)
    await operator.put(path, version="1.1", json=an_sme(city="Wien", region=None))
    await operator.put(path, version="1.1", json=an_sme(city="Linz", region=None))
    assert (await operator.get(path)).json()["city"] == "Linz"


BROKEN = [
    ({"country": "XX"}, "country"),
    ({"region": "AT999"}, "region"),
    ({"region": "DE111"}, ""),
    ({"sectors": ["99.99"]}, "sectors"),
    ({"languages": ["xx"]}, "languages"),
    ({"name": "Two\r\nlines"}, "name"),
    ({"name": "x" * 301}, "name"),
    ({"website": "javascript:alert(1)"}, "website"),
    ({"offers": [{"text": "x" * 5001, "language": "en"}]}, "offers"),
    ({"name": "nul\0"}, "name"),
    ({"name": "surrogate \ud800"}, "name"),
]


async def test_what_breaks_a_rule_is_refused_with_its_field(operator: Api) -> None:
    operator.headers["Content-Type"] = "application/json"
    for said, field in BROKEN:
        response = await operator.post("/organisations", content=json.dumps(an_sme(**said)))
        assert response.status_code == 422, said
        assert any(field in each["field"] for each in response.json()["errors"]), said


async def test_html_and_formulas_in_names_stay_data(operator: Api) -> None:
    made = await created(operator, name="=HYPERLINK(<b>x</b>)", city="@cmd")
    read = (await operator.get(f"/organisations/{made['id']}")).json()
    assert (read["name"], read["city"]) == ("=HYPERLINK(<b>x</b>)", "@cmd")


async def test_two_organisations_never_share_a_national_id(operator: Api) -> None:
    await created(operator, national_id="AT:FN1")
    response = await operator.post("/organisations", json=an_sme(national_id="AT:FN1"))
    assert response.status_code == 409
    assert response.json()["rule"] == "id-taken"


@pytest.mark.parametrize("field", ["national_id", "supplied_id"])
async def test_nobody_claims_the_id_of_another_firm(field: str, operator: Api, api: Callable[..., Api]) -> None:
    cluster = await created(operator, kind="cluster")
    made = await created(operator, clusters=[cluster["id"]])
    path, own, hub = f"/organisations/{made['id']}", api("sme_contact", made["id"]), api("hub_manager", cluster["id"])
    body = an_sme(clusters=[cluster["id"]], **{field: "AT:FN1"})
    claimed = await own.put(path, version="1.1", json=body)
    assert (claimed.status_code, claimed.json()["rule"]) == (403, "not-allowed")
    assert (await hub.put(path, version="1.1", json=body)).json()[field] == "AT:FN1"
    assert (await own.put(path, version="1.2", json={**body, "city": "Leoben"})).status_code == 200
    for caller in (own, hub):
        assert (await caller.put(path, version="1.3", json={**body, field: "AT:FN2"})).status_code == 403
    assert (await operator.put(path, version="1.3", json={**body, field: "AT:FN2"})).json()[field] == "AT:FN2"


async def test_a_withdrawn_organisation_is_seen_only_by_its_own(
    operator: Api, api: Callable[..., Api], events: Callable[[], Any]
) -> None:
    made = await created(operator)
    path = f"/organisations/{made['id']}"
    own = api("sme_contact", made["id"])
    assert (await own.post(f"{path}/withdraw")).json()["status"] == "withdrawn"
    assert (await own.post(f"{path}/withdraw")).json()["version"] == "1.2"
    assert [each["type"] for each in await events()][1:] == [EVENT.format("withdrawn")]
    assert (await own.get(path)).status_code == 200
    assert (await api("sme_contact", new_id()).get(path)).status_code == 404
    assert (await own.get("/organisations")).json()["items"] == []
    assert len((await own.get("/organisations?status=withdrawn")).json()["items"]) == 1
    assert (await api("sme_contact", new_id()).get("/organisations?status=withdrawn")).json()["items"] == []
    assert (await own.put(path, version="1.2", json=an_sme())).status_code == 409


async def test_members_are_admitted_by_the_hub_of_their_cluster_only(operator: Api, api: Callable[..., Api]) -> None:
    cluster = await created(operator, kind="cluster", name="Green Tech")
    sme = await created(operator)
    path = f"/organisations/{sme['id']}"
    joined = an_sme(clusters=[cluster["id"]])
    assert (await api("sme_contact", sme["id"]).put(path, version="1.1", json=joined)).status_code == 403
    assert (await api("hub_manager", cluster["id"]).put(path, version="1.1", json=joined)).status_code == 403
    hub = api("hub_manager", cluster["id"])
    new = await created(hub, name="New member", clusters=[cluster["id"]])
    assert (await hub.post("/organisations", json=an_sme())).status_code == 403
    assert (await operator.put(path, version="1.1", json=joined)).json()["clusters"] == [cluster["id"]]
    assert (await hub.get(f"/organisations/{new['id']}")).json()["may_edit"] is True
    assert (await hub.put(path, version="1.2", json=joined | {"city": "Weiz"})).status_code == 200
    left = await api("sme_contact", sme["id"]).put(path, version="1.3", json=an_sme())
    assert left.json()["clusters"] == []


@pytest.mark.parametrize("clusters", ["nobody", "an sme"])
async def test_one_is_a_member_of_known_clusters_only(operator: Api, clusters: str) -> None:
    sme = await created(operator)
    wanted = str(new_id()) if clusters == "nobody" else sme["id"]
    assert (await operator.post("/organisations", json=an_sme(clusters=[wanted]))).status_code == 422


async def test_contacts_are_shown_to_own_people_the_hub_operators_and_services_only(
    operator: Api, api: Callable[..., Api], sister: Callable[[str], Api]
) -> None:
    cluster = await created(operator, kind="cluster", name="Green Tech")
    sme = await created(operator, clusters=[cluster["id"]])
    path = f"/organisations/{sme['id']}"
    contact = {"name": "Eva", "email": "eva@sme.example.org", "role": "sme_contact"}
    assert (await operator.post(f"{path}/people", json=contact)).status_code == 201
    insiders = [operator, api("sme_contact", sme["id"]), api("hub_manager", cluster["id"]), sister("mobility")]
    for each in insiders:
        assert [c["email"] for c in (await each.get(path)).json()["contacts"]] == ["eva@sme.example.org"]
    for stranger in (api("sme_contact", new_id()), api("hub_manager", new_id()), api("auditor", new_id())):
        response = await stranger.get(path)
        assert response.json()["contacts"] is None
        assert "eva" not in response.text


async def test_erasing_an_organisation_redacts_its_past_and_leaves_no_trace_of_its_people(
    operator: Api, api: Callable[..., Api], events: Callable[[], Any]
) -> None:
    cluster = await created(operator, kind="cluster", name="Secret Cluster")
    member = await created(operator, clusters=[cluster["id"]])
    path = f"/organisations/{cluster['id']}"
    only_here = {"name": "Ana", "email": "ana@c.example.org", "role": "hub_manager"}
    also_there = {"name": "Bob", "email": "bob@c.example.org", "role": "sme_contact"}
    ana = (await operator.post(f"{path}/people", json=only_here)).json()["person_id"]
    bob = (await operator.post(f"{path}/people", json=also_there)).json()["person_id"]
    await operator.post(f"/organisations/{member['id']}/people", json=also_there)
    assert (await api("hub_manager", cluster["id"]).delete(path)).status_code == 403
    assert (await operator.delete(path)).status_code == 204
    assert (await operator.get(path)).status_code == 404
    assert (await operator.get(f"/organisations/{member['id']}")).json()["clusters"] == []
    assert (await operator.get(f"/people/{ana}")).status_code == 404
    assert [r["organisation_id"] for r in (await operator.get(f"/people/{bob}")).json()["roles"]] == [member["id"]]
    rows = await events()
    assert rows[-1]["type"] == EVENT.format("erased")
    assert rows[-1]["n"] == 2
    assert rows[-1]["body"]["organisation_id"] == cluster["id"]
    assert not any("Secret Cluster" in str(each["body"]) for each in rows)
    changed = [each for each in rows if each["key"] == member["id"]]
    assert changed[-1]["body"]["clusters"] == []
    assert (await operator.delete(path)).status_code == 404


async def test_no_event_carries_a_name_or_address_of_a_person(operator: Api, events: Callable[[], Any]) -> None:
    made = await created(operator)
    contact = {"name": "Eva Beispiel", "email": "eva@sme.example.org"}
    await operator.post(f"/organisations/{made['id']}/people", json=contact)
    rows = await events()
    assert rows[-1]["type"] == "org.intercluster.person.changed.v1"
    assert set(rows[-1]["body"]) == {"version", "person_id", "organisation_ids"}
    assert not any(word in str(dict(each)) for each in rows for word in ("Eva", "example.org"))


async def test_an_unknown_organisation_is_not_found(operator: Api) -> None:
    assert (await operator.get(f"/organisations/{UUID(int=0)}")).status_code == 404
    assert (await operator.get("/organisations/nonsense")).status_code == 422


async def test_a_mail_link_is_good_for_nothing_here(api: Callable[..., Api]) -> None:
    assert (await api(actions=("answer:x",)).get("/organisations")).status_code == 403


async def test_nobody_reads_without_a_token(client: Any) -> None:
    assert (await client.get("/organisations")).status_code == 401
