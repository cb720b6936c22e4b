"""Vouchers over HTTP: rules, two people, codes, expiry, and what happens when the visit is called off."""

import itertools
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from services.mobility import programmes
from services.mobility.models import Voucher
from services.mobility.work import expire_vouchers
from shared.auth import Role
from shared.ids import new_id
from shared.messaging.tables import audit_entry, journal
from tests.mobility.conftest import VALID, Town

EVIDENCE = [{"kind": "invoice", "reference": "R-1.pdf"}]
INVOICE = {"number": "R-1", "amount": "1000.00", "evidence": EVIDENCE}


async def refusal(town: Town, who: str, path: str, body: Any = None, method: str = "POST") -> tuple[int, str]:
    """Call what must be refused and return status and rule."""
    answer = await town.call(who, method, path, body)
    return answer.status_code, answer.json()["rule"]


async def issued(town: Town, amount: str = "1000.00", **terms: Any) -> tuple[str, str]:
    """An issued innovation voucher; returns its path and its programme's id."""
    programme = await town.innovation_programme(**terms)
    voucher = await town.innovation_voucher(programme["programme_id"], amount)
    path = f"/vouchers/{voucher['voucher_id']}"
    await town.done("clerk", f"{path}/issue")
    return path, programme["programme_id"]


async def available(town: Town, programme_id: str) -> str:
    books = await town.ledger(programme_id)
    assert books["balanced"], books["problems"]
    return str(books["balances"]["available"]["amount"])


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


async def test_a_travel_voucher_is_issued_only_when_all_four_have_signed(town: Town) -> None:
    programme, visit = await town.programme(), await town.visit()
    voucher = await town.travel_voucher(programme["programme_id"], visit["visit_id"])
    assert await refusal(town, "clerk", f"/vouchers/{voucher['voucher_id']}/issue") == (409, "approved-visit")


def without(rule: str, town: Town) -> list[dict[str, Any]]:
    return [each for each in town.programme_body()["rules"] if each["rule"] != rule]


async def approved(town: Town, visit: dict[str, Any], **terms: Any) -> str:
    """A travel voucher that waits for nothing but its payment; returns its path."""
    programme = await town.programme(**terms)
    voucher = await town.travel_voucher(programme["programme_id"], visit["visit_id"])
    path = f"/vouchers/{voucher['voucher_id']}"
    await town.done("clerk", f"{path}/issue")
    await town.done("visitor", f"{path}/invoice", {"number": "R-1", "amount": 780})
    await town.done("clerk", f"{path}/approve")
    await town.done("second_clerk", f"{path}/approve")
    return path


async def test_without_any_rule_a_travel_voucher_is_paid_only_after_the_report(town: Town) -> None:
    visit = await town.approved_visit()
    path = await approved(town, visit, rules=without("completed-visit-before-payment", town))
    payment = {"bank_reference": "SEPA-1"}
    assert await refusal(town, "clerk", f"{path}/pay", payment) == (409, "completed-visit-before-payment")
    body = {"text": "We saw the pilot line.", "evidence": [{"kind": "ticket", "reference": "TK-1"}]}
    await town.done("visitor", f"/visits/{visit['visit_id']}/report", body)
    await town.done("clerk", f"{path}/pay", payment)
    cancelled = await refusal(town, "host", f"/visits/{visit['visit_id']}/cancel", {"reason": "x"})
    assert cancelled == (409, "visit-state")


async def test_a_visit_that_was_paid_for_is_never_called_off(town: Town) -> None:
    visit = await town.completed_visit()
    await town.done("clerk", f"{await approved(town, visit)}/pay", {"bank_reference": "SEPA-1"})
    async with town.context.database.transaction() as session:  # however it may have come to this
        await session.execute(sa.text("UPDATE visit SET state = 'approved'"))
    cancelled = await refusal(town, "host", f"/visits/{visit['visit_id']}/cancel", {"reason": "x"})
    assert cancelled == (409, "visit-paid")
    assert (await town.get("visitor", f"/visits/{visit['visit_id']}")).json()["state"] == "approved"


async def test_a_travel_voucher_is_paid_only_after_the_report(town: Town) -> None:
    programme, visit = await town.programme(), await town.approved_visit()
    voucher = await town.travel_voucher(programme["programme_id"], visit["visit_id"])
    path = f"/vouchers/{voucher['voucher_id']}"
    await town.done("clerk", f"{path}/issue")
    await town.done("visitor", f"{path}/invoice", {"number": "R-1", "amount": 780})
    await town.done("clerk", f"{path}/approve")
    await town.done("second_clerk", f"{path}/approve")
    payment = {"bank_reference": "SEPA-1"}
    assert await refusal(town, "clerk", f"{path}/pay", payment) == (409, "completed-visit-before-payment")


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


async def test_the_programme_pays_its_share_of_the_invoice_and_the_rest_is_available_again(town: Town) -> None:
    path, programme_id = await issued(town, "1000.00")
    invoiced = await town.done("visitor", f"{path}/invoice", INVOICE | {"amount": "600.00"})
    assert invoiced["amount"]["amount"] == "300.00"
    assert invoiced["invoice"]["amount"]["amount"] == "600.00"
    assert await available(town, programme_id) == "9700.00"


async def test_a_dearer_invoice_is_paid_up_to_the_voucher(town: Town) -> None:
    path, _ = await issued(town, "1000.00")
    invoiced = await town.done("visitor", f"{path}/invoice", INVOICE | {"amount": "5000.00"})
    assert invoiced["amount"]["amount"] == "500.00"


async def test_a_lump_sum_can_not_be_exceeded(town: Town) -> None:
    programme, visit = await town.programme(), await town.approved_visit()
    voucher = await town.travel_voucher(programme["programme_id"], visit["visit_id"])
    path = f"/vouchers/{voucher['voucher_id']}"
    await town.done("clerk", f"{path}/issue")
    body = {"number": "R-1", "amount": "780.01"}
    assert await refusal(town, "visitor", f"{path}/invoice", body) == (422, "invoice-within-voucher")


async def test_an_invoice_needs_evidence_and_is_handed_in_once(town: Town) -> None:
    path, _ = await issued(town)
    bare = INVOICE | {"evidence": []}
    assert await refusal(town, "visitor", f"{path}/invoice", bare) == (422, "evidence-before-payment")
    await town.done("visitor", f"{path}/invoice", INVOICE)
    assert await refusal(town, "visitor", f"{path}/invoice", INVOICE) == (409, "voucher-state")


async def test_an_invoice_is_approved_by_two_people(town: Town) -> None:
    path, _ = await issued(town)
    await town.done("visitor", f"{path}/invoice", INVOICE)
    assert (await town.done("clerk", f"{path}/approve"))["state"] == "invoiced"
    assert await refusal(town, "clerk", f"{path}/approve") == (409, "two-people")
    approved = await town.done("second_clerk", f"{path}/approve")
    assert approved["state"] == "approved"
    assert approved["checked_by"] != approved["approved_by"]


async def test_nobody_approves_her_own_claim(town: Town) -> None:
    path, _ = await issued(town)
    await town.done("visitor", f"{path}/invoice", INVOICE)
    town.people["clerk"] = town.people["visitor"]
    assert await refusal(town, "clerk", f"{path}/approve") == (409, "not-own-voucher")


@pytest.mark.parametrize("step", ["issue", "approve", "pay"])
@pytest.mark.parametrize("part", ["applied", "acts for the beneficiary", "acts for the provider"])
async def test_who_has_a_part_in_a_claim_takes_no_step_of_the_funder(part: str, step: str, town: Town) -> None:
    programme = await town.innovation_programme()
    path = f"/vouchers/{(await town.innovation_voucher(programme['programme_id']))['voucher_id']}"
    partial = {"applied": town.people["visitor"]}.get(part, town.people["clerk"])
    side = {"acts for the beneficiary": town.visitor, "acts for the provider": town.provider}.get(part)
    roles = (town.roles["clerk"], *([Role("sme_contact", side)] if side else []))
    if step != "issue":
        await town.done("clerk", f"{path}/issue")
        await town.done("visitor", f"{path}/invoice", INVOICE)
    if step == "pay":
        await town.done("clerk", f"{path}/approve")
        await town.done("second_clerk", f"{path}/approve")
    headers = {"Authorization": f"Bearer {town.sign(person_id=partial, roles=roles)}"}
    answer = await town.client.post(f"{path}/{step}", json={"bank_reference": "S-1"}, headers=headers)
    assert (answer.status_code, answer.json()["rule"]) == (409, "not-own-voucher")
    await town.done("second_clerk" if step == "issue" else "clerk", f"{path}/{step}", {"bank_reference": "S-1"})


async def test_paying_twice_is_refused_and_booked_once(town: Town) -> None:
    path, programme_id = await issued(town)
    await town.done("visitor", f"{path}/invoice", INVOICE)
    assert await refusal(town, "clerk", f"{path}/pay", {"bank_reference": "S-1"}) == (409, "voucher-state")
    await town.done("clerk", f"{path}/approve")
    await town.done("second_clerk", f"{path}/approve")
    assert await refusal(town, "clerk", f"{path}/pay", {}) == (422, "invalid-request")
    await town.done("clerk", f"{path}/pay", {"bank_reference": "S-1"})
    assert await refusal(town, "clerk", f"{path}/pay", {"bank_reference": "S-1"}) == (409, "voucher-state")
    assert (await town.ledger(programme_id))["balances"]["paid"]["amount"] == "500.00"


async def test_a_refused_invoice_returns_its_money_and_names_who_decided(town: Town) -> None:
    path, programme_id = await issued(town)
    await town.done("visitor", f"{path}/invoice", INVOICE)
    refused = await town.done("clerk", f"{path}/refuse", {"reason": "Not delivered."})
    assert (refused["state"], refused["refusal_rule"]) == ("refused", "administrator-decision")
    assert await available(town, programme_id) == "10000.00"


async def test_an_unused_voucher_expires_on_its_funders_day_and_returns_its_money(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, programme_id = await issued(town, time_zone="Pacific/Kiritimati")
    async with town.context.database.transaction() as session:
        await session.execute(sa.update(Voucher).values(expires_on=date(2026, 6, 30)))
    for moment in (datetime(2026, 6, 30, 9, 59, tzinfo=UTC), datetime(2026, 6, 30, 10, 1, tzinfo=UTC)):
        # Kiritimati is 14 hours ahead of UTC: its first of July begins on 30 June at 10:00 UTC.
        monkeypatch.setattr(programmes, "now", lambda moment=moment: moment)
        monkeypatch.setattr("services.mobility.work.today", lambda moment=moment: moment.date())
        await expire_vouchers(town.context)
        expected = "issued" if moment.minute == 59 else "expired"
        assert (await town.get("visitor", path)).json()["state"] == expected
    assert await available(town, programme_id) == "10000.00"
    assert (await town.events(path.removeprefix("/vouchers/")))[-1] == "voucher.expired"
    assert await refusal(town, "visitor", f"{path}/invoice", INVOICE) == (409, "voucher-state")


async def test_a_lapsed_voucher_can_not_be_invoiced_even_before_the_clock_has_run(town: Town) -> None:
    path, _ = await issued(town)
    async with town.context.database.transaction() as session:
        await session.execute(sa.update(Voucher).values(expires_on=date(2026, 1, 1)))
    assert await refusal(town, "visitor", f"{path}/invoice", INVOICE) == (409, "voucher-expired")


async def test_the_code_is_shown_once_to_the_beneficiary_and_kept_only_as_hmac(town: Town) -> None:
    path, _ = await issued(town)
    assert (await town.post("clerk", f"{path}/code")).status_code == 403
    code = (await town.done("visitor", f"{path}/code"))["code"]
    assert await refusal(town, "visitor", f"{path}/code") == (409, "code-shown-once")
    async with town.context.database.session() as session:
        kept = await session.scalar(sa.select(sa.cast(sa.literal_column("voucher.*"), sa.Text)).select_from(Voucher))
        bodies = [str(each) for each in await session.scalars(sa.select(journal.c.body))]
        details = [str(each) for each in await session.scalars(sa.select(audit_entry.c.detail))]
    for text in (str(kept), *bodies, *details, (await town.get("visitor", path)).text):
        assert code not in text
        assert code.replace("-", "") not in text


async def test_a_provider_invoices_with_the_code_and_not_without(town: Town) -> None:
    path, _ = await issued(town)
    code = (await town.done("visitor", f"{path}/code"))["code"]
    assert await refusal(town, "provider", f"{path}/invoice", INVOICE) == (403, "voucher-code")
    assert await refusal(town, "provider", f"{path}/invoice", INVOICE | {"code": "X" * 20}) == (403, "voucher-code")
    assert (await town.done("provider", f"{path}/invoice", INVOICE | {"code": code}))["state"] == "invoiced"


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


async def test_an_invoice_number_is_one_plain_line(town: Town, subtests: pytest.Subtests) -> None:
    cases = ["R-1\r\nBcc: x@example.org", "R\u0000", "", "x" * 201]
    path, _ = await issued(town)
    for number in cases:
        with subtests.test(repr(number)[:60]):
            body = INVOICE | {"number": number}
            assert await refusal(town, "visitor", f"{path}/invoice", body) == (422, "invalid-request")


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
