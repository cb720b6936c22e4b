"""The register of small state aid: the queue with its deadlines, the export, statements, and declarations on record."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from services.mobility.aid.rules import aid_rules
from shared.clock import today
from shared.contracts.mobility import StateAid
from tests.mobility.aid import OTHERS, WORDING, applied, declare, join, programme, room
from tests.mobility.conftest import VALID, Town


async def test_an_award_waits_for_the_register_and_every_step_is_told(town: Town) -> None:
    await declare(town)
    path = await applied(town, await programme(town))
    await town.done("clerk", f"{path}/issue")
    (award,) = (await town.get("clerk", "/state-aid/queue")).json()["items"]
    assert award["due_on"] == str(aid_rules().due_on("AT", StateAid.DE_MINIMIS, today()))
    assert (award["amount"]["amount"], award["names"]["beneficiary"]) == ("500.00", "Alpen Sensorik")
    assert not award["overdue"]
    told = {"awards": [{"award_id": award["award_id"], "amount": "500.00"}], "reference": "TAM-7"}
    (done,) = (await town.post("clerk", "/state-aid/reported", told)).json()
    assert (done["register_reference"], done["reported"]["amount"]) == ("TAM-7", "500.00")
    assert (await town.get("clerk", "/state-aid/queue")).json()["items"] == []
    again = await town.post("clerk", "/state-aid/reported", told)
    assert (again.status_code, again.json()["rule"]) == (409, "aid-not-due")
    await town.done("visitor", f"{path}/cancel")
    (correction,) = (await town.get("auditor", "/state-aid/queue")).json()["items"]
    assert (correction["amount"]["amount"], correction["granted"]["amount"]) == ("0.00", "500.00")
    assert await town.events(award["award_id"]) == ["aid.granted", "aid.reported", "aid.reduced"]
    late = await town.post("clerk", "/state-aid/reported", told)
    assert (late.status_code, late.json()["rule"]) == (409, "aid-amount-changed")
    foreign = await town.post("foreign_clerk", "/state-aid/reported", told)
    assert (foreign.status_code, foreign.json()["rule"]) == (403, "not-allowed")


async def test_the_export_has_the_registers_fields_and_only_ones_own_awards(town: Town) -> None:
    await join(town, town.visitor, "=Alpen Sensorik", "Alpine Holding")
    await declare(town)
    await town.done("clerk", f"{await applied(town, await programme(town))}/issue")
    answer = await town.get("auditor", "/state-aid/register.csv?due=true")
    (line,) = csv.DictReader(io.StringIO(answer.text))
    assert line["beneficiary"] == "'=Alpen Sensorik", "a spreadsheet must not run a firm's name"
    assert (line["amount"], line["currency"], line["instrument"]) == ("500.00", "EUR", "grant")
    assert (line["authority"], line["legal_basis"][:25]) == ("Land Steiermark", "Regulation (EU) 2023/2831")
    assert line["undertaking"] == "alpine holding"
    assert len((await town.get("foreign_clerk", "/state-aid/register.csv")).text.splitlines()) == 1


async def test_the_statement_lists_awards_and_declared_aid_by_country(town: Town) -> None:
    await declare(town, "1000.00")
    await declare(town, "2000.00", country="DE")
    await town.done("clerk", f"{await applied(town, await programme(town))}/issue")
    answer = await town.get("clerk", f"/state-aid/statement?organisation_id={town.visitor}")
    austria, germany = answer.json()["countries"]
    assert (austria["country"], germany["country"]) == ("AT", "DE")
    assert [each["amount"]["amount"] for each in austria["awards"]] == ["500.00"]
    assert [each["amount"]["amount"] for each in austria["declared"]] == ["1000.00"]
    assert {each["regulation"]: each["used"]["amount"] for each in austria["ceilings"]} == {
        "de_minimis": "1500.00",
        "sgei": "1500.00",
        "agriculture": "0.00",
    }
    assert germany["awards"] == []


async def test_who_says_that_she_belongs_to_a_group_does_not_read_its_papers(town: Town) -> None:
    await declare(town, "200000.00")
    await join(town, town.visitor, "Alpen Sensorik", "Alpine Holding")
    await join(town, town.provider, "Curious", "Alpine Holding")
    path = f"/state-aid/statement?organisation_id={town.provider}"
    (seen,) = (await town.get("operator", path)).json()["countries"]
    assert [each["amount"]["amount"] for each in seen["declared"]] == ["200000.00"]
    assert (await town.get("provider", path)).json()["countries"] == []
    await declare(town, "5.00", by="provider")
    (own,) = (await town.get("provider", path)).json()["countries"]
    assert [each["amount"]["amount"] for each in own["declared"]] == ["5.00"]
    assert own["ceilings"][0]["used"]["amount"] == "200005.00", "but how much room is left, it must know"


async def test_of_a_day_that_is_over_only_what_was_granted_by_then_counts(town: Town) -> None:
    await declare(town, "1000.00")
    before = today() - timedelta(days=31)
    assert await room(town, on=before) == "300000.00"
    assert await room(town, on=before + timedelta(days=1)) == "299000.00"


async def test_a_newer_declaration_replaces_the_older_and_both_stay_on_record(town: Town) -> None:
    await declare(town, "200000.00")
    await declare(town, "1000.00")
    assert await room(town) == "299000.00"
    listed = (await town.get("visitor", f"/state-aid/declarations?organisation_id={town.visitor}")).json()
    assert [each["items"][0]["amount"]["amount"] for each in listed["items"]] == ["1000.00", "200000.00"]
    assert listed["wording"]["version"] == WORDING
    assert await town.events(listed["items"][0]["declaration_id"]) == ["aid.declared"]


async def test_a_declaration_that_can_not_be_counted_is_refused_by_its_own_rule(
    town: Town, subtests: pytest.Subtests
) -> None:
    good = {**OTHERS, "granted_on": "2026-01-10", "amount": {"amount": "1.00", "currency": "EUR"}}
    body: dict[str, Any] = {"organisation_id": str(town.visitor), "country": "AT", "wording": WORDING, "items": [good]}
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"wording": "2020-1"}, 409, "declaration-wording"),
        ({"country": "CH"}, 422, "state-aid-jurisdiction"),
        ({"items": [good | {"amount": {"amount": "1.00", "currency": "SEK"}}]}, 422, "aid-currency"),
        ({"items": [good | {"amount": {"amount": "0.00", "currency": "EUR"}}]}, 422, "positive-cents"),
        ({"items": [good | {"granted_on": str(today() + timedelta(days=2))}]}, 422, "granted-before"),
        ({"items": [good | {"regulation": "none"}]}, 422, "state-aid-kind"),
        ({"organisation_id": str(town.host)}, 403, "not-allowed"),
    ]
    for changes, status, rule in cases:
        with subtests.test(rule):
            answer = await town.post("visitor", "/state-aid/declarations", body | changes)
            assert (answer.status_code, answer.json()["rule"]) == (status, rule)


async def test_what_was_granted_and_declared_stays_as_it_was_written(town: Town, subtests: pytest.Subtests) -> None:
    await declare(town)
    await town.done("clerk", f"{await applied(town, await programme(town))}/issue")
    for statement in (
        "UPDATE aid_line SET counted = 1",
        "DELETE FROM aid_line",
        "TRUNCATE aid_line",
        "UPDATE aid_declaration SET items = '[]'",
        "DELETE FROM aid_declaration",
    ):
        with subtests.test(statement), pytest.raises(DBAPIError, match="append-only"):
            async with town.context.database.transaction() as session:
                await session.execute(sa.text(statement))


async def enter_rate(town: Town, rate: str, **more: Any) -> dict[str, Any]:
    days = {"valid_from": str(today() - timedelta(days=20)), "valid_to": str(today() + timedelta(days=20))}
    body = {"currency": "SEK", "rate": rate, "source": "ECB, monthly", **days, **more}
    answer = await town.post("operator", "/state-aid/rates", body)
    return {"status": answer.status_code, **answer.json()}


async def test_money_of_another_currency_counts_at_the_last_rate_entered_for_the_day(town: Town) -> None:
    await enter_rate(town, "10.00")
    await enter_rate(town, "11.25")
    await enter_rate(town, "1.00", valid_to=str(today() - timedelta(days=1)))
    await declare(town, "2250.00", currency="SEK")
    assert await room(town) == "299800.00"
    half = [{"rule": "co-financing", "percent": "50", **VALID}, {"rule": "validity", "months": 12, **VALID}]
    budget = {"amount": "100000.00", "currency": "SEK"}
    made = await town.programme(kind="innovation", budget=budget, rules=half, state_aid="de_minimis")
    path = await applied(town, made["programme_id"], "10000.00", currency="SEK")
    await town.done("clerk", f"{path}/issue")
    assert await room(town) == "299355.55", "5,000 SEK are 444.444... EUR, rounded up"
    await town.done("visitor", f"{path}/cancel")
    assert await room(town) == "299800.00"


async def test_a_rate_that_is_fixed_by_law_or_ends_before_it_begins_is_not_entered(town: Town) -> None:
    assert (await enter_rate(town, "2.00", currency="BGN"))["rule"] == "rate-is-fixed"
    assert (await enter_rate(town, "1.00", currency="EUR"))["rule"] == "rate-is-fixed"
    assert (await enter_rate(town, "2.00", valid_to="2026-01-01", valid_from="2026-02-01"))["status"] == 422
    await enter_rate(town, "11.25")
    (listed,) = (await town.get("clerk", "/state-aid/rates?currency=SEK")).json()["items"]
    assert (listed["rate"], listed["source"]) == ("11.25000000", "ECB, monthly")
