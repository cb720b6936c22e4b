"""Every page in a real browser: it fits a desktop and a phone, breaks no rule of accessibility and no policy."""

from typing import Any

import pytest
from playwright.async_api import Browser

from tests.browser.accessibility import faults_of
from tests.browser.conftest import DESKTOP, PHONE, Stage, screenshots

SIZES = {"desktop": DESKTOP, "phone": PHONE}


def pages(stage: Stage) -> list[tuple[str | None, str, str]]:
    """(who, name, address) of every page."""
    town = stage.town
    return [
        (None, "welcome", "/"),
        (None, "sign-in", "/sign-in"),
        (None, "sign-in-confirm", "/sign-in/unknown"),
        (None, "answer-broken", "/answer/broken"),
        (None, "unsubscribe", "/unsubscribe/token"),
        (None, "not-found", "/no/such/page"),
        ("sme", "suggestions", "/suggestions"),
        ("sme", "why", f"/suggestions/{town.suggestion}/why"),
        ("sme", "connections", "/connections"),
        ("sme", "visit-new", f"/visits/new?connection_id={town.connection}"),
        ("sme", "visits", "/visits"),
        ("sme", "visit-report", f"/visits/{town.approved_visit}"),
        ("sme", "vouchers", "/vouchers?done=applied"),
        ("sme", "voucher-new", "/vouchers/new"),
        ("sme", "voucher-invoice", f"/vouchers/{town.issued}"),
        ("sme", "organisations", "/organisations"),
        ("sme", "organisation", f"/organisations/{town.firm}"),
        ("sme", "organisation-edit", f"/organisations/{town.firm}/edit"),
        ("sme", "organisation-withdraw", f"/organisations/{town.firm}/withdraw"),
        ("hub", "imports", "/imports"),
        ("hub", "organisation-new", "/organisations/new"),
        ("sme", "statements", "/statements?q=sealing"),
        ("sme", "calls", "/calls?q=tidal"),
        ("sme", "calls-fitting", "/calls/fitting"),
        ("hub", "organisation-messages", "/messages"),
        ("sme", "account", "/account"),
        ("sme", "messages", "/account/messages"),
        ("sme", "forbidden", "/operator"),
        ("hub", "hub", "/hub"),
        ("hub", "visit-approve", f"/visits/{town.visit}"),
        ("hub", "roadmaps", "/roadmaps"),
        ("hub", "roadmap", f"/roadmaps/{town.roadmap}"),
        ("administrator", "programmes", "/programmes"),
        ("administrator", "programme", f"/programmes/{town.programme}"),
        ("administrator", "programme-new", "/programmes/new?kind=travel"),
        ("administrator", "programme-edit", f"/programmes/{town.programme}/edit"),
        ("administrator", "applications", f"/programmes/{town.programme}/applications"),
        ("administrator", "ledger", f"/programmes/{town.programme}/ledger"),
        ("administrator", "voucher-decide", f"/vouchers/{town.voucher}"),
        ("administrator", "voucher-pay", f"/vouchers/{town.approved}"),
        ("operator", "operator", "/operator"),
        ("operator", "streams", "/operator/streams"),
        ("operator", "parked", "/operator/parked"),
        ("operator", "dead-letters", "/operator/dead-letters"),
        ("operator", "trace", f"/operator/trace?organisation_id={town.firm}"),
        ("operator", "all-messages", "/operator/messages"),
        ("everything", "everything", "/account"),
    ]


@pytest.mark.parametrize(("size", "scheme"), [("phone", "light"), ("desktop", "dark")])
async def test_every_page_fits_and_is_accessible(chromium: Browser, stage: Stage, size: str, scheme: str) -> None:
    faults: list[str] = []
    options: dict[str, Any] = {"viewport": SIZES[size], "color_scheme": scheme}
    browsers = {}
    for who, name, address in pages(stage):
        if who not in browsers:
            # bypass_csp is for axe alone, which is put into the page as an inline script.
            browsers[who] = await chromium.new_context(bypass_csp=True, **options)
            if who:
                await stage.sign_in(browsers[who], who)
        page = await browsers[who].new_page()
        await page.goto(stage.url + address)
        width = await page.evaluate("document.documentElement.scrollWidth")
        if width > SIZES[size]["width"]:
            faults.append(f"{name}: {width} pixels wide")
        faults += [f"{name}: {fault}" for fault in await faults_of(page)]
        if folder := screenshots():
            await page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=True)
        await page.close()
    assert not faults, "\n".join(faults)


async def test_control_a_page_without_labels_is_found_faulty(chromium: Browser, stage: Stage) -> None:
    """Negative control: axe does find what must not be there."""
    page = await (await chromium.new_context(bypass_csp=True)).new_page()
    await page.goto(f"{stage.url}/sign-in")
    await page.evaluate("document.querySelector('label').remove()")
    assert any(fault.startswith("label") for fault in await faults_of(page))


async def test_no_page_breaks_the_policy_or_logs_an_error(chromium: Browser, stage: Stage) -> None:
    said: list[str] = []
    browsers = {}
    for who, _, address in pages(stage):
        if who not in browsers:
            browsers[who] = await chromium.new_context()
            if who:
                await stage.sign_in(browsers[who], who)
        page = await browsers[who].new_page()
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        await page.goto(stage.url + address)
        await page.close()
    said = [each for each in said if "Failed to load resource" not in each]  # pages that are 403, 404 or 410 on purpose
    assert not said
