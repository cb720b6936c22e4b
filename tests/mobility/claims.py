"""Vouchers as tests bring them about, and how a refusal is read."""

from typing import Any

from tests.mobility.conftest import Town

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
