"""Using the console as people do: with the mouse, with the keyboard alone, without scripts, and live."""

import asyncio
import re

from playwright.async_api import Browser, expect

from tests.browser.conftest import Stage
from tests.console.town import page_of, plain


async def test_one_signs_in_with_the_keyboard_alone_and_skips_to_the_content(chromium: Browser, stage: Stage) -> None:
    page = await chromium.new_page()
    await page.goto(f"{stage.url}/sign-in")
    await expect(page.get_by_label("Your e-mail address")).to_be_focused()
    await page.keyboard.type(stage.people["sme"].email)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Look into your mailbox")).to_be_visible()
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport()
    await page.keyboard.press("Enter")
    assert page.url.endswith("#content")


async def test_accepting_a_suggestion_changes_its_card_in_place(chromium: Browser, stage: Stage) -> None:
    context = await chromium.new_context()
    await stage.sign_in(context, "sme")
    page = await context.new_page()
    await page.goto(f"{stage.url}/suggestions")
    card = page.locator("article").first
    await card.get_by_role("button", name=re.compile("^Interested")).click()
    await expect(card.get_by_role("status")).to_contain_text("You answered: Interested")
    assert page.url == f"{stage.url}/suggestions"
    assert stage.console.sisters.asked("matching", "POST")[0].body["answer"] == "interested"


async def test_accepting_works_without_scripts_too(chromium: Browser, stage: Stage) -> None:
    context = await chromium.new_context(java_script_enabled=False)
    await stage.sign_in(context, "sme")
    page = await context.new_page()
    await page.goto(f"{stage.url}/suggestions")
    await page.locator("article").first.get_by_role("button", name=re.compile("^Not interested")).click()
    await expect(page.get_by_text("You said you are not interested.")).to_be_visible()
    assert stage.console.sisters.asked("matching", "POST")[0].body["answer"] == "not_interested"


async def test_a_profile_is_edited_without_scripts_and_enter_saves_instead_of_removing_a_row(
    chromium: Browser, stage: Stage
) -> None:
    stage.console.sisters.on("profiles", "PUT", "/organisations/[^/]+", plain(stage.town.profile(stage.town.firm)))
    context = await chromium.new_context(java_script_enabled=False)
    await stage.sign_in(context, "sme")
    page = await context.new_page()
    await page.goto(f"{stage.url}/organisations/{stage.town.firm}/edit")
    await page.get_by_role("button", name="Add a need").click()
    added = page.get_by_label("Need 2", exact=True)
    await expect(added).to_be_focused()
    await added.fill("A partner for tests at sea")
    await page.get_by_label("Language of need 2").select_option("en")
    await page.get_by_label("City").press("Enter")
    await expect(page.get_by_text("The profile is saved.")).to_be_visible()
    [call] = stage.console.sisters.asked("profiles", "PUT")
    assert call.body["needs"][1] == {"text": "A partner for tests at sea", "language": "en", "illustrative": False}
    assert len(call.body["offers"]) == 1


async def test_a_failure_while_accepting_is_said_in_the_page(chromium: Browser, stage: Stage) -> None:
    said = "This suggestion was withdrawn."
    stage.console.sisters.problem("matching", "POST", "/suggestions/[^/]+/answers", 409, "suggestion-withdrawn", said)
    context = await chromium.new_context()
    await stage.sign_in(context, "sme")
    page = await context.new_page()
    await page.goto(f"{stage.url}/suggestions")
    await page.locator("article").first.get_by_role("button", name=re.compile("^Interested")).click()
    await expect(page.get_by_role("alert")).to_have_text(said)


async def test_hits_change_while_one_types(chromium: Browser, stage: Stage) -> None:
    town = stage.town

    def hits(call):  # type: ignore[no-untyped-def]
        wanted = call.query.get("q", "").casefold()
        return plain(page_of(*(town.line(i) for i, (_, name, _, _) in town.names.items() if wanted in name.casefold())))

    stage.console.sisters.on("profiles", "GET", "/organisations", hits)
    context = await chromium.new_context()
    await stage.sign_in(context, "sme")
    page = await context.new_page()
    await page.goto(f"{stage.url}/organisations")
    await expect(page.locator("#hits tbody tr")).to_have_count(5)
    await page.get_by_label("Words").press_sequentially("pumpen")
    await expect(page.locator("#hits tbody tr")).to_have_count(1)
    await page.get_by_label("Words").fill("nothing of the kind")
    await expect(page.locator("#hits")).to_contain_text("Nothing found")


async def test_the_operators_page_keeps_itself_up_to_date_by_one_stream(chromium: Browser, stage: Stage) -> None:
    stage.console.context.settings.live_seconds = 0.05  # type: ignore[attr-defined]
    stage.console.context.state.live._seconds = 0.05
    context = await chromium.new_context()
    await stage.sign_in(context, "operator")
    page = await context.new_page()
    streams: list[str] = []
    page.on("request", lambda request: streams.append(request.url) if "/live" in request.url else None)
    await page.goto(f"{stage.url}/operator")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="matching"))
    await expect(row).to_contain_text("Not ready")
    await expect(row.locator("svg")).to_be_visible()
    stage.console.sisters.on(
        "matching", "GET", "/operations/status", plain(stage.town.status("matching") | {"ready": True, "parked": 77})
    )
    await expect(row).to_contain_text("77")
    await expect(row).not_to_contain_text("Not ready")
    assert streams == [f"{stage.url}/operator/live"]


async def test_the_live_page_works_however_late_the_stream_script_arrives(chromium: Browser, stage: Stage) -> None:
    """Deferred scripts lost this race: htmx looked at the page before its extension was there."""
    context = await chromium.new_context()
    await stage.sign_in(context, "operator")
    page = await context.new_page()

    async def late(route):  # type: ignore[no-untyped-def]
        await page.wait_for_function("window.htmx !== undefined")
        await page.evaluate("new Promise(done => setTimeout(done, 50))")  # htmx's own tick has passed
        await route.continue_()

    await page.route("**/sse.js", late)
    await page.goto(f"{stage.url}/operator")
    await expect(page.locator("#live svg").first).to_be_visible()


async def test_closing_the_page_ends_its_stream(chromium: Browser, stage: Stage) -> None:
    stage.console.context.settings.live_seconds = 0.05  # type: ignore[attr-defined]
    context = await chromium.new_context()
    await stage.sign_in(context, "operator")
    page = await context.new_page()
    await page.goto(f"{stage.url}/operator")
    await expect(page.locator("#live svg").first).to_be_visible()
    watching = stage.console.context.state.live
    assert watching.watchers == 1
    await page.close()
    async with asyncio.timeout(20):
        while watching.watchers:
            await asyncio.sleep(0.05)


async def test_the_stream_comes_back_after_the_server_dropped_it(chromium: Browser, stage: Stage) -> None:
    stage.console.context.settings.live_seconds = 0.05  # type: ignore[attr-defined]
    context = await chromium.new_context()
    await stage.sign_in(context, "operator")
    page = await context.new_page()
    streams: list[str] = []
    page.on("request", lambda request: streams.append(request.url) if "/live" in request.url else None)
    dropped = False

    async def drop_once(route):  # type: ignore[no-untyped-def]
        nonlocal dropped
        if dropped:
            await route.continue_()
        else:
            dropped = True
            await route.fulfill(status=200, content_type="text/event-stream", body="data: <p>first</p>\n\n")

    await page.route("**/operator/live", drop_once)
    await page.goto(f"{stage.url}/operator")
    await expect(page.get_by_role("row").filter(has_text="matching").locator("svg")).to_be_visible()
    assert len(streams) == 2


async def test_signing_out_leads_to_the_start_and_back_shows_nothing(chromium: Browser, stage: Stage) -> None:
    context = await chromium.new_context()
    await stage.sign_in(context, "sme")
    page = await context.new_page()
    await page.goto(f"{stage.url}/suggestions")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Find the partner abroad that fits you")).to_be_visible()
    await page.goto(f"{stage.url}/suggestions")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_redriving_dead_letters_asks_before_it_acts(chromium: Browser, stage: Stage) -> None:
    context = await chromium.new_context()
    await stage.sign_in(context, "operator")
    page = await context.new_page()
    await page.goto(f"{stage.url}/operator/dead-letters")
    await page.get_by_role("checkbox").check()
    await page.get_by_role("button", name="Count the chosen ones").click()
    await expect(page.get_by_role("heading", name="Try 1 again?")).to_be_visible()
    await page.get_by_role("button", name="Try 1 again").click()
    await expect(page.get_by_role("heading", name="1 handed back")).to_be_visible()
    bodies = [call.body for call in stage.console.sisters.asked("notifier", "POST") if "redrive" in call.path]
    assert [body["dry_run"] for body in bodies] == [True, False]
