"""Every page for every kind of person: it opens, says what it should, and asks each service at most once."""

import re
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from services.console.models import ProgrammeGist
from shared.clock import today
from shared.ids import new_id
from tests.console.conftest import Console, Person
from tests.console.town import Town, inhabit, page_of, plain, populate


@pytest.fixture
async def town(console: Console) -> Town:
    """The town, known to the console and to the played services."""
    made = Town()
    inhabit(console, made)
    await populate(console, made)
    return made


FITS = "A call that fits you both"


def people(console: Console, town: Town) -> dict[str, Person]:
    """One person of each kind."""
    return {
        "sme": console.person(("sme_contact", town.firm), name="Anna Muster"),
        "hub": console.person(("hub_manager", town.hub), name="Hanna Hub"),
        "administrator": console.person(("voucher_administrator", town.funder), name="Viktor Verwalter"),
        "auditor": console.person(("auditor", town.funder), name="Audrey Auditor"),
        "operator": console.person(("operator", None), name="Otto Operator"),
        "nobody": console.person(name="Nora Neu"),
    }


def pages(town: Town) -> list[tuple[str, str, list[str]]]:
    """(who, page, what it must say)."""
    partner = "Société des Énergies Marines de Bretagne"
    return [
        ("sme", "/suggestions", [partner, "They offer", "Score 78 of 100", 'lang="fr"', "France", "Interested", FITS]),
        ("sme", f"/suggestions/{town.suggestion}", [partner, "You need", "Why this suggestion?"]),
        (
            "sme",
            f"/suggestions/{town.suggestion}/why?organisation_id={town.firm}",
            [
                f"What {partner} gains",
                "original in French, not translated",
                'lang="fr"',
                "−5.67",
                "From 5 to 77 of 100",
                FITS,
            ],
        ),
        ("sme", "/connections", [partner, "yann@semb.example.org", "Request a visit", FITS]),
        ("sme", f"/visits/new?connection_id={town.connection}", ["Green Tech Valley Cluster", "Pôle Mer", "First day"]),
        ("sme", "/visits", ["Staff exchange", "Requested"]),
        ("sme", f"/visits/{town.visit}", ["The four approvals", "Not decided yet", "Passed"]),
        ("sme", f"/visits/{town.approved_visit}", ["Report on the visit", "Apply for a travel voucher"]),
        ("sme", "/vouchers", ["Short exchanges of SMEs 2026", "€780.00"]),
        ("sme", "/vouchers/new", ["€9,360.00 left", partner]),
        ("sme", f"/vouchers/{town.issued}", ["Hand in the invoice", "Cancel the voucher"]),
        ("sme", f"/organisations/{town.firm}/edit", ["oil-free compressors", "28.13", "Illustrative"]),
        ("sme", f"/organisations/{town.firm}/withdraw", ["Withdraw it", "Keep it"]),
        ("hub", "/imports", ["Your cluster and its members", "Import the file"]),
        ("hub", "/organisations/new", ["Green Tech Valley Cluster", "Create the organisation"]),
        ("sme", "/account", ["Language and time", "Sign out on all devices"]),
        ("sme", "/account/messages", ["Suggestion", "Sent", "250 OK"]),
        ("sme", "/statements?q=sealing", [partner, "carters de turbines", 'lang="fr"', "Score 71 of 100", "Offer"]),
        (
            "sme",
            "/calls",
            ["wave and tidal energy", "€3,000,000.00 to €4,000,000.00", "Prize for quiet harbours", "then"],
        ),
        ("operator", "/calls?q=tidal", ["wave and tidal energy", 'value="tidal"']),
        ("sme", "/calls/fitting", ["wave and tidal energy", "Score 71 of 100", 'lang="de"', "Salzwasser"]),
        ("hub", "/calls/fitting", ["Calls that fit us"]),
        ("sme", "/statements", ["What are you looking for?"]),
        ("hub", "/messages", ["Green Tech Valley Cluster", "Send again"]),
        ("hub", "/hub", ["Visits waiting for your approval", "Alpine Pumpen", "Pôle Mer Bretagne Atlantique"]),
        ("hub", f"/visits/{town.visit}", ["Your decision as visitor’s hub", "Approve", "Refuse"]),
        ("hub", "/roadmaps", ["Draft a roadmap", "Pôle Mer Bretagne Atlantique", "France, 1 member<"]),
        ("hub", f"/roadmaps/{town.roadmap}", ["hydrogen, compressor, storage", "14 offers, 3 needs", "Gap", "<svg"]),
        ("administrator", "/programmes", ["Short exchanges of SMEs 2026", "€9,360.00", "bar-reserved"]),
        (
            "administrator",
            f"/programmes/{town.programme}",
            ["Reduced lump sum", "Percent: 50", "Ledger"],
        ),
        ("administrator", "/programmes/new", ["Co-financing rate in %", "Deadline", "Create the programme"]),
        ("administrator", f"/programmes/{town.programme}/edit", ["15600.00", "Part of the lump sum in %", "780.00"]),
        ("administrator", f"/programmes/{town.programme}/applications", ["Alpine Pumpen", "Invoiced"]),
        ("administrator", f"/programmes/{town.programme}/ledger", ["The ledger adds up", "-€15,600.00", "Export"]),
        ("administrator", f"/vouchers/{town.voucher}", ["Issue the voucher", "Refuse", "Rules that were judged"]),
        ("administrator", f"/vouchers/{town.invoiced}", ["Check and approve (staff)"]),
        ("administrator", f"/vouchers/{town.approved}", ["Bank reference of the transfer"]),
        ("auditor", "/programmes", ["Short exchanges of SMEs 2026"]),
        ("auditor", f"/programmes/{town.programme}/ledger", ["The ledger adds up"]),
        ("auditor", f"/vouchers/{town.voucher}", ["Rules that were judged"]),
        ("operator", "/operator", ["matching", "no partition is assigned", "hx-sse:connect", "0192f3aa"]),
        ("operator", "/operator/streams", ["profiles.organisations", ">20<", "organisation.changed.v1"]),
        ("operator", "/operator/parked", ["starts_on: date_type"]),
        ("operator", "/operator/dead-letters", ["starts_on: date_type", "Count the chosen ones"]),
        ("operator", f"/operator/trace?organisation_id={town.firm}", ["1 events in time order", "Alpine Pumpen"]),
        ("operator", "/operator/messages", ["Send again", "Ambiguous"]),
        ("nobody", "/organisations", ["Alpine Pumpen"]),
        ("nobody", f"/organisations/{town.firm}", ["oil-free compressors", "illustrative", "AT221", "28.13"]),
    ]


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


FORBIDDEN: list[tuple[str, str]] = [
    ("nobody", "/suggestions"),
    ("nobody", "/connections"),
    ("nobody", "/visits"),
    ("nobody", "/vouchers"),
    ("nobody", "/hub"),
    ("nobody", "/roadmaps"),
    ("nobody", "/operator"),
    ("sme", "/hub"),
    ("sme", "/messages"),
    ("sme", "/roadmaps"),
    ("sme", "/operator"),
    ("sme", "/operator/live"),
    ("sme", "/operator/streams"),
    ("sme", "/operator/parked"),
    ("sme", "/operator/dead-letters"),
    ("sme", "/operator/trace"),
    ("sme", "/operator/messages"),
    ("hub", "/operator"),
    ("administrator", "/suggestions"),
    ("administrator", "/hub"),
    ("administrator", "/operator/dead-letters"),
    ("auditor", "/operator"),
    ("auditor", "/vouchers/new"),
    ("operator", "/suggestions"),
    ("operator", "/hub"),
]


async def test_pages_for_others_are_refused_in_words_and_nothing_is_asked(console: Console, town: Town) -> None:
    everybody = people(console, town)
    for who, path in FORBIDDEN:
        async with console.browser() as browser:
            await console.sign_in(browser, everybody[who])
            await browser.get("/organisations")
            console.sisters.calls.clear()
            answer = await browser.get(path)
        assert answer.status_code == 403, (who, path)
        assert "Not for you" in answer.text
        assert not console.sisters.calls, (who, path)


async def test_nobody_acts_for_a_foreign_organisation(console: Console, town: Town) -> None:
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["sme"])
        for path in ("/suggestions", "/connections", "/visits", "/vouchers/new"):
            answer = await browser.get(path, params={"organisation_id": str(town.partner)})
            assert answer.status_code == 404, path
    assert not console.sisters.asked("matching")
    assert not console.sisters.asked("mobility")


async def test_the_books_of_another_funder_are_not_found(console: Console, town: Town) -> None:
    other = console.person(("voucher_administrator", town.hub))
    async with console.browser() as browser:
        await console.sign_in(browser, other)
        console.sisters.calls.clear()
        for tab in ("applications", "ledger"):
            assert (await browser.get(f"/programmes/{town.programme}/{tab}")).status_code == 404
    assert not console.sisters.asked("mobility")


def acts(town: Town) -> list[tuple[str, str, dict[str, Any], str, str, Any]]:
    """(who, form's address, fields, service, path there, body there)."""
    days = {"starts_on": town.starts.isoformat(), "ends_on": town.ends.isoformat()}
    parties = {
        "visitor_id": str(town.firm),
        "visitor_hub_id": str(town.hub),
        "host_id": str(town.partner),
        "host_hub_id": str(town.partner_hub),
    }
    trip = {"kind": "staff_exchange", "connection_id": str(town.connection), **parties, **days}
    visit, voucher = f"/visits/{town.visit}", f"/vouchers/{town.voucher}"
    answer = {"organisation_id": str(town.firm), "answer": "interested"}
    claim = {"programme_id": str(town.programme), "beneficiary_id": str(town.firm), "visit_id": str(town.visit)}
    decision = {"party": "visitor_hub", "decision": "approve"}
    no = {"party": "visitor_hub", "decision": "refuse", "reason": "No time"}
    report = {"text": "We met.", "kind": ["ticket", ""], "reference": ["4711", ""]}
    reported = {"text": "We met.", "evidence": [{"kind": "ticket", "reference": "4711"}]}
    bill = {"number": "R-1", "amount": "780.00", "evidence_kind": "ticket", "evidence_reference": "4711"}
    billed = {"number": "R-1", "amount": "780.00", "evidence": [{"kind": "ticket", "reference": "4711"}]}
    suggestion = f"/suggestions/{town.suggestion}/answers"
    clusters = [str(town.hub), str(town.partner_hub)]
    return [
        ("sme", suggestion, answer, "matching", suggestion, answer),
        ("sme", "/visits", trip, "mobility", "/visits", trip),
        ("hub", f"{visit}/decisions", decision, "mobility", f"{visit}/decisions", decision),
        ("hub", f"{visit}/decisions", no, "mobility", f"{visit}/decisions", no),
        ("sme", f"{visit}/cancel", {"reason": "Ill"}, "mobility", f"{visit}/cancel", {"reason": "Ill"}),
        ("sme", f"{visit}/report", report, "mobility", f"{visit}/report", reported),
        ("sme", "/vouchers", claim | {"provider_id": ""}, "mobility", "/vouchers", claim),
        ("administrator", f"{voucher}/issue", {}, "mobility", f"{voucher}/issue", {}),
        ("administrator", f"{voucher}/refuse", {"reason": "Late"}, "mobility", f"{voucher}/refuse", {"reason": "Late"}),
        ("sme", f"{voucher}/cancel", {"reason": ""}, "mobility", f"{voucher}/cancel", {}),
        ("sme", f"{voucher}/invoice", bill, "mobility", f"{voucher}/invoice", billed),
        ("administrator", f"{voucher}/approve", {}, "mobility", f"{voucher}/approve", {}),
        (
            "administrator",
            f"{voucher}/pay",
            {"bank_reference": "B1"},
            "mobility",
            f"{voucher}/pay",
            {"bank_reference": "B1"},
        ),
        (
            "hub",
            "/roadmaps",
            {"organisation_id": clusters[0], "partner_id": [clusters[1]]},
            "matching",
            "/roadmaps",
            {"cluster_ids": clusters},
        ),
        ("sme", f"/messages/{town.delivery}/resend", {}, "notifier", f"/deliveries/{town.delivery}/resend", {}),
    ]


async def test_every_form_does_the_one_thing_on_behalf_of_the_person_and_leads_on(console: Console, town: Town) -> None:
    everybody = people(console, town)
    for who, address, fields, service, path, body in acts(town):
        async with console.browser() as browser:
            await console.sign_in(browser, everybody[who])
            console.sisters.calls.clear()
            done = await browser.post(address, data=fields)
            assert done.status_code == 303, (address, done.text)
            led = await browser.get(done.headers["location"])
            assert led.status_code == 200
            assert 'class="notice good"' in led.text, address
        call = console.sisters.asked(method="POST")[0]
        expected = body | {"visitor_person_id": str(everybody[who].person_id)} if address == "/visits" else body
        assert (call.service, call.path, call.body) == (service, path, expected)
        assert call.authorization.startswith("Bearer ")


async def test_the_vouchers_code_is_shown_in_the_answer_to_the_button_alone(console: Console, town: Town) -> None:
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["sme"])
        shown = await browser.post(f"/vouchers/{town.issued}/code")
        assert "7K3M-XYWQ-9PHT-4RDA" in shown.text
        assert shown.headers["cache-control"] == "no-store"
        assert "7K3M" not in (await browser.get(f"/vouchers/{town.issued}")).text


async def test_a_resent_message_leads_back_to_its_list_and_nowhere_else(console: Console, town: Town) -> None:
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["hub"])
        for back, expected in (("/messages", "/messages?"), ("//evil.example", "/account/messages?")):
            done = await browser.post(f"/messages/{town.delivery}/resend", data={"back": back})
            assert done.headers["location"].startswith(expected)


async def test_a_refusal_by_rule_is_explained_with_all_rules(console: Console, town: Town) -> None:
    findings = [{"rule": "one-visit", "passed": False, "detail": "Visited once.", "valid_from": "2026-01-01"}]
    refusal = {"rule": "one-visit", "detail": "Anna has visited already.", "verdict": findings}
    console.sisters.on("mobility", "POST", "/vouchers", refusal, 422)
    async with console.browser(headers={"Referer": "http://console.example:8000/vouchers/new"}) as browser:
        await console.sign_in(browser, people(console, town)["sme"])
        answer = await browser.post(
            "/vouchers", data={"programme_id": str(town.programme), "beneficiary_id": str(town.firm)}
        )
    assert answer.status_code == 422
    assert "Anna has visited already." in answer.text
    assert 'href="/vouchers/new"' in answer.text
    assert "Rules that were judged" in answer.text
    assert "1 Jan 2026" in answer.text


async def test_accepting_with_htmx_returns_the_card_alone(console: Console, town: Town) -> None:
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["sme"])
        part = await browser.post(
            f"/suggestions/{town.suggestion}/answers",
            data={"organisation_id": str(town.firm), "answer": "interested"},
            headers={"HX-Request": "true"},
        )
    assert part.status_code == 200
    assert "<html" not in part.text
    assert "You answered: <strong>Interested</strong>" in part.text


async def test_what_the_other_side_answered_is_not_shown_before_both_agreed(console: Console, town: Town) -> None:
    pair = town.pair(town.suggestion, second_answer="not_interested")
    console.sisters.on("matching", "GET", "/suggestions", plain(page_of(pair)))
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["sme"])
        shown = await browser.get("/suggestions")
    assert "You answered" not in shown.text


async def test_dead_letters_are_counted_before_they_are_tried_again(console: Console, town: Town) -> None:
    async with console.browser() as browser:
        await console.sign_in(browser, people(console, town)["operator"])
        chosen = {"service": "notifier", "ids": [str(town.letter)]}
        asked = await browser.post("/operator/dead-letters/redrive", data=chosen)
        assert "Try 1 again?" in asked.text
        assert console.sisters.asked("notifier", "POST")[-1].body["dry_run"] is True
        done = await browser.post("/operator/dead-letters/redrive", data=chosen | {"confirmed": "true"})
        assert "1 handed back" in done.text
        assert console.sisters.asked("notifier", "POST")[-1].body == {"ids": [str(town.letter)], "dry_run": False}
        assert (await browser.post("/operator/dead-letters/redrive", data={"service": "notifier"})).status_code == 422
        assert (await browser.post("/operator/dead-letters/redrive", data=chosen | {"service": "x"})).status_code == 404


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
