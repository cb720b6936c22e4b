"""Programmes over HTTP: versioned terms, budgets that follow the ledger, books for auditors only."""

import asyncio
import csv
import io
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import col

from services.mobility.models import Programme
from services.mobility.repository import organisations, vouchers
from shared.contracts.profiles import OrganisationKind
from shared.ids import new_id
from tests.mobility.conftest import VALID, Town, organisation


async def change(
    town: Town, programme: dict[str, Any], who: str = "clerk", version: str | None = None, **terms: Any
) -> Any:
    """PUT new terms with the version that was read."""
    path = f"/programmes/{programme['programme_id']}"
    headers = {"If-Match": f'"{version or programme["terms_version"]}"'}
    return await town.call(who, "PUT", path, town.programme_body(**terms), **headers)


def lump_sum(amount: str) -> list[dict[str, Any]]:
    return [
        {"rule": "lump-sum", "bands": [{"from_working_days": 1, "amount": amount}], **VALID},
        {"rule": "validity", "months": 3, **VALID},
    ]


async def test_a_programme_starts_with_its_whole_budget_available(town: Town) -> None:
    programme = await town.programme()
    assert programme["available"] == {"amount": "1000.00", "currency": "EUR"}
    books = await town.ledger(programme["programme_id"])
    assert [(e["account"], e["amount"]["amount"]) for e in books["entries"]] == [
        ("funder", "-1000.00"),
        ("available", "1000.00"),
    ]
    assert await town.events(programme["programme_id"]) == ["programme.changed"]


async def test_a_claim_keeps_the_terms_of_its_day(town: Town) -> None:
    programme = await town.programme(rules=lump_sum("100.00"))
    visit = await town.approved_visit()
    voucher = await town.travel_voucher(programme["programme_id"], visit["visit_id"])
    answer = await change(town, programme, rules=lump_sum("900.00"), budget={"amount": "1000.00", "currency": "EUR"})
    assert answer.status_code == 200, answer.text
    issued = await town.done("clerk", f"/vouchers/{voucher['voucher_id']}/issue")
    assert issued["amount"]["amount"] == "100.00"
    assert issued["terms_version"] == programme["terms_version"] != answer.json()["terms_version"]


async def test_terms_change_only_for_who_has_read_the_present_ones(town: Town) -> None:
    programme = await town.programme()
    assert (await change(town, programme, name="New name")).status_code == 200
    stale = await change(town, programme, name="Other name")
    assert (stale.status_code, stale.json()["rule"]) == (412, "stale-version")
    path = f"/programmes/{programme['programme_id']}"
    assert (await town.call("clerk", "PUT", path, town.programme_body())).status_code == 428
    assert (await change(town, programme, version="x")).status_code == 422
    assert (await town.get("clerk", path)).json()["name"] == "New name"


async def test_two_clerks_changing_the_terms_at_once_do_not_overwrite_each_other(town: Town) -> None:
    programme = await town.programme()
    answers = await asyncio.gather(
        change(town, programme, name="One"), change(town, programme, "second_clerk", name="Two")
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_money_that_moved_does_not_make_the_terms_stale(town: Town) -> None:
    programme = await town.innovation_programme()
    voucher = await town.innovation_voucher(programme["programme_id"])
    await town.done("clerk", f"/vouchers/{voucher['voucher_id']}/issue")
    terms = {"kind": "innovation", "budget": {"amount": "9000.00", "currency": "EUR"}, "rules": programme["rules"]}
    changed = await change(town, programme, **terms)
    assert changed.status_code == 200, changed.text
    assert changed.json()["available"]["amount"] == "8500.00"


async def test_a_budget_can_not_be_lowered_below_what_is_reserved(town: Town) -> None:
    programme = await town.innovation_programme()
    voucher = await town.innovation_voucher(programme["programme_id"])
    await town.done("clerk", f"/vouchers/{voucher['voucher_id']}/issue")
    terms = {"kind": "innovation", "budget": {"amount": "499.99", "currency": "EUR"}, "rules": programme["rules"]}
    refused = await change(town, programme, **terms)
    assert (refused.status_code, refused.json()["rule"]) == (409, "budget-available")
    books = await town.ledger(programme["programme_id"])
    assert books["balances"]["budget"]["amount"] == "10000.00"
    assert books["balanced"]


async def test_kind_currency_and_funder_stay(town: Town, subtests: pytest.Subtests) -> None:
    cases = [
        {"kind": "innovation"},
        {"budget": {"amount": "1000.00", "currency": "GBP"}},
        {"funder_id": "0190b0f0-0000-7000-8000-000000000000"},
    ]
    for terms in cases:
        with subtests.test(repr(terms)[:60]):
            answer = await change(town, await town.programme(), **terms)
            assert (answer.status_code, answer.json()["rule"]) == (422, "fixed-from-the-start")


async def test_impossible_terms_are_a_clear_error(town: Town, subtests: pytest.Subtests) -> None:
    cases = [
        {"budget": {"amount": "-1.00", "currency": "EUR"}},
        {"budget": {"amount": "0.001", "currency": "EUR"}},
        {"budget": {"amount": "1e400", "currency": "EUR"}},
        {"budget": {"amount": "1.00", "currency": "Euro"}},
        {"opens_on": "2027-01-01", "closes_on": "2026-01-01"},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": "localtime"},
        {"time_zone": "posix/Europe/Vienna"},
        {"time_zone": "right/Europe/Vienna"},
        {"rules": []},
        {"rules": [{"rule": "eval", "code": "1/0", **VALID}]},
        {"name": "two\nlines"},
        {"name": ""},
        {"surprise": True},
    ]
    for terms in cases:
        with subtests.test(repr(terms)[:60]):
            answer = await town.post("clerk", "/programmes", town.programme_body(**terms))
            assert (answer.status_code, answer.json()["rule"]) == (422, "invalid-request")
            assert answer.json()["errors"]


async def test_only_the_funders_clerks_write_its_programmes(town: Town, subtests: pytest.Subtests) -> None:
    cases = ["foreign_clerk", "visitor", "operator", "auditor", "stranger"]
    for who in cases:
        with subtests.test(repr(who)[:60]):
            assert (await town.post(who, "/programmes", town.programme_body())).status_code == 403
            assert (await change(town, await town.programme(), who)).status_code == 403


async def test_a_funder_that_nobody_knows_can_not_fund(town: Town) -> None:
    ghost = new_id()
    token = town.sign("voucher_administrator", ghost)
    headers = {"Authorization": f"Bearer {token}"}
    answer = await town.client.post("/programmes", json=town.programme_body(funder_id=ghost), headers=headers)
    assert (answer.status_code, answer.json()["rule"]) == (422, "known-organisation")


async def test_the_books_are_open_to_the_funders_clerks_and_auditors(town: Town, subtests: pytest.Subtests) -> None:
    cases = [
        ("clerk", 200),
        ("auditor", 200),
        ("operator", 200),
        ("visitor", 403),
        ("foreign_clerk", 403),
        ("stranger", 403),
    ]
    path = f"/programmes/{(await town.programme())['programme_id']}/ledger"
    for who, status in cases:
        with subtests.test(repr((who, status))[:60]):
            assert (await town.get(who, path)).status_code == status
            assert (await town.get(who, f"{path}.csv")).status_code == status


async def test_the_ledger_comes_in_pages_with_the_balances_of_the_whole(town: Town) -> None:
    programme = await town.innovation_programme()
    for _ in range(2):
        voucher = await town.innovation_voucher(programme["programme_id"])
        await town.done("clerk", f"/vouchers/{voucher['voucher_id']}/issue")
    path = f"/programmes/{programme['programme_id']}/ledger?limit=4"
    first = (await town.get("clerk", path)).json()
    second = (await town.get("clerk", f"{path}&cursor={first['next_cursor']}")).json()
    assert (len(first["entries"]), len(second["entries"]), second["next_cursor"]) == (4, 2, None)
    assert first["balances"] == second["balances"]
    assert first["balances"]["reserved"]["amount"] == "1000.00"


async def test_the_export_runs_no_formula_and_holds_every_line(town: Town) -> None:
    evil = organisation(town.visitor, "=HYPERLINK(1)", OrganisationKind.SME, "AT", town.visitor_hub, n=2)
    async with town.context.database.transaction() as session:
        await organisations.put_organisation(session, evil)
    programme = await town.innovation_programme(name="@SUM(A1:A9)")
    voucher = await town.innovation_voucher(programme["programme_id"])
    path = f"/vouchers/{voucher['voucher_id']}"
    await town.done("clerk", f"{path}/issue")
    evidence = [{"kind": "invoice", "reference": "1"}]
    await town.done("visitor", f"{path}/invoice", {"number": "+1+1", "amount": "1000.00", "evidence": evidence})
    answer = await town.get("auditor", f"/programmes/{programme['programme_id']}/ledger.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["account"] for row in rows] == ["funder", "available", "available", "reserved"]
    assert rows[2]["beneficiary"] == "'=HYPERLINK(1)"
    assert rows[2]["invoice_number"] == "'+1+1"
    assert rows[2]["programme"] == "'@SUM(A1:A9)"
    assert rows[2]["amount"] == "-500.00"


async def test_the_first_page_of_a_ledger_checks_all_of_it_and_later_ones_read_no_more_than_they_show(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    programme = await town.innovation_programme()
    for _ in range(3):
        voucher = await town.innovation_voucher(programme["programme_id"])
        await town.done("clerk", f"/vouchers/{voucher['voucher_id']}/issue")
    path = f"/programmes/{programme['programme_id']}/ledger?limit=3"
    first = (await town.get("auditor", path)).json()
    assert first["balanced"] is True

    async def everything(*_: object) -> None:
        raise AssertionError("the vouchers were read again")

    monkeypatch.setattr(vouchers, "of_programme", everything)
    pages, cursor = [first], first["next_cursor"]
    while cursor:
        pages.append((await town.get("auditor", f"{path}&cursor={cursor}")).json())
        cursor = pages[-1]["next_cursor"]
    sequences = [line["sequence"] for page in pages for line in page["entries"]]
    assert [len(page["entries"]) for page in pages] == [3, 3, 2]
    assert sequences == sorted(set(sequences))
    assert all(page["balances"] == first["balances"] for page in pages)
    assert {page["balanced"] for page in pages[1:]} == {None}


async def test_a_programme_is_open_by_the_day_of_its_funder(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    began = {"opens_on": "2026-04-01", "closes_on": "2026-12-31", "time_zone": "Europe/Vienna"}
    ended = {"opens_on": "2026-01-01", "closes_on": "2026-03-31", "time_zone": "Europe/Vienna"}
    await town.programme(name="began in Vienna", **began)
    await town.programme(name="ended in Vienna", **ended)
    await town.programme(name="begins on the Azores", **{**began, "time_zone": "Atlantic/Azores"})
    await town.programme(name="lasts on the Azores", **{**ended, "time_zone": "Atlantic/Azores"})
    for module in ("programmes", "claims"):
        monkeypatch.setattr(f"services.mobility.{module}.now", lambda: datetime(2026, 3, 31, 22, 30, tzinfo=UTC))
    found = (await town.get("visitor", "/programmes?open=true")).json()["items"]
    assert {each["name"] for each in found} == {"began in Vienna", "lasts on the Azores"}


@pytest.mark.parametrize("name", ["localtime", "posix/Europe/Vienna", "Mars/Olympus"])
async def test_a_time_zone_that_the_database_does_not_know_hides_no_other_programme(town: Town, name: str) -> None:
    """Such a name may have been stored before it was refused, or come with a backup from another machine."""
    shown, strange = await town.programme(), await town.programme()
    async with town.context.database.transaction() as session:
        await session.execute(
            sa.update(Programme)
            .where(col(Programme.programme_id) == UUID(strange["programme_id"]))
            .values(time_zone=name)
        )
    answer = await town.get("visitor", "/programmes?open=true")
    assert answer.status_code == 200, answer.text
    assert shown["programme_id"] in {each["programme_id"] for each in answer.json()["items"]}


async def test_open_programmes_are_those_that_take_applications_today(town: Town) -> None:
    shown = await town.programme()
    await town.programme(opens_on="2020-01-01", closes_on="2020-12-31")
    found = (await town.get("visitor", "/programmes?open=true")).json()["items"]
    assert [each["programme_id"] for each in found] == [shown["programme_id"]]
    assert len((await town.get("visitor", "/programmes")).json()["items"]) == 2
    assert (await town.get("visitor", f"/programmes?funder_id={new_id()}")).json()["items"] == []
