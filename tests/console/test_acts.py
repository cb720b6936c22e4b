"""Every form does the one thing on behalf of the person, and leads on."""

from typing import Any

from tests.console.conftest import Console
from tests.console.everybody import people
from tests.console.town import Town


def acts(town: Town) -> list[tuple[str, str, dict[str, Any], str, str, Any]]:
    """(who, form's address, fields, service, path there, body there)."""
    days = {"starts_on": town.starts.isoformat(), "ends_on": town.ends.isoformat()}
    parties = {
        "visitor_id": str(town.firm),
        "visitor_hub_id": str(town.hub),
        "host_id": str(town.partner),
        "host_hub_id": str(town.partner_hub),
    }
    trip = {"kind": "staff_exchange", "connection_id": str(town.connection), **parties, **days}
    visit, voucher = f"/visits/{town.visit}", f"/vouchers/{town.voucher}"
    answer = {"organisation_id": str(town.firm), "answer": "interested"}
    claim = {"programme_id": str(town.programme), "beneficiary_id": str(town.firm), "visit_id": str(town.visit)}
    decision = {"party": "visitor_hub", "decision": "approve"}
    no = {"party": "visitor_hub", "decision": "refuse", "reason": "No time"}
    report = {"text": "We met.", "kind": ["ticket", ""], "reference": ["4711", ""]}
    reported = {"text": "We met.", "evidence": [{"kind": "ticket", "reference": "4711"}]}
    bill = {"number": "R-1", "amount": "780.00", "evidence_kind": "ticket", "evidence_reference": "4711"}
    billed = {"number": "R-1", "amount": "780.00", "evidence": [{"kind": "ticket", "reference": "4711"}]}
    suggestion = f"/suggestions/{town.suggestion}/answers"
    clusters = [str(town.hub), str(town.partner_hub)]
    return [
        ("sme", suggestion, answer, "matching", suggestion, answer),
        ("sme", "/visits", trip, "mobility", "/visits", trip),
        ("hub", f"{visit}/decisions", decision, "mobility", f"{visit}/decisions", decision),
        ("hub", f"{visit}/decisions", no, "mobility", f"{visit}/decisions", no),
        ("sme", f"{visit}/cancel", {"reason": "Ill"}, "mobility", f"{visit}/cancel", {"reason": "Ill"}),
        ("sme", f"{visit}/report", report, "mobility", f"{visit}/report", reported),
        ("sme", "/vouchers", claim | {"provider_id": ""}, "mobility", "/vouchers", claim),
        ("administrator", f"{voucher}/issue", {}, "mobility", f"{voucher}/issue", {}),
        ("administrator", f"{voucher}/refuse", {"reason": "Late"}, "mobility", f"{voucher}/refuse", {"reason": "Late"}),
        ("sme", f"{voucher}/cancel", {"reason": ""}, "mobility", f"{voucher}/cancel", {}),
        ("sme", f"{voucher}/invoice", bill, "mobility", f"{voucher}/invoice", billed),
        ("administrator", f"{voucher}/approve", {}, "mobility", f"{voucher}/approve", {}),
        (
            "administrator",
            f"{voucher}/pay",
            {"bank_reference": "B1"},
            "mobility",
            f"{voucher}/pay",
            {"bank_reference": "B1"},
        ),
        (
            "hub",
            "/roadmaps",
            {"organisation_id": clusters[0], "partner_id": [clusters[1]]},
            "matching",
            "/roadmaps",
            {"cluster_ids": clusters},
        ),
        ("sme", f"/messages/{town.delivery}/resend", {}, "notifier", f"/deliveries/{town.delivery}/resend", {}),
    ]


async def test_every_form_does_the_one_thing_on_behalf_of_the_person_and_leads_on(console: Console, town: Town) -> None:
    everybody = people(console, town)
    for who, address, fields, service, path, body in acts(town):
        async with console.browser() as browser:
            await console.sign_in(browser, everybody[who])
            console.sisters.calls.clear()
            done = await browser.post(address, data=fields)
            assert done.status_code == 303, (address, done.text)
            led = await browser.get(done.headers["location"])
            assert led.status_code == 200
            assert 'class="notice good"' in led.text, address
        call = console.sisters.asked(method="POST")[0]
        expected = body | {"visitor_person_id": str(everybody[who].person_id)} if address == "/visits" else body
        assert (call.service, call.path, call.body) == (service, path, expected)
        assert call.authorization.startswith("Bearer ")


async def test_the_vouchers_code_is_shown_in_the_answer_to_the_button_alone(console: Console, town: Town) -> None:
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["sme"])
        shown = await browser.post(f"/vouchers/{town.issued}/code")
        assert "7K3M-XYWQ-9PHT-4RDA" in shown.text
        assert shown.headers["cache-control"] == "no-store"
        assert "7K3M" not in (await browser.get(f"/vouchers/{town.issued}")).text


async def test_a_resent_message_leads_back_to_its_list_and_nowhere_else(console: Console, town: Town) -> None:
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["hub"])
        for back, expected in (("/messages", "/messages?"), ("//evil.example", "/account/messages?")):
            done = await browser.post(f"/messages/{town.delivery}/resend", data={"back": back})
            assert done.headers["location"].startswith(expected)


async def test_a_refusal_by_rule_is_explained_with_all_rules(console: Console, town: Town) -> None:
    findings = [{"rule": "one-visit", "passed": False, "detail": "Visited once.", "valid_from": "2026-01-01"}]
    refusal = {"rule": "one-visit", "detail": "Anna has visited already.", "verdict": findings}
    console.sisters.on("mobility", "POST", "/vouchers", refusal, 422)
    async with console.browser(headers={"Referer": "http://console.example:8000/vouchers/new"}) as browser:
        await console.sign_in(browser, people(console, town)["sme"])
        answer = await browser.post(
            "/vouchers", data={"programme_id": str(town.programme), "beneficiary_id": str(town.firm)}
        )
    assert answer.status_code == 422
    assert "Anna has visited already." in answer.text
    assert 'href="/vouchers/new"' in answer.text
    assert "Rules that were judged" in answer.text
    assert "1 Jan 2026" in answer.text


async def test_accepting_with_htmx_returns_the_card_alone(console: Console, town: Town) -> None:
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["sme"])
        part = await browser.post(
            f"/suggestions/{town.suggestion}/answers",
            data={"organisation_id": str(town.firm), "answer": "interested"},
            headers={"HX-Request": "true"},
        )
    assert part.status_code == 200
    assert "<html" not in part.text
    assert "You answered: <strong>Interested</strong>" in part.text


async def test_dead_letters_are_counted_before_they_are_tried_again(console: Console, town: Town) -> None:
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["operator"])
        chosen = {"service": "notifier", "ids": [str(town.letter)]}
        asked = await browser.post("/operator/dead-letters/redrive", data=chosen)
        assert "Try 1 again?" in asked.text
        assert console.sisters.asked("notifier", "POST")[-1].body["dry_run"] is True
        done = await browser.post("/operator/dead-letters/redrive", data=chosen | {"confirmed": "true"})
        assert "1 handed back" in done.text
        assert console.sisters.asked("notifier", "POST")[-1].body == {"ids": [str(town.letter)], "dry_run": False}
        assert (await browser.post("/operator/dead-letters/redrive", data={"service": "notifier"})).status_code == 422
        assert (await browser.post("/operator/dead-letters/redrive", data=chosen | {"service": "x"})).status_code == 404
