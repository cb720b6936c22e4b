"""Creating and changing programmes in the browser: who may, what mobility is asked, and how a refusal is shown."""

import re
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.console.conftest import Call, Console, Person
from tests.console.reading import fields_of
from tests.console.town import Town, plain


def administrator(console: Console, town: Town) -> Person:
    """The administrator of the town's funder."""
    return console.person(("voucher_administrator", town.funder), name="Viktor Verwalter")


def refuse(console: Console, method: str, status: int, rule: str, detail: str, **extra: Any) -> None:
    """Let mobility refuse."""
    body = {"rule": rule, "detail": detail, **extra}
    console.sisters.on("mobility", method, "/programmes(/[^/]+)?", body, status)


async def test_an_administrator_creates_a_programme_with_its_rules(console: Console, town: Town) -> None:
    console.sisters.on("mobility", "POST", "/programmes", plain(town.pot()), 201)
    async with console.browser() as browser:
        await console.sign_in(browser, administrator(console, town))
        fields = fields_of((await browser.get("/programmes/new?kind=innovation")).text)
        rules = {fields[f"rules-{at}-rule"][0]: f"rules-{at}" for at in range(5)}
        fields |= {f"{place}-source": ["Decision 7/2026"] for place in rules.values()}
        fields |= {
            "name": ["Water vouchers"],
            "budget-amount": ["50 000,50"],
            "closes_on": ["2027-12-31"],
            f"{rules['applicant-country']}-countries": ["AT", "SI"],
            f"{rules['applicant-country']}-countries_more": ["Canada; gb"],
            f"{rules['beneficiary-kind']}-kinds": ["sme"],
            f"{rules['co-financing']}-percent": ["75"],
            f"{rules['cap']}-amount": ["4500"],
            f"{rules['validity']}-months": ["12"],
            f"{rules['validity']}-valid_to": ["2027-12-31"],
        }
        done = await browser.post("/programmes", data=fields)
    assert done.status_code == 303, done.text
    assert done.headers["location"] == f"/programmes/{town.programme}?done=programme"
    [call] = console.sisters.asked("mobility", "POST")
    assert call.body["funder_id"] == str(town.funder)
    assert (call.body["kind"], call.body["name"]) == ("innovation", "Water vouchers")
    assert call.body["budget"] == {"amount": "50000.50", "currency": "EUR"}
    by_rule = {each["rule"]: each for each in call.body["rules"]}
    assert set(by_rule["applicant-country"]["countries"]) == {"AT", "SI", "CA", "GB"}
    assert by_rule["beneficiary-kind"]["kinds"] == ["sme"]
    assert by_rule["co-financing"]["percent"] == "75"
    assert by_rule["cap"] | {"valid_from": ""} == {
        "rule": "cap", "amount": "4500", "source": "Decision 7/2026", "valid_from": "", "valid_to": None,
    }  # fmt: skip
    assert by_rule["validity"]["valid_to"] == "2027-12-31"


async def test_saving_an_untouched_programme_sends_back_exactly_its_terms(console: Console, town: Town) -> None:
    since = {"valid_from": "2026-01-01", "valid_to": None}
    rules: list[dict[str, Any]] = [
        {"rule": "applicant-country", "countries": ["AT", "CA"], "source": "A"} | since,
        {"rule": "lump-sum", "bands": [{"from_working_days": 3, "amount": "780.00", "countries": ["FR", "IE"]}],
         "source": "B", "valid_from": "2026-01-01", "valid_to": "2027-12-31"},
        {"rule": "reduced-lump-sum", "percent": "50", "under_working_days": 5, "under_km": None, "source": "C"} | since,
        {"rule": "a-rule-of-tomorrow", "moon": ["full", 3], "source": "D"} | since,
    ]  # fmt: skip
    pot = plain(town.pot()) | {"rules": rules}
    console.sisters.on("mobility", "GET", "/programmes/[^/]+", pot)
    console.sisters.on("mobility", "PUT", "/programmes/[^/]+", pot)
    async with console.browser() as browser:
        await console.sign_in(browser, administrator(console, town))
        shown = await browser.get(f"/programmes/{town.programme}/edit")
        done = await browser.post(f"/programmes/{town.programme}", data=fields_of(shown.text))
    assert done.status_code == 303, done.text
    [call] = console.sisters.asked("mobility", "PUT")
    bands = [{"from_working_days": "3", "amount": "780.00", "countries": ["FR", "IE"]}]
    assert call.body["rules"][0] == rules[0]
    assert call.body["rules"][1] == rules[1] | {"bands": bands}
    assert call.body["rules"][2] == {k: v for k, v in rules[2].items() if k != "under_km"} | {"under_working_days": "5"}
    assert call.body["rules"][3] == rules[3]
    assert {name: call.body[name] for name in ("name", "kind", "time_zone", "opens_on", "funder_id")} == {
        name: pot[name] for name in ("name", "kind", "time_zone", "opens_on", "funder_id")
    }


async def test_each_refusal_stands_at_its_field_and_nothing_typed_is_lost(console: Console, town: Town) -> None:
    errors = [
        {"field": "body.rules.0.reduced-lump-sum.percent", "message": "Input should be less than or equal to 100"},
        {"field": "body.rules.2.lump-sum.bands.0.amount", "message": "Input should be a valid decimal"},
        {"field": "body.closes_on", "message": "Input should be a valid date or datetime, input is too short"},
        {"field": "body", "message": "Value error, a programme needs a rule 'validity'"},
    ]
    refuse(console, "PUT", 422, "invalid-request", "Some fields are not as they must be.", errors=errors)
    async with console.browser() as browser:
        await console.sign_in(browser, administrator(console, town))
        fields = fields_of((await browser.get(f"/programmes/{town.programme}/edit")).text)
        fields |= {"name": ["Typed “name” <b>"], "rules-0-percent": ["150"], "rules-1-kinds": ["cluster"]}
        answer = await browser.post(f"/programmes/{town.programme}", data=fields)
    assert answer.status_code == 422
    assert re.search(r'id="rules-0-percent-fault">\s*This must be 100 or less\.', answer.text)
    assert 'id="rules-2-bands-0-amount-fault">Please write a number' in answer.text
    assert 'id="closes_on-fault">Please give a day' in answer.text
    assert "A programme needs a rule" in answer.text.split('class="card"')[0]
    assert fields_of(answer.text) == fields
    assert "<b>" not in answer.text


async def test_a_refusal_by_a_rule_stands_at_the_field_it_is_about(console: Console, town: Town) -> None:
    refuse(console, "PUT", 409, "budget-available", "Only 9,360.00 EUR are left to take away.")
    async with console.browser() as browser:
        await console.sign_in(browser, administrator(console, town))
        fields = fields_of((await browser.get(f"/programmes/{town.programme}/edit")).text)
        answer = await browser.post(f"/programmes/{town.programme}", data=fields | {"budget-amount": ["1"]})
    assert answer.status_code == 409
    assert 'id="budget-amount-fault">Only 9,360.00 EUR are left to take away.' in answer.text
    assert fields_of(answer.text)["budget-amount"] == ["1"]


async def test_nothing_typed_is_lost_when_mobility_is_away(console: Console, town: Town) -> None:
    console.sisters.problem("mobility", "POST", "/programmes", 503, "service-away", "Mobility does not answer.")
    async with console.browser() as browser:
        await console.sign_in(browser, administrator(console, town))
        fields = fields_of((await browser.get("/programmes/new")).text) | {"name": ["Long work"]}
        answer = await browser.post("/programmes", data=fields)
    assert answer.status_code == 503
    assert "Mobility does not answer." in answer.text
    assert fields_of(answer.text) == fields


def versioned(town: Town) -> Any:
    """Mobility with terms at version 1.2 that looks at If-Match, as the real one does."""

    def answer(call: Call) -> httpx.Response:
        if call.headers["if-match"] != '"1.2"':
            stale = {"rule": "stale-version", "detail": "It was changed.", "current_version": "1.2"}
            return httpx.Response(412, json=stale)
        return httpx.Response(200, json=plain(town.pot()))

    return answer


async def test_somebody_faster_is_told_of_and_overwritten_only_on_purpose(console: Console, town: Town) -> None:
    console.sisters.on("mobility", "PUT", "/programmes/[^/]+", versioned(town))
    address = f"/programmes/{town.programme}"
    async with console.browser() as browser:
        await console.sign_in(browser, administrator(console, town))
        fields = fields_of((await browser.get(f"{address}/edit")).text) | {"name": ["Mine"]}
        late = await browser.post(address, data=fields)
        assert late.status_code == 412
        assert "Somebody else changed this programme while you were writing." in late.text
        assert fields_of(late.text) == fields, "nothing typed is lost, and saving again does not overwrite by accident"
        assert (await browser.post(address, data=fields_of(late.text))).status_code == 412
        over = re.search(r'name="over" value="([^"]*)"', late.text)
        assert over
        done = await browser.post(address, data=fields | {"over": [over[1]]})
    assert done.status_code == 303


async def test_a_form_without_a_readable_version_overwrites_nothing(console: Console, town: Town) -> None:
    console.sisters.on("mobility", "PUT", "/programmes/[^/]+", versioned(town))
    async with console.browser() as browser:
        await console.sign_in(browser, administrator(console, town))
        for version in ("", "*", '"1.2"', "1.2\r\nX: y", "½"):
            answer = await browser.post(f"/programmes/{town.programme}", data={"version": version})
            assert answer.status_code == 412, version
    assert {call.headers["if-match"] for call in console.sisters.asked("mobility", "PUT")} == {'"0.0"'}


async def test_rules_and_sums_are_added_and_removed_without_asking_mobility(console: Console, town: Town) -> None:
    address = f"/programmes/{town.programme}"
    async with console.browser() as browser:
        await console.sign_in(browser, administrator(console, town))
        fields = fields_of((await browser.get(f"{address}/edit")).text) | {"name": ["Half written"]}
        console.sisters.calls.clear()
        more = await browser.post(address, data=fields | {"do": ["add-rule"], "new_rule": ["cap"]})
        grown = fields_of(more.text)
        assert (grown["rules-3-rule"], grown["name"]) == (["cap"], ["Half written"])
        assert re.search(r'id="rules-3"[^>]* autofocus', more.text)
        wider = await browser.post(address, data=grown | {"do": ["add-band:2"]})
        assert {"rules-2-bands-0-amount", "rules-2-bands-1-amount"} <= set(fields_of(wider.text))
        less = fields_of((await browser.post(address, data=fields_of(wider.text) | {"do": ["remove-band:2:0"]})).text)
        assert less["rules-2-bands-0-amount"] == [""]
        fewer = fields_of((await browser.post(address, data=less | {"do": ["remove-rule:0"]})).text)
        assert [fewer[f"rules-{at}-rule"][0] for at in range(3)] == ["beneficiary-kind", "lump-sum", "cap"]
        assert fewer["name"] == ["Half written"]
    assert not console.sisters.asked("mobility")


async def test_only_the_funders_administrators_see_the_buttons_and_the_forms(console: Console, town: Town) -> None:
    strangers: dict[str, list[tuple[str, UUID | None]]] = {
        "operator": [("operator", None)],
        "auditor": [("auditor", town.funder)],
        "sme": [("sme_contact", town.funder)],
        "another funder's administrator": [("voucher_administrator", town.hub)],
    }
    for who, roles in strangers.items():
        async with console.browser() as browser:
            await console.sign_in(browser, console.person(*roles))
            assert "Edit the programme" not in (await browser.get(f"/programmes/{town.programme}")).text, who
            assert (await browser.get(f"/programmes/{town.programme}/edit")).status_code == 403, who
            if who != "another funder's administrator":
                assert (await browser.get("/programmes/new")).status_code == 403, who
                assert (await browser.post(f"/programmes/{town.programme}", data={})).status_code == 403, who
            foreign = await browser.post("/programmes", data={"funder_id": str(town.funder)})
            assert foreign.status_code in (403, 404), who
    assert not console.sisters.asked("mobility", "POST")
    assert not console.sisters.asked("mobility", "PUT")
    async with console.browser() as browser:
        await console.sign_in(browser, administrator(console, town))
        assert "Edit the programme" in (await browser.get(f"/programmes/{town.programme}")).text
        assert "New programme" in (await browser.get("/programmes")).text


async def test_a_foreign_change_is_refused_by_mobility_as_a_page(console: Console, town: Town) -> None:
    refuse(console, "PUT", 403, "not-allowed", "Only a voucher administrator of this funder may do this.")
    async with console.browser() as browser:
        await console.sign_in(browser, console.person(("voucher_administrator", town.hub)))
        answer = await browser.post(f"/programmes/{town.programme}", data={"version": "1.1"})
    assert answer.status_code == 403
    assert "Not for you" in answer.text


async def test_control_without_the_funders_check_a_foreign_form_opens(
    console: Console, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control of the refusals above."""
    monkeypatch.setattr("services.console.endpoints.programme_forms.administers", lambda *_: True)
    async with console.browser() as browser:
        await console.sign_in(browser, console.person(("voucher_administrator", town.hub)))
        assert (await browser.get(f"/programmes/{town.programme}/edit")).status_code == 200
