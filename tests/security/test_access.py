"""Every route × role × foreign organisation is refused as it should be, and no route is forgotten."""

import json
import re
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import pytest

from deploy.local.keys import Keys
from shared.auth import Role
from shared.context import Context
from shared.ids import new_id
from tests.security.checking import Call, World, violations
from tests.security.routes import routes_of
from tests.security.tables import OPEN, OPERATIONS, TABLES
from tests.security.worlds import FURNISH, application, world


@pytest.fixture
async def of(
    request: pytest.FixtureRequest, context: Callable[..., Context], keys: Keys, token: Callable[..., str]
) -> AsyncIterator[World]:
    """The furnished world of the service that the test names."""
    async with world(request.param, context(request.param), keys, token) as made:
        yield made


@pytest.mark.parametrize("of", FURNISH, indirect=True)
async def test_everybody_may_do_what_the_table_says_and_nothing_else(of: World) -> None:
    found = await violations(of, TABLES[of.name])
    assert not found, "\n".join(found)


@pytest.mark.parametrize("service", TABLES)
def test_no_route_is_missing_in_the_table(service: str, context: Callable[..., Context]) -> None:
    known = routes_of(application(service, context(service)))
    assert known - set(TABLES[service]) - OPEN == set(), "routes that no table names"
    assert set(TABLES[service]) - known == set(), "lines of routes that do not exist"


@pytest.mark.parametrize("of", FURNISH, indirect=True)
async def test_what_is_open_to_everybody_says_nothing_private(of: World) -> None:
    for route in sorted(OPEN - {"MOUNT /docs/static"}):
        answer = await of.client.get(route.split()[1])
        assert answer.status_code in (200, 503), route
        assert not [word for word in of.private if word in answer.text], route
        assert not re.search(r"[\w.+-]+@[\w-]+\.[\w.]+", answer.text), route


@pytest.mark.parametrize("service", TABLES)
def test_a_worker_serves_only_health_and_operations(service: str, context: Callable[..., Context]) -> None:
    assert routes_of(application(service, context(service), role="worker")) == OPEN | set(OPERATIONS)


@pytest.mark.parametrize("of", ["profiles"], indirect=True)
async def test_a_foreign_hubs_import_changes_no_row_of_others(of: World) -> None:
    row = {"kind": "sme", "name": "Firm", "country": "AT", "supplied_id": "mine-1"}
    assert (await of.send_as("ope", "POST", Call("/imports", content=json.dumps(row).encode()))).is_success
    stolen = {**row, "name": "Stolen", "contacts": [{"name": "Thief", "email": "thief@evil.example.org"}]}
    report = (await of.send_as("HUB", "POST", Call("/imports", content=json.dumps(stolen).encode()))).json()
    assert (report["accepted"], report["rejected"]) == (0, 1)
    found = await of.done("ope", "GET", "/organisations?q=Stolen")
    assert found["items"] == []
    by_email = Call("/contact-cards/by-email", {"email": "thief@evil.example.org"})
    assert (await of.send_as("con", "POST", by_email)).status_code == 404


@pytest.mark.parametrize("of", ["profiles"], indirect=True)
@pytest.mark.parametrize("role", ["operator", "auditor", "voucher_administrator", "hub_manager"])
async def test_nobody_gives_herself_more_than_she_has(of: World, role: str) -> None:
    firm = next(iter(of.callers["sme"].roles)).organisation_id
    contact = {"name": "Me", "email": "me@firm.example.org", "role": role}
    for column in ("sme", "hub", "adm", "aud"):
        answer = await of.send_as(column, "POST", Call(f"/organisations/{firm}/people", contact))
        assert answer.status_code == 403, (column, role)


@pytest.mark.parametrize("of", ["matching"], indirect=True)
async def test_a_link_gives_its_one_answer_and_no_other(of: World) -> None:
    call = await of.makers["POST /suggestions/{}/answers"]()
    suggestion_id, firm = call.path.split("/")[2], call.body["organisation_id"]
    other = (await of.makers["POST /suggestions/{}/answers"]()).path
    link = of.person_token(actions=(f"answer:{suggestion_id}:{firm}:interested",))

    async def answer(path: str, **said: str) -> int:
        return (await of.send("POST", Call(path, {**call.body, **said}), f"Bearer {link}")).status_code

    assert await answer(call.path, answer="not_interested") == 404
    assert await answer(call.path, organisation_id=str(new_id())) == 404
    assert await answer(other) == 404
    assert await answer(call.path) == 200
    assert (await of.send("GET", Call(f"/suggestions/{suggestion_id}"), f"Bearer {link}")).status_code == 403


@pytest.mark.parametrize("of", ["mobility"], indirect=True)
@pytest.mark.parametrize("party", ["visitor", "visitor_hub", "host", "host_hub"])
async def test_each_party_signs_for_itself_alone(of: World, party: str) -> None:
    call = await of.makers["POST /visits/{}/decisions"]()
    visit = await of.done("her", "GET", call.path.removesuffix("/decisions"))
    signers = {
        "visitor": Role("sme_contact", UUID(visit["visitor_id"])),
        "visitor_hub": Role("hub_manager", UUID(visit["visitor_hub_id"])),
        "host": Role("sme_contact", UUID(visit["host_id"])),
        "host_hub": Role("hub_manager", UUID(visit["host_hub_id"])),
        "hub's mere contact": Role("sme_contact", UUID(visit["visitor_hub_id"])),
    }
    said = Call(call.path, {"party": party, "decision": "approve"})
    for signer in (*(each for each in signers if each != party), party):
        token = of.person_token(roles=(signers[signer],))
        answer = await of.send("POST", said, f"Bearer {token}")
        assert answer.status_code == (200 if signer == party else 403), (signer, party)


@pytest.mark.parametrize("of", ["matching"], indirect=True)
async def test_nobody_is_told_what_the_other_side_answered_before_both_agreed(of: World) -> None:
    call = await of.makers["POST /suggestions/{}/answers"]()
    path = call.path.removesuffix("/answers")
    pair = await of.done("ope", "GET", path)
    partner = pair["second_id"] if pair["first_id"] == call.body["organisation_id"] else pair["first_id"]
    other = f"Bearer {of.person_token(roles=(Role('sme_contact', UUID(partner)),))}"
    answered = await of.done("her", "POST", call.path, call.body)
    assert {answered["first_answer"], answered["second_answer"]} == {"interested", None}

    async def shown() -> set[str | None]:
        one = (await of.send("GET", Call(path), other)).json()
        (line,) = [
            each
            for each in (await of.send("GET", Call("/suggestions?limit=200"), other)).json()["items"]
            if each["suggestion_id"] == one["suggestion_id"]
        ]
        assert (line["first_answer"], line["second_answer"]) == (one["first_answer"], one["second_answer"])
        return {one["first_answer"], one["second_answer"]}

    assert await shown() == {None}
    await of.send("POST", Call(call.path, {"organisation_id": partner, "answer": "interested"}), other)
    assert await shown() == {"interested"}
