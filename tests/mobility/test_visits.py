"""Visits over HTTP: who may sign, what a rule refuses, and one visit of a person at a time."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility.models import Person
from services.mobility.repository import organisations, visits
from shared.auth import Role
from shared.clock import today
from shared.contracts.profiles import OrganisationKind
from shared.ids import new_id
from tests.mobility.conftest import WITHDRAWN, Town, last_monday, organisation

PARTIES = ("visitor", "visitor_hub", "host", "host_hub")


async def refusal(town: Town, who: str, path: str, body: Any, method: str = "POST") -> tuple[int, str]:
    """Call what must be refused and return status and rule."""
    answer = await town.call(who, method, path, body)
    return answer.status_code, answer.json()["rule"]


async def test_a_refused_request_names_its_rule_and_lists_all_that_were_judged(town: Town) -> None:
    body = town.visit_body(ends_on=last_monday() + timedelta(days=1))
    answer = await town.post("visitor", "/visits", body)
    problem = answer.json()
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["rule"] == "shortest-stay"
    assert "at least 3" in problem["detail"]
    judged = {each["rule"]: each["passed"] for each in problem["verdict"]}
    assert judged["different-countries"] is True
    assert judged["shortest-stay"] is False


@pytest.mark.parametrize(
    ("who", "changes", "status"),
    [
        ("visitor", {}, 201),
        ("visitor_hub", {}, 201),
        ("host", {}, 403),
        ("host_hub", {}, 403),
        ("stranger", {"visitor_hub_id": "stranger", "kind": "policy_maker"}, 403),
        ("stranger", {"host_id": "stranger"}, 403),
    ],
)
async def test_only_the_visitors_side_fills_the_visitors_calendar(
    town: Town, who: str, changes: dict[str, str], status: int
) -> None:
    named = {key: str(getattr(town, value, value)) for key, value in changes.items()}
    assert (await town.post(who, "/visits", town.visit_body() | named)).status_code == status


@pytest.mark.parametrize("party", PARTIES)
async def test_nobody_signs_for_another_party(town: Town, party: str) -> None:
    visit = await town.visit()
    path = f"/visits/{visit['visit_id']}/decisions"
    for other in PARTIES:
        answer = await town.post(other, path, {"party": party, "decision": "approve"})
        assert answer.status_code == (200 if other == party else 403), (other, party)


async def test_a_contact_can_not_sign_for_the_hub_of_her_own_cluster(town: Town) -> None:
    visit = await town.visit()
    town.roles["host"] = Role("sme_contact", town.host_hub)
    body = {"party": "host_hub", "decision": "approve"}
    assert await refusal(town, "host", f"/visits/{visit['visit_id']}/decisions", body) == (403, "not-allowed")


async def test_who_holds_two_roles_signs_for_each_party_separately(town: Town) -> None:
    both = town.sign(
        person_id=town.people["visitor"],
        roles=(Role("sme_contact", town.visitor), Role("hub_manager", town.visitor_hub)),
    )
    visit = await town.visit()
    path = f"/visits/{visit['visit_id']}/decisions"
    headers = {"Authorization": f"Bearer {both}"}
    once = await town.client.post(path, json={"party": "visitor", "decision": "approve"}, headers=headers)
    assert once.json()["waiting_for"] == ["visitor_hub", "host", "host_hub"]
    twice = await town.client.post(path, json={"party": "visitor_hub", "decision": "approve"}, headers=headers)
    assert twice.json()["waiting_for"] == ["host", "host_hub"]


async def test_a_party_decides_once(town: Town) -> None:
    visit = await town.visit()
    path = f"/visits/{visit['visit_id']}/decisions"
    body = {"party": "host", "decision": "approve"}
    await town.done("host", path, body)
    assert await refusal(town, "host", path, body) == (409, "signed-once")


async def test_four_parties_signing_at_the_same_moment_approve_the_visit_once(town: Town) -> None:
    visit = await town.visit()
    path = f"/visits/{visit['visit_id']}/decisions"
    steps = (town.done(party, path, {"party": party, "decision": "approve"}) for party in PARTIES)
    await asyncio.gather(*steps)
    assert (await town.events(visit["visit_id"]))[1:] == ["visit.signed"] * 3 + ["visit.approved"]


async def test_one_refusal_with_its_reason_ends_the_request(town: Town) -> None:
    visit = await town.visit()
    path = f"/visits/{visit['visit_id']}/decisions"
    assert (await town.post("host", path, {"party": "host", "decision": "refuse"})).status_code == 422
    refused = await town.done("host", path, {"party": "host", "decision": "refuse", "reason": "No room."})
    assert refused["state"] == "refused"
    assert refused["reasons"] == {"host": "No room."}
    body = {"party": "host_hub", "decision": "approve"}
    assert await refusal(town, "host_hub", path, body) == (409, "visit-state")


@pytest.mark.parametrize("party", PARTIES)
async def test_any_side_may_call_an_approved_visit_off(town: Town, party: str) -> None:
    visit = await town.approved_visit()
    cancelled = await town.done(party, f"/visits/{visit['visit_id']}/cancel", {"reason": "Ill."})
    assert cancelled["state"] == "cancelled"
    assert (await town.events(visit["visit_id"]))[-1] == "visit.cancelled"


async def test_a_visit_is_reported_on_when_it_is_over(town: Town) -> None:
    first = today() + timedelta(days=7 - today().weekday())
    visit = await town.approved_visit(starts_on=first, ends_on=first + timedelta(days=10))
    body = {"text": "Early.", "evidence": [{"kind": "ticket", "reference": "1"}]}
    assert await refusal(town, "visitor", f"/visits/{visit['visit_id']}/report", body) == (409, "report-after-visit")


async def test_a_report_needs_evidence_and_an_approved_visit(town: Town) -> None:
    visit = await town.visit()
    path = f"/visits/{visit['visit_id']}/report"
    assert await refusal(town, "visitor", path, {"text": "Good.", "evidence": []}) == (422, "invalid-request")
    body = {"text": "Good.", "evidence": [{"kind": "ticket", "reference": "1"}]}
    assert await refusal(town, "visitor", path, body) == (409, "visit-state")
    assert (await town.post("host", path, body)).status_code == 403


async def test_a_person_visits_once_under_the_exchange_pattern(town: Town) -> None:
    await town.visit()
    later = town.visit_body(starts_on=last_monday() - timedelta(days=28), ends_on=last_monday() - timedelta(days=21))
    assert await refusal(town, "visitor", "/visits", later) == (422, "visits-per-visitor")


async def test_a_refused_visit_does_not_count(town: Town) -> None:
    visit = await town.visit()
    await town.done("visitor", f"/visits/{visit['visit_id']}/cancel", {"reason": "Ill."})
    await town.visit()


async def two_at_once(town: Town, first: dict[str, Any], second: dict[str, Any]) -> list[int]:
    answers = await asyncio.gather(town.post("visitor", "/visits", first), town.post("visitor", "/visits", second))
    return sorted(answer.status_code for answer in answers)


async def test_two_overlapping_visits_of_one_person_requested_at_once_are_one(town: Town) -> None:
    body = town.visit_body(kind="business_exploratory")
    assert await two_at_once(town, body, body) == [201, 409]
    assert await refusal(town, "visitor", "/visits", body) == (409, "one-visit-at-a-time")


async def test_control_without_the_exclusion_constraint_they_are_two(town: Town) -> None:
    async with town.context.database.transaction() as session:
        await session.execute(sa.text("ALTER TABLE visit DROP CONSTRAINT visit_one_at_a_time"))
    body = town.visit_body(kind="business_exploratory")
    assert await two_at_once(town, body, body) == [201, 201]


def two_weeks(town: Town) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two exchanges of the same person that do not overlap."""
    earlier = last_monday() - timedelta(days=21)
    return town.visit_body(), town.visit_body(starts_on=earlier, ends_on=earlier + timedelta(days=11))


async def test_two_exchanges_of_one_person_requested_at_once_are_one(town: Town) -> None:
    assert await two_at_once(town, *two_weeks(town)) == [201, 422]


async def test_control_without_the_lock_on_the_person_they_are_two(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    async def without_lock(session: AsyncSession, person_id: UUID) -> Person | None:
        return await session.get(Person, person_id)

    both_counted = asyncio.Barrier(2)
    count = visits.live_visits_of

    async def count_together(*arguments: Any) -> int:
        found = await count(*arguments)
        await both_counted.wait()
        return found

    monkeypatch.setattr(organisations, "lock_person", without_lock)
    monkeypatch.setattr(visits, "live_visits_of", count_together)
    assert await two_at_once(town, *two_weeks(town)) == [201, 201]


async def test_a_withdrawn_host_hosts_no_more(town: Town) -> None:
    gone = organisation(town.host, "Pomorska", OrganisationKind.SME, "PL", town.host_hub, n=2, status=WITHDRAWN)
    async with town.context.database.transaction() as session:
        await organisations.put_organisation(session, gone)
    assert await refusal(town, "visitor", "/visits", town.visit_body()) == (422, "active-organisations")


async def test_bad_input_is_a_clear_error(town: Town, subtests: pytest.Subtests) -> None:
    cases = [
        ({"host_id": str(new_id())}, "known-organisation"),
        ({"connection_id": str(new_id())}, "known-connection"),
        ({"visitor_person_id": str(new_id())}, "visitor-is-known"),
        ({"starts_on": "2026-02-30"}, "invalid-request"),
        ({"starts_on": "1926-01-01"}, "invalid-request"),
        ({"starts_on": "2026-09-10", "ends_on": "2026-09-01"}, "invalid-request"),
        ({"starts_on": "2026-01-01", "ends_on": "2099-01-01"}, "invalid-request"),
        ({"starts_on": "2026-09-07T00:00:00+99:00"}, "invalid-request"),
        ({"kind": "holiday"}, "invalid-request"),
        ({"host_id": "\u0000"}, "invalid-request"),
        ({"surprise": 1}, "invalid-request"),
        ({"starts_on": "2020-03-02", "ends_on": "2020-03-06"}, "entered-in-time"),
    ]
    for changes, rule in cases:
        with subtests.test(repr((changes, rule))[:60]):
            assert await refusal(town, "visitor", "/visits", town.visit_body() | changes) == (422, rule)


async def test_a_text_that_can_not_be_stored_is_a_clear_error(town: Town, subtests: pytest.Subtests) -> None:
    cases = ["a\u0000b", "a\u001bb", "\ud800", "", "   ", "x" * 20_001]
    visit = await town.approved_visit()
    for text in cases:
        with subtests.test(repr(text)[:60]):
            body = {"text": text, "evidence": [{"kind": "ticket", "reference": "1"}]}
            assert await refusal(town, "visitor", f"/visits/{visit['visit_id']}/report", body) == (
                422,
                "invalid-request",
            )


async def test_html_and_formulas_are_kept_as_the_text_they_are(town: Town) -> None:
    visit = await town.approved_visit()
    text = "<script>alert(1)</script> =1+1"
    body = {"text": text, "evidence": [{"kind": "=cmd", "reference": "<b>"}]}
    done = await town.done("visitor", f"/visits/{visit['visit_id']}/report", body)
    assert done["report"]["text"] == text


@pytest.mark.parametrize("who", ["stranger", "clerk", "provider"])
async def test_a_stranger_neither_sees_nor_touches_a_visit(town: Town, who: str) -> None:
    visit = await town.visit()
    path = f"/visits/{visit['visit_id']}"
    assert (await town.get(who, path)).status_code == 404
    assert (await town.get(who, "/visits")).json()["items"] == []
    assert await refusal(town, who, f"{path}/decisions", {"party": "host", "decision": "approve"}) == (404, "not-found")
    assert await refusal(town, who, f"{path}/cancel", {"reason": "No."}) == (404, "not-found")
    assert await refusal(town, who, "/visits", town.visit_body(kind="ambassador")) == (403, "not-allowed")


@pytest.mark.parametrize("who", ["operator", "auditor"])
async def test_who_watches_does_not_act(town: Town, who: str) -> None:
    visit = await town.visit()
    path = f"/visits/{visit['visit_id']}"
    assert (await refusal(town, who, f"{path}/decisions", {"party": "host", "decision": "approve"}))[0] in (403, 404)
    assert (await refusal(town, who, f"{path}/cancel", {"reason": "No."}))[0] in (403, 404)


async def test_a_hub_finds_the_visits_that_wait_for_its_signature(town: Town) -> None:
    visit = await town.visit()
    for query in (f"waiting_for={town.host_hub}", "waiting_for=host_hub"):
        found = (await town.get("host_hub", f"/visits?{query}")).json()["items"]
        assert [each["visit_id"] for each in found] == [visit["visit_id"]]
    path = f"/visits/{visit['visit_id']}/decisions"
    await town.done("host_hub", path, {"party": "host_hub", "decision": "approve"})
    assert (await town.get("host_hub", f"/visits?waiting_for={town.host_hub}")).json()["items"] == []
    assert (await town.get("host", f"/visits?waiting_for={town.host}")).json()["items"] != []


async def test_lists_come_in_pages(town: Town) -> None:
    made = []
    for week in range(3):
        first = last_monday() - timedelta(days=7 * week)
        visit = await town.visit(kind="business_exploratory", starts_on=first, ends_on=first + timedelta(days=4))
        made.append(visit["visit_id"])
    first_page = (await town.get("visitor", "/visits?limit=2")).json()
    second_page = (await town.get("visitor", f"/visits?limit=2&cursor={first_page['next_cursor']}")).json()
    seen = [each["visit_id"] for each in first_page["items"] + second_page["items"]]
    assert seen == made[::-1]
    assert second_page["next_cursor"] is None
    assert (await town.get("visitor", "/visits?limit=100000")).status_code == 422


async def test_a_call_without_a_token_is_refused(town: Town) -> None:
    assert (await town.client.get("/visits")).status_code == 401
    assert (await town.client.post("/visits", json=town.visit_body())).status_code == 401


async def test_a_service_can_not_sign(town: Town, service_token: Any) -> None:
    visit = await town.visit()
    headers = {"Authorization": f"Bearer {service_token('notifier', 'mobility')}"}
    body = {"party": "host", "decision": "approve"}
    answer = await town.client.post(f"/visits/{visit['visit_id']}/decisions", json=body, headers=headers)
    assert answer.status_code == 404
    assert (await town.client.get("/visits", headers=headers)).status_code == 403
