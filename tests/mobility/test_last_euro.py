"""Two clerks at once: the budget holds, nothing is paid twice, and each guard is shown to be needed."""

import asyncio
from decimal import Decimal
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility import budgets
from services.mobility.ledger import Occasion
from services.mobility.models import Programme, Voucher
from services.mobility.repository import ledger as ledger_rows
from services.mobility.repository import programmes, vouchers
from shared.ids import new_id
from tests.mobility.conftest import Town

ROUNDS = 50


async def both(town: Town, first: str, second: str, body: Any = None) -> list[int]:
    """Have the two clerks do their step at the same moment; return the sorted statuses."""
    answers = await asyncio.gather(town.post("clerk", first, body), town.post("second_clerk", second, body))
    return sorted(answer.status_code for answer in answers)


async def two_applications(town: Town) -> tuple[str, list[str]]:
    """Two claims of 500 EUR each on a pot of 500 EUR: its id and the paths that issue them."""
    programme = await town.innovation_programme("500.00")
    made = [await town.innovation_voucher(programme["programme_id"]) for _ in range(2)]
    return programme["programme_id"], [f"/vouchers/{each['voucher_id']}/issue" for each in made]


async def approved_voucher(town: Town) -> tuple[str, str]:
    """A voucher that only waits for its payment."""
    programme = await town.innovation_programme()
    voucher = await town.innovation_voucher(programme["programme_id"])
    path = f"/vouchers/{voucher['voucher_id']}"
    await town.done("clerk", f"{path}/issue")
    invoice = {"number": "R-1", "amount": "1000.00", "evidence": [{"kind": "invoice", "reference": "R-1.pdf"}]}
    await town.done("visitor", f"{path}/invoice", invoice)
    await town.done("clerk", f"{path}/approve")
    await town.done("second_clerk", f"{path}/approve")
    return programme["programme_id"], path


async def run(town: Town, *statements: str) -> None:
    """Run statements as the database's owner."""
    async with town.context.database.transaction() as session:
        for statement in statements:
            await session.execute(sa.text(statement))


async def programme_without_lock(session: AsyncSession, programme_id: UUID) -> Programme:
    return (await session.scalars(sa.select(Programme).where(Programme.programme_id == programme_id))).one()


async def voucher_without_lock(session: AsyncSession, voucher_id: UUID) -> Voucher:
    return (await session.scalars(sa.select(Voucher).where(Voucher.voucher_id == voucher_id))).one()


def read_together(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> None:
    """Have both clerks read before either writes: the worst moment, every time."""
    both_read = asyncio.Barrier(2)
    read = getattr(module, name)

    async def together(*arguments: Any) -> Any:
        found = await read(*arguments)
        await both_read.wait()
        return found

    monkeypatch.setattr(module, name, together)


def without_lock_on_the_programme(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the first guard, and the accidental one: the journal refuses to publish a version twice."""
    monkeypatch.setattr(programmes, "lock", programme_without_lock)
    monkeypatch.setattr(budgets, "publish_programme", tell_nobody)


async def tell_nobody(session: AsyncSession, programme: Programme) -> None:
    """Publish nothing."""


async def test_two_clerks_issuing_the_last_euro_at_once_fifty_times(town: Town) -> None:
    for _ in range(ROUNDS):
        programme, paths = await two_applications(town)
        assert await both(town, *paths) == [200, 409]
        books = await town.ledger(programme)
        assert books["balanced"], books["problems"]
        assert books["balances"]["available"]["amount"] == "0.00"


async def test_of_thirty_vouchers_issued_at_once_with_money_for_three_exactly_three_are(town: Town) -> None:
    programme = await town.innovation_programme("1700.00")
    made = [await town.innovation_voucher(programme["programme_id"]) for _ in range(30)]
    answers = await asyncio.gather(*(town.post("clerk", f"/vouchers/{each['voucher_id']}/issue") for each in made))
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [409] * 27
    books = await town.ledger(programme["programme_id"])
    assert books["balanced"], books["problems"]
    assert books["balances"]["available"]["amount"] == "200.00"


async def test_the_refused_clerk_is_told_that_the_budget_is_used_up(town: Town) -> None:
    _, (first, second) = await two_applications(town)
    await town.done("clerk", first)
    refused = await town.post("clerk", second)
    assert (refused.status_code, refused.json()["rule"]) == (409, "budget-available")
    assert (await town.get("clerk", second.removesuffix("/issue"))).json()["state"] == "applied"


async def test_without_the_lock_the_database_still_refuses_to_overspend(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    programme, paths = await two_applications(town)
    without_lock_on_the_programme(monkeypatch)
    read_together(monkeypatch, ledger_rows, "reserved_for")
    assert await both(town, *paths) == [200, 500]
    books = await town.ledger(programme)
    assert books["balanced"], books["problems"]


async def test_control_without_lock_and_trigger_the_budget_is_overspent(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    programme, paths = await two_applications(town)
    without_lock_on_the_programme(monkeypatch)
    read_together(monkeypatch, ledger_rows, "reserved_for")
    await run(town, "ALTER TABLE ledger_entry DISABLE TRIGGER ledger_balances")
    assert await both(town, *paths) == [200, 200]
    books = await town.ledger(programme)
    assert books["balances"]["available"]["amount"] == "-500.00"
    assert not books["balanced"]


async def test_two_clerks_paying_the_same_voucher_at_once_pay_it_once(town: Town) -> None:
    for _ in range(ROUNDS):
        programme_id, path = await approved_voucher(town)
        assert await both(town, f"{path}/pay", f"{path}/pay", {"bank_reference": "SEPA-1"}) == [200, 409]
        books = await town.ledger(programme_id)
        assert books["balanced"], books["problems"]
        assert books["balances"]["paid"]["amount"] == "500.00"


async def test_control_without_its_guards_a_voucher_is_paid_twice(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    programme_id, path = await approved_voucher(town)

    async def change_whatever_the_state(session: AsyncSession, voucher: Voucher, *_: Any, **__: Any) -> bool:
        return True

    async def skip(*_: Any) -> None:
        return None

    monkeypatch.setattr(vouchers, "lock", voucher_without_lock)
    read_together(monkeypatch, vouchers, "lock")
    monkeypatch.setattr(vouchers, "change", change_whatever_the_state)
    monkeypatch.setattr("services.mobility.vouchers.publish", skip)
    monkeypatch.setattr("services.mobility.ledger.check", lambda *_: None)
    await run(
        town, "ALTER TABLE ledger_entry DISABLE TRIGGER ledger_balances", "DROP INDEX ledger_entry_once_per_voucher"
    )
    assert await both(town, f"{path}/pay", f"{path}/pay", {"bank_reference": "SEPA-1"}) == [200, 200]
    books = await town.ledger(programme_id)
    assert books["balances"]["paid"]["amount"] == "1000.00"
    assert not books["balanced"]


async def test_what_is_in_the_books_stays_as_it_is(town: Town, subtests: pytest.Subtests) -> None:
    cases = [
        "UPDATE ledger_entry SET amount = amount + 1",
        "DELETE FROM ledger_entry",
        "TRUNCATE ledger_entry",
        "UPDATE programme_terms SET name = 'other'",
        "DELETE FROM programme_terms",
    ]
    for statement in cases:
        with subtests.test(repr(statement)[:60]):
            await town.programme()
            with pytest.raises(DBAPIError, match="append-only"):
                await run(town, statement)


async def test_the_database_refuses_a_line_that_overspends_whoever_writes_it(town: Town) -> None:
    programme = await town.programme()
    with pytest.raises(DBAPIError, match="overspent"):
        await run(town, line(programme["programme_id"], "available", "-1000.01"))


async def test_the_database_refuses_a_movement_that_does_not_add_up(town: Town) -> None:
    programme = await town.programme()
    with pytest.raises(DBAPIError, match="add up to zero"):
        await run(town, line(programme["programme_id"], "available", "-1.00"))


def line(programme_id: str, account: str, amount: str) -> str:
    """An INSERT of a single line, past every use case."""
    return (
        "INSERT INTO ledger_entry (movement_id, programme_id, account, amount, currency, occasion, made_at) VALUES "
        f"('{new_id()}', '{programme_id}', '{account}', {Decimal(amount)}, 'EUR', '{Occasion.RESERVED}', now())"
    )
