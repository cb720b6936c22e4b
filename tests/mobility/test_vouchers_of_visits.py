"""A travel voucher follows its visit: signed, reported on, called off."""

from typing import Any

import sqlalchemy as sa

from tests.mobility.claims import refusal
from tests.mobility.conftest import Town


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
