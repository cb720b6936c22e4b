"""The mobility part of the demo's story, over HTTP, on a real database."""

from tests.mobility.conftest import Town


async def test_a_visit_is_approved_by_four_funded_reported_and_paid_with_balanced_books(town: Town) -> None:
    programme = await town.programme()
    visit = await town.visit()
    assert visit["state"] == "requested"
    assert visit["waiting_for"] == ["visitor", "visitor_hub", "host", "host_hub"]
    for party in ("visitor", "visitor_hub", "host", "host_hub"):
        path = f"/visits/{visit['visit_id']}/decisions"
        visit = await town.done(party, path, {"party": party, "decision": "approve"})
    assert visit["state"] == "approved"
    assert {each["person_id"] for each in visit["approvals"]} == {
        str(town.people[p]) for p in ("visitor", "visitor_hub", "host", "host_hub")
    }

    voucher = await town.travel_voucher(programme["programme_id"], visit["visit_id"], distance_km=900)
    assert voucher["amount"] == {"amount": "780.00", "currency": "EUR"}
    path = f"/vouchers/{voucher['voucher_id']}"
    issued = await town.done("clerk", f"{path}/issue")
    assert issued["state"] == "issued"
    assert issued["expires_on"]

    report = {"text": "We saw the pilot line.", "evidence": [{"kind": "ticket", "reference": "TK-1"}]}
    visit = await town.done("visitor", f"/visits/{visit['visit_id']}/report", report)
    assert visit["state"] == "completed"

    await town.done("visitor", f"{path}/invoice", {"number": "R-1", "amount": "700.00", "evidence": []})
    await town.done("clerk", f"{path}/approve")
    approved = await town.done("second_clerk", f"{path}/approve")
    assert approved["state"] == "approved"
    paid = await town.done("clerk", f"{path}/pay", {"bank_reference": "SEPA-2026-77"})
    assert paid["state"] == "paid"

    books = await town.ledger(programme["programme_id"])
    assert books["balanced"] is True, books["problems"]
    amounts = {name: money["amount"] for name, money in books["balances"].items()}
    assert amounts == {
        "budget": "1000.00",
        "available": "300.00",
        "reserved": "0.00",
        "paid": "700.00",
        "released": "80.00",
    }
    assert await town.events(visit["visit_id"]) == [
        "visit.requested",
        "visit.signed",
        "visit.signed",
        "visit.signed",
        "visit.approved",
        "visit.completed",
    ]
    # Created, reserved, the remainder released, paid: each time the others learn what is left.
    assert await town.events(programme["programme_id"]) == ["programme.changed"] * 4
    assert await town.events(voucher["voucher_id"]) == [
        "voucher.applied",
        "voucher.issued",
        "voucher.invoiced",
        "voucher.approved",
        "voucher.paid",
    ]
