"""The demo's own pages: the whole stack, the story played, each kind of person signed in by the link in her mail."""

import asyncio
import io
import re
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect
from rich.console import Console as Terminal

from deploy.local.demo import Outcome, play
from deploy.local.stack import Stack
from shared.contracts.topics import SERVICES
from tests.browser.accessibility import faults_of
from tests.browser.conftest import DESKTOP, PHONE, screenshots

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.timeout(900),
    # Pages know nothing of brokers, and the story itself is told on each broker in tests/end_to_end.
    pytest.mark.parametrize("broker_kind", ["embedded"], indirect=True, scope="session"),
]

STARTS = {
    "SME contact": "/suggestions",
    "Visiting SME contact": "/suggestions",
    "Hub manager": "/hub",
    "Voucher administrator": "/programmes",
    "Operator": "/operator",
}


@pytest.fixture(scope="module")
def outcome(stack: Stack) -> Iterator[Outcome]:
    """The story, played once on the whole stack."""
    told = io.StringIO()
    played = play(stack, Terminal(file=told, width=200))
    assert played.held, told.getvalue()
    yield played
    played.close()


async def signed_in(chromium: Browser, outcome: Outcome, kind: str) -> BrowserContext:
    """A browser in which a person of that kind signed in by the link in her mail."""
    assert outcome.scene is not None
    link = await asyncio.to_thread(outcome.scene.person(outcome.people[kind]).ask_for_link)
    # bypass_csp is for axe alone, which is put into the page as an inline script.
    context = await chromium.new_context(viewport=DESKTOP, bypass_csp=True)
    page = await context.new_page()
    await page.goto(link)
    await page.get_by_role("button", name="Sign in").click()
    start = STARTS.get(kind)
    if start:
        await page.wait_for_url(f"**{start}")
    await page.close()
    return context


async def look(page: Page, name: str) -> list[str]:
    """What is wrong with the page that is open: too wide for a phone or a desktop, or against a rule of axe."""
    faults = []
    for size, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
        await page.set_viewport_size(viewport)
        width = await page.evaluate("document.documentElement.scrollWidth")
        if width > viewport["width"]:
            faults.append(f"{name}: {width} pixels wide on a {size}")
        if folder := screenshots():
            file = "".join(letter if letter.isalnum() else "-" for letter in name)
            await page.screenshot(path=folder / f"demo-{file}-{size}.png", full_page=True)
    await page.set_viewport_size(DESKTOP)
    return faults + [f"{name}: {fault}" for fault in await faults_of(page)]


async def test_each_kind_of_person_finds_every_page_of_her_menu_in_order(chromium: Browser, outcome: Outcome) -> None:
    faults: list[str] = []
    for kind in outcome.people:
        context = await signed_in(chromium, outcome, kind)
        page = await context.new_page()
        page.on("pageerror", lambda error, found=faults: found.append(str(error)))
        await page.goto(f"{_console(outcome)}/")
        menu = page.get_by_role("navigation", name="Main").get_by_role("link")
        addresses = [await each.get_attribute("href") for each in await menu.all()]
        assert addresses, kind
        for address in ["/", "/account", "/account/messages", *addresses]:
            answer = await page.goto(f"{_console(outcome)}{address}")
            assert answer is not None
            if answer.status != 200:
                faults.append(f"{kind} {address}: {answer.status}")
            faults += await look(page, f"{kind} {address}")
        await context.close()
    assert not faults, "\n".join(faults)


async def test_the_storys_own_things_are_shown_to_those_they_concern(chromium: Browser, outcome: Outcome) -> None:
    scene = outcome.scene
    assert scene is not None
    visit, voucher = f"/visits/{scene.visit['visit_id']}", f"/vouchers/{scene.voucher['voucher_id']}"
    programme = f"/programmes/{scene.programme['programme_id']}"
    _, host = scene.sides
    shown = [
        ("SME contact", "/suggestions", ["Partners in other countries", "Interested"]),
        ("Visiting SME contact", "/connections", [host.email]),
        ("Visiting SME contact", visit, ["Completed", "Report"]),
        ("Visiting SME contact", voucher, ["Paid", "Bank reference"]),
        ("Hub manager", visit, ["The four approvals", "Approved"]),
        ("Voucher administrator", programme, ["Rules", "left"]),
        ("Voucher administrator", f"{programme}/applications", ["Paid"]),
        ("Voucher administrator", f"{programme}/ledger", ["The ledger adds up"]),
        ("Operator", "/operator/streams", ["profiles.organisations", "matching"]),
        ("Operator", "/operator/parked", ["Nothing is parked"]),
        ("Operator", "/operator/dead-letters", ["No dead letters"]),
        ("Operator", "/operator/messages", ["Sent"]),
        ("Operator", f"/operator/trace?organisation_id={host.organisation_id}", ["org.intercluster.organisation"]),
    ]
    faults: list[str] = []
    browsers: dict[str, BrowserContext] = {}
    for kind, address, words in shown:
        if kind not in browsers:
            browsers[kind] = await signed_in(chromium, outcome, kind)
        page = await browsers[kind].new_page()
        await page.goto(f"{_console(outcome)}{address}")
        for word in words:
            await expect(page.locator("main")).to_contain_text(word)
        faults += await look(page, f"{kind} {address.split('?')[0]}")
        await page.close()
    assert not faults, "\n".join(faults)


async def test_the_first_page_that_the_demo_offers_has_something_to_answer(chromium: Browser, outcome: Outcome) -> None:
    context = await signed_in(chromium, outcome, "SME contact")
    page = await context.new_page()
    await page.goto(f"{_console(outcome)}/suggestions")
    await expect(page.get_by_role("button", name=re.compile("^Interested")).first).to_be_visible()


async def test_a_contact_changes_her_firms_profile_and_an_administrator_her_programme(
    chromium: Browser, outcome: Outcome
) -> None:
    """On the real services: what the forms send fits what profiles and mobility read, versions included."""
    assert outcome.scene is not None
    page = await (await signed_in(chromium, outcome, "SME contact")).new_page()
    await page.goto(f"{_console(outcome)}/")
    await page.get_by_role("link", name="My organisation").click()
    await page.get_by_role("link", name="Edit the profile").click()
    faults = await look(page, "profile form")
    await page.get_by_role("button", name="Add an offer").click()
    await page.locator("textarea:focus").fill("Free tests of pumps at our rig")
    await page.get_by_role("button", name="Save the profile").click()
    await expect(page.locator("main")).to_contain_text("The profile is saved.")
    await expect(page.locator("main")).to_contain_text("Free tests of pumps at our rig")
    page = await (await signed_in(chromium, outcome, "Voucher administrator")).new_page()
    await page.goto(f"{_console(outcome)}/programmes/{outcome.scene.programme['programme_id']}/edit")
    faults += await look(page, "programme form")
    await page.get_by_label("Name", exact=True).fill("Travel vouchers, new terms")
    await page.get_by_label("Deadline (last day)").fill("2001-01-01")
    await page.get_by_role("button", name="Save the programme").click()
    await expect(page.get_by_role("alert")).to_contain_text("The programme closes before it opens.")
    await page.get_by_label("Deadline (last day)").fill("2030-12-31")
    await page.get_by_role("button", name="Save the programme").click()
    await expect(page.get_by_role("heading", name="Travel vouchers, new terms")).to_be_visible()
    assert not faults, "\n".join(faults)


async def test_a_hub_drafts_a_roadmap_and_sees_it_drawn(chromium: Browser, outcome: Outcome) -> None:
    context = await signed_in(chromium, outcome, "Hub manager")
    page = await context.new_page()
    await page.goto(f"{_console(outcome)}/roadmaps")
    clusters = page.locator(".choices label")
    sizes = [int(re.findall(r"(\d+) member", words)[0]) for words in await clusters.all_inner_texts()]
    await clusters.nth(sizes.index(max(sizes))).get_by_role("checkbox").check()
    await page.get_by_role("button", name="Draft").click()
    await expect(page.locator("svg.matrix")).to_be_visible(timeout=60_000)
    await expect(page.get_by_role("columnheader")).to_have_count(3)
    faults = await look(page, "roadmap")
    assert not faults, "\n".join(faults)


async def test_offers_are_found_by_what_they_mean_in_another_language(chromium: Browser, outcome: Outcome) -> None:
    context = await signed_in(chromium, outcome, "SME contact")
    page = await context.new_page()
    await page.goto(f"{_console(outcome)}/statements")
    await page.get_by_label("What are you looking for?").fill("Reinigung von Abwasser aus Fabriken")
    await page.get_by_role("button", name="Search").click()
    english = page.locator('article p[lang="en"]')
    await expect(english.filter(has_text=re.compile("water", re.IGNORECASE)).first).to_be_visible()
    faults = await look(page, "statements")
    assert not faults, "\n".join(faults)


async def test_the_operator_sees_all_services_ready_live(chromium: Browser, outcome: Outcome) -> None:
    context = await signed_in(chromium, outcome, "Operator")
    page = await context.new_page()
    await page.goto(f"{_console(outcome)}/operator")
    for service in SERVICES:
        row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=service))
        await expect(row).to_contain_text("Ready")
        await expect(row.locator("svg")).to_be_visible()


async def test_the_links_in_a_suggestion_mail_ask_before_they_act(chromium: Browser, outcome: Outcome) -> None:
    assert outcome.scene is not None
    links = [link for mail in outcome.scene.mailbox.messages() for link in mail["links"]]
    page = await chromium.new_page(bypass_csp=True)
    answers = [link for link in links if "/answer/" in link]
    await page.goto(answers[-1])
    await expect(page.get_by_role("button")).to_be_visible()
    faults = await look(page, "answer")
    unsubscribe = next(link for link in links if "/unsubscribe/" in link)
    await page.goto(unsubscribe)
    await expect(page.get_by_role("button", name="Unsubscribe")).to_be_visible()
    faults += await look(page, "unsubscribe")
    assert not faults, "\n".join(faults)


def _console(outcome: Outcome) -> str:
    assert outcome.scene is not None
    return outcome.scene.urls["console"].rstrip("/")
