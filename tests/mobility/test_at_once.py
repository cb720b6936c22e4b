"""Many hands at once: no deadlock, no 5xx, and books that balance whatever came first."""

import asyncio
import random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility.repository import ledger, vouchers
from tests.mobility.conftest import Town

EVIDENCE = [{"kind": "invoice", "reference": "R-1.pdf"}]
STEPS = {
    "issue": ("clerk", None),
    "cancel": ("visitor", None),
    "refuse": ("second_clerk", {"reason": "No."}),
    "invoice": ("visitor", {"number": "R-1", "amount": "700.00", "evidence": EVIDENCE}),
    "approve": ("clerk", None),
    "pay": ("clerk", {"bank_reference": "S-1"}),
}


@pytest.mark.parametrize("seed", range(3))
async def test_random_steps_of_many_people_at_once_keep_the_books_balanced(town: Town, seed: int) -> None:
    dice = random.Random(seed)
    programme = await town.innovation_programme("1200.00")
    made = [await town.innovation_voucher(programme["programme_id"]) for _ in range(5)]
    for _ in range(6):
        calls = []
        for _ in range(8):
            step = dice.choice(list(STEPS))
            who, body = STEPS[step]
            if step in ("issue", "approve", "pay"):
                who = dice.choice(["clerk", "second_clerk"])
            calls.append(town.post(who, f"/vouchers/{dice.choice(made)['voucher_id']}/{step}", body))
        for answer in await asyncio.gather(*calls):
            assert answer.status_code in (200, 409), answer.text
    books = await town.ledger(programme["programme_id"])
    assert books["balanced"], books["problems"]


async def test_a_visit_called_off_while_its_voucher_is_issued_leaves_no_money_reserved(town: Town) -> None:
    programme = await town.programme()
    for _ in range(10):
        visit = await town.approved_visit()
        voucher = await town.travel_voucher(programme["programme_id"], visit["visit_id"])
        issue, cancel = await asyncio.gather(
            town.post("clerk", f"/vouchers/{voucher['voucher_id']}/issue"),
            town.post("host", f"/visits/{visit['visit_id']}/cancel", {"reason": "Fire."}),
        )
        assert cancel.status_code == 200, cancel.text
        assert issue.status_code in (200, 409), issue.text
        assert (await town.get("clerk", f"/vouchers/{voucher['voucher_id']}")).json()["state"] == "cancelled"
    books = await town.ledger(programme["programme_id"])
    assert books["balanced"], books["problems"]
    assert books["balances"]["available"]["amount"] == "1000.00"


async def books_read_while_a_voucher_is_issued(town: Town, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Have a clerk issue a voucher after the entries were read and before the vouchers are."""
    programme = await town.innovation_programme()
    voucher = await town.innovation_voucher(programme["programme_id"])
    read = vouchers.of_programme

    async def issue_then_read(session: AsyncSession, programme_id: UUID) -> Any:
        await town.done("clerk", f"/vouchers/{voucher['voucher_id']}/issue")
        return await read(session, programme_id)

    monkeypatch.setattr(vouchers, "of_programme", issue_then_read)
    return await town.ledger(programme["programme_id"])


async def test_the_books_show_one_moment_even_while_money_moves(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    books = await books_read_while_a_voucher_is_issued(town, monkeypatch)
    assert books["balanced"], books["problems"]
    assert books["balances"]["reserved"]["amount"] == "0.00"


async def test_control_read_in_two_moments_the_books_seem_wrong(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    async def not_frozen(session: AsyncSession) -> None:
        """Let every statement see its own moment."""

    monkeypatch.setattr(ledger, "freeze", not_frozen)
    assert not (await books_read_while_a_voucher_is_issued(town, monkeypatch))["balanced"]
