"""People: adding contacts, who sees them, roles, erasure, the first and the last operator."""

import asyncio
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
from tests.profiles.contacts import CONSENT, a_person, an_organisation


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
