"""Every page for every kind of person: it opens, says what it should, and asks each service at most once."""

import re
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import httpx

from services.console.models import ProgrammeGist
from shared.clock import today
from shared.ids import new_id
from tests.console.conftest import Console
from tests.console.everybody import pages, people
from tests.console.town import Town, page_of, plain

LOOKING_BY_POST = {"/contact-cards/by-organisation"}
"""A look-up whose question does not fit an address; everything else that a page asks is a GET."""


async def test_every_page_opens_says_what_it_should_and_asks_each_service_at_most_once(
    console: Console, town: Town
) -> None:
    everybody = people(console, town)
    for who, path, expected in pages(town):
        async with console.browser() as browser:
            await console.sign_in(browser, everybody[who])
            await browser.get("/organisations")  # the contact card is known from here on
            console.sisters.calls.clear()
            shown = await browser.get(path)
        assert shown.status_code == 200, (who, path, shown.text)
        for words in expected:
            assert words in shown.text, (who, path, words)
        asked = Counter(call.service for call in console.sisters.calls)
        assert all(times == 1 for times in asked.values()), (path, asked)
        unsafe = {call.path for call in console.sisters.calls if call.method != "GET"}
        assert unsafe <= LOOKING_BY_POST, (path, unsafe)


async def test_open_programmes_are_offered_however_many_closed_ones_there_are(console: Console, town: Town) -> None:
    day = timedelta(days=1)
    windows = {"Zebra": (-9, 9), "Zebra of an eastern funder": (1, 9), "Zebra past": (-9, -2), "Zebra to come": (2, 9)}
    windows |= {f"A closed one {number}": (-99, -90) for number in range(110)}
    async with console.context.database.transaction() as session:
        for name, (opens, closes) in windows.items():
            session.add(
                ProgrammeGist(
                    id=new_id(),
                    funder_id=new_id(),
                    name=name,
                    kind="innovation",
                    currency="EUR",
                    budget=Decimal(1),
                    available=Decimal(1),
                    opens_on=today() + opens * day,
                    closes_on=today() + closes * day,
                    version_epoch=1,
                    version_n=1,
                )
            )
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["sme"])
        shown = (await browser.get("/vouchers/new")).text
    offered = re.findall(r"<option[^>]*>([^(<]*) \(", shown)
    assert {name for name in windows if name in offered} == {"Zebra", "Zebra of an eastern funder"}


async def test_a_search_that_does_not_see_everything_yet_says_so(console: Console, town: Town) -> None:
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["sme"])
        assert "reading everything again" not in (await browser.get("/statements?q=sealing")).text
        answer = {"items": [], "language": "en", "read_again": {"texts": 1200, "of": 2600}}
        console.sisters.on("matching", "GET", "/statements/search", lambda call: answer)
        assert "1200 of 2600 texts" in (await browser.get("/statements?q=sealing")).text


async def test_a_trace_that_is_cut_shows_the_newest_events_and_says_so(console: Console, town: Town) -> None:
    [entry] = town.event_of("profiles")
    many = [{**entry, "sequence": number, "version": f"1.{number}"} for number in range(1, 300)]
    console.sisters.on("profiles", "GET", "/operations/trace", lambda call: many[-int(call.query["limit"]) :])
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["operator"])
        shown = await browser.get(f"/operator/trace?organisation_id={town.firm}")
    assert {call.query["newest"] for call in console.sisters.asked() if call.path == "/operations/trace"} == {"True"}
    assert "200 events in time order" in shown.text
    assert "Only the newest 200 events of profiles are shown" in shown.text
    assert "of matching are shown" not in shown.text
    assert ">1.299<" in shown.text
    assert ">1.99<" not in shown.text


async def test_control_a_page_that_asks_twice_is_counted_twice(console: Console, town: Town) -> None:
    """Negative control of the counting above: a page with a cold contact card asks profiles twice."""
    anna = people(console, town)["sme"]
    async with console.browser() as browser:
        await console.sign_in(browser, anna)
        console.sisters.calls.clear()
        await browser.get("/organisations")
    assert len(console.sisters.asked("profiles")) == 2


async def test_what_the_other_side_answered_is_not_shown_before_both_agreed(console: Console, town: Town) -> None:
    pair = town.pair(town.suggestion, second_answer="not_interested")
    console.sisters.on("matching", "GET", "/suggestions", plain(page_of(pair)))
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["sme"])
        shown = await browser.get("/suggestions")
    assert "You answered" not in shown.text


async def test_a_service_that_is_away_does_not_hide_the_others_from_the_operator(console: Console, town: Town) -> None:
    for path in ("status", "streams", "parked", "dead-letters"):
        console.sisters.problem("mobility", "GET", f"/operations/{path}", 503, "service-away", "away")
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["operator"])
        for path in ("", "/streams", "/parked", "/dead-letters"):
            shown = await browser.get(f"/operator{path}")
            assert shown.status_code == 200
            assert "The mobility service does not answer" in shown.text


async def test_the_hubs_page_shows_the_rest_when_one_service_is_away(console: Console, town: Town) -> None:
    console.sisters.problem("matching", "GET", "/roadmaps", 503, "service-away", "away")
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["hub"])
        shown = await browser.get("/hub")
    assert "The matching service does not answer" in shown.text
    assert "Staff exchange" in shown.text


async def test_the_ledgers_export_is_handed_on_as_a_file(console: Console, town: Town) -> None:
    content = httpx.Response(200, content=b"sequence,amount\n1,'=1+1\n")
    console.sisters.on("mobility", "GET", "/programmes/[^/]+/ledger.csv", lambda _: content)
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["administrator"])
        answer = await browser.get(f"/programmes/{town.programme}/ledger.csv")
    assert answer.content == b"sequence,amount\n1,'=1+1\n"
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
