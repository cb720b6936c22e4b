"""Applying for vouchers over HTTP: rules, visits, and who may claim what."""

import itertools
from decimal import Decimal

import pytest
import sqlalchemy as sa

from shared.auth import Role
from shared.ids import new_id
from shared.messaging.tables import audit_entry
from tests.mobility.claims import INVOICE, available, issued, refusal
from tests.mobility.conftest import VALID, Town


async def test_a_refused_claim_names_its_rule_and_leaves_nothing_behind(town: Town) -> None:
    rules = [{"rule": "applicant-country", "countries": ["FI"], **VALID}, {"rule": "validity", "months": 1, **VALID}]
    programme = await town.innovation_programme(rules=rules)
    body = {
        "programme_id": programme["programme_id"],
        "beneficiary_id": str(town.visitor),
        "provider_id": str(town.provider),
        "amount": "100.00",
    }
    answer = await town.post("visitor", "/vouchers", body)
    assert (answer.status_code, answer.json()["rule"]) == (422, "applicant-country")
    assert [each["rule"] for each in answer.json()["verdict"] if not each["passed"]] == ["applicant-country"]
    assert (await town.get("visitor", "/vouchers")).json()["items"] == []


async def test_a_visit_is_claimed_once(town: Town) -> None:
    programme, visit = await town.programme(), await town.visit()
    body = {
        "programme_id": programme["programme_id"],
        "beneficiary_id": str(town.visitor),
        "visit_id": visit["visit_id"],
    }
    first = await town.done("visitor", "/vouchers", body)
    assert await refusal(town, "visitor", "/vouchers", body) == (409, "visit-claimed-once")
    await town.done("visitor", f"/vouchers/{first['voucher_id']}/cancel")
    await town.done("visitor", "/vouchers", body)


async def test_a_cancelled_visit_returns_the_money_of_its_voucher(town: Town) -> None:
    programme, visit = await town.programme(), await town.approved_visit()
    voucher = await town.travel_voucher(programme["programme_id"], visit["visit_id"])
    await town.done("clerk", f"/vouchers/{voucher['voucher_id']}/issue")
    assert await available(town, programme["programme_id"]) == "220.00"
    await town.done("host", f"/visits/{visit['visit_id']}/cancel", {"reason": "Fire."})
    assert (await town.get("visitor", f"/vouchers/{voucher['voucher_id']}")).json()["state"] == "cancelled"
    assert await available(town, programme["programme_id"]) == "1000.00"
    assert (await town.events(voucher["voucher_id"]))[-1] == "voucher.cancelled"


async def test_only_the_funders_clerks_decide(town: Town, subtests: pytest.Subtests) -> None:
    programme = await town.innovation_programme()
    voucher = await town.innovation_voucher(programme["programme_id"])
    bodies = {"issue": None, "refuse": {"reason": "No."}, "approve": None, "pay": {"bank_reference": "S-1"}}
    for who, (step, body) in itertools.product(("visitor", "auditor", "operator"), bodies.items()):
        with subtests.test(f"{who} {step}"):
            path = f"/vouchers/{voucher['voucher_id']}/{step}"
            assert await refusal(town, who, path, body) == (403, "not-allowed")


async def test_a_foreign_voucher_does_not_exist(town: Town, subtests: pytest.Subtests) -> None:
    programme = await town.innovation_programme()
    voucher = await town.innovation_voucher(programme["programme_id"])
    path = f"/vouchers/{voucher['voucher_id']}"
    cases = ["foreign_clerk", "stranger", "host"]
    for who in cases:
        with subtests.test(repr(who)[:60]):
            assert (await town.get(who, path)).status_code == 404
            assert (await town.get(who, "/vouchers")).json()["items"] == []
            bodies = {"refuse": {"reason": "No."}, "pay": {"bank_reference": "S-1"}, "invoice": INVOICE}
            for step in ("issue", "refuse", "cancel", "code", "invoice", "approve", "pay"):
                assert (await town.post(who, f"{path}/{step}", bodies.get(step))).status_code == 404, step


async def test_nobody_applies_for_another_organisation(town: Town) -> None:
    programme = await town.innovation_programme()
    body = {"programme_id": programme["programme_id"], "beneficiary_id": str(town.visitor), "amount": "1.00"}
    for who in ("host", "clerk", "operator"):
        assert await refusal(town, who, "/vouchers", body) == (403, "not-allowed")


async def test_nobody_claims_a_visit_that_she_may_not_see(town: Town) -> None:
    programme, visit = await town.programme(), await town.visit()
    town.roles["stranger"] = Role("sme_contact", town.stranger)
    body = {
        "programme_id": programme["programme_id"],
        "beneficiary_id": str(town.stranger),
        "visit_id": visit["visit_id"],
    }
    assert await refusal(town, "stranger", "/vouchers", body) == (404, "not-found")


async def test_a_host_can_not_claim_the_visitors_lump_sum(town: Town) -> None:
    programme, visit = await town.programme(), await town.visit()
    body = {"programme_id": programme["programme_id"], "beneficiary_id": str(town.host), "visit_id": visit["visit_id"]}
    assert (await refusal(town, "host", "/vouchers", body))[0] == 422


async def test_an_impossible_amount_is_a_clear_error(town: Town, subtests: pytest.Subtests) -> None:
    cases = [
        ("-5.00", "invalid-request"),
        ("0", "invalid-request"),
        ("0.001", "invalid-request"),
        ("NaN", "invalid-request"),
        ("Infinity", "invalid-request"),
        ("1e30", "invalid-request"),
        ("1" * 400, "invalid-request"),
        ({"amount": "5.00", "currency": "GBP"}, "one-currency"),
        ({"amount": "-5.00", "currency": "EUR"}, "positive-cents"),
        ({"amount": "5.00", "currency": "euro"}, "invalid-request"),
        ("0.01", "worth-something"),
    ]
    programme = await town.innovation_programme()
    for amount, rule in cases:
        with subtests.test(repr((amount, rule))[:60]):
            body = {
                "programme_id": programme["programme_id"],
                "beneficiary_id": str(town.visitor),
                "provider_id": str(town.provider),
                "amount": amount,
            }
            assert await refusal(town, "visitor", "/vouchers", body) == (422, rule)


async def test_every_step_is_audited_with_its_actor(town: Town) -> None:
    path, _ = await issued(town)
    await town.done("visitor", f"{path}/invoice", INVOICE)
    await town.done("clerk", f"{path}/approve")
    await town.done("second_clerk", f"{path}/approve")
    await town.done("clerk", f"{path}/pay", {"bank_reference": "S-1"})
    statement = sa.select(audit_entry.c.action, audit_entry.c.actor).where(
        audit_entry.c.subject_id == path.removeprefix("/vouchers/")
    )
    async with town.context.database.session() as session:
        seen = {(action, actor) for action, actor in await session.execute(statement)}
    expected = {
        "voucher.apply": "visitor",
        "voucher.issue": "clerk",
        "voucher.invoice": "visitor",
        "voucher.check": "clerk",
        "voucher.approve": "second_clerk",
        "voucher.pay": "clerk",
    }
    assert seen == {(action, str(town.people[who])) for action, who in expected.items()}


async def test_an_unknown_voucher_or_programme_is_not_found(town: Town) -> None:
    assert (await town.get("clerk", f"/vouchers/{new_id()}")).status_code == 404
    assert (await town.get("clerk", "/vouchers/no-uuid")).status_code == 422
    body = {"programme_id": str(new_id()), "beneficiary_id": str(town.visitor), "amount": str(Decimal("1.00"))}
    assert await refusal(town, "visitor", "/vouchers", body) == (404, "not-found")
