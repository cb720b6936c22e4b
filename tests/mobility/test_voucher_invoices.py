"""Invoices: what is paid of them, who approves them, codes, and expiry."""

from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from services.mobility import programmes
from services.mobility.models import Voucher
from services.mobility.work import expire_vouchers
from shared.auth import Role
from shared.messaging.tables import audit_entry, journal
from tests.mobility.claims import INVOICE, available, issued, refusal
from tests.mobility.conftest import Town


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


async def test_an_invoice_number_is_one_plain_line(town: Town, subtests: pytest.Subtests) -> None:
    cases = ["R-1\r\nBcc: x@example.org", "R\u0000", "", "x" * 201]
    path, _ = await issued(town)
    for number in cases:
        with subtests.test(repr(number)[:60]):
            body = INVOICE | {"number": number}
            assert await refusal(town, "visitor", f"{path}/invoice", body) == (422, "invalid-request")
