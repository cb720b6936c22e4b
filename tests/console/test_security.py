"""What every page of the console must do: guard, headers, escaping, no redirect to elsewhere."""

from typing import Any

import pytest
from fastapi.routing import APIRoute
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from services.console import web
from services.console.endpoints import ROUTERS
from services.console.web import CONTENT_SECURITY_POLICY, OneClickPage, Page, identity_of
from shared.ids import new_id
from tests.console.conftest import Console, Person

EVIL = '<script>alert(1)</script><img src=x onerror="alert(1)">'
ENDLESS = "/operator/live"
"""The stream of the operator's page; it has a test of its own."""
ID = "00000000-0000-7000-8000-000000000001"


def routes(*methods: str) -> list[APIRoute]:
    """All routes of the web UI that know one of the methods."""
    found = [each for router in ROUTERS for each in router.routes if isinstance(each, APIRoute)]
    return [each for each in found if each.methods & set(methods)]


def address(route: APIRoute) -> str:
    """A request path for a route, with made-up parameters."""
    path = route.path
    for name in route.param_convertors:
        path = path.replace(f"{{{name}}}", ID)
    return path


def test_every_route_is_guarded_by_the_page_class() -> None:
    for route in routes("GET", "POST", "PUT", "PATCH", "DELETE"):
        assert isinstance(route, Page), route.path


def test_only_the_one_click_unsubscribe_is_exempt_from_the_origin_check() -> None:
    assert [each.path for each in routes("POST") if isinstance(each, OneClickPage)] == ["/unsubscribe/{token}"]


def test_unsafe_methods_are_posts_only_and_no_address_answers_both_by_one_handler() -> None:
    """A GET can then never reach a handler that mutates."""
    for route in routes("POST", "PUT", "PATCH", "DELETE"):
        assert route.methods == {"POST"}, route.path


FOREIGN = [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "", "Origin": "https://evil.example"}]


async def test_a_foreign_page_can_make_nobodys_browser_act(console: Console) -> None:
    anna = console.person(("sme_contact", new_id()), ("operator", None))
    async with console.browser() as browser:
        await console.sign_in(browser, anna)
        for route in routes("POST"):
            if isinstance(route, OneClickPage):
                continue
            for headers in FOREIGN:
                console.sisters.calls.clear()
                answer = await browser.post(address(route), headers=headers, data={"email": anna.email})
                assert answer.status_code == 403, (route.path, headers)
                assert "did not come from a page of this site" in answer.text
                assert not console.sisters.asked(method="POST"), route.path


async def test_control_without_the_guard_a_foreign_page_acts(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: it is the guard that refuses, nothing else."""
    monkeypatch.setattr(web, "may_act", lambda *_, **__: True)
    anna = console.person(("sme_contact", new_id()))
    async with console.browser() as browser:
        await console.sign_in(browser, anna)
        answer = await browser.post(f"/vouchers/{ID}/issue", headers=FOREIGN[0])
    assert answer.status_code != 403
    assert console.sisters.asked("mobility", "POST")


async def test_a_program_with_a_cookie_says_so_by_a_header_no_foreign_page_can_set(console: Console) -> None:
    async with console.browser() as browser:
        await console.sign_in(browser, console.person(("sme_contact", new_id())))
        cookies = dict(browser.cookies)
    async with console.browser(cookies=cookies) as program:
        del program.headers["sec-fetch-site"]
        assert (await program.post("/token")).status_code == 403
        assert (await program.post("/token", headers={"X-Requested-With": "demo"})).status_code == 200


async def test_every_page_has_the_policy_and_no_inline_script_or_style(console: Console) -> None:
    everything = [(role, new_id()) for role in ("sme_contact", "hub_manager", "voucher_administrator", "auditor")]
    async with console.browser() as browser:
        await console.sign_in(browser, console.person(*everything, ("operator", None)))
        for route in routes("GET"):
            if route.path == ENDLESS:
                continue
            answer = await browser.get(address(route))
            assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY, route.path
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "same-origin"
            if answer.headers.get("content-type", "").startswith("text/html"):
                for inline in (" style=", "onclick=", "<script>", "<style"):
                    assert inline not in answer.text, route.path
                assert answer.headers["cache-control"] == "no-store"


def test_the_policy_allows_neither_eval_nor_inline_nor_foreign_hosts() -> None:
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY
    assert "default-src 'none'" in CONTENT_SECURITY_POLICY


async def test_html_in_an_organisations_name_is_shown_as_text(console: Console) -> None:
    line = {"id": ID, "kind": "sme", "name": EVIL, "country": "AT", "city": EVIL, "offers": 1, "needs": 0}
    console.sisters.on("profiles", "GET", "/organisations", {"items": [line], "next_cursor": None})
    async with console.browser() as browser:
        await console.sign_in(browser, console.person(("sme_contact", new_id())))
        shown = await browser.get("/organisations", params={"q": EVIL})
    assert shown.status_code == 200
    assert "<script>alert" not in shown.text
    assert "<img src=x" not in shown.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown.text


async def test_a_website_that_is_a_script_is_no_link(console: Console) -> None:
    website = "javascript:alert(1)"
    profile: dict[str, Any] = {
        "id": ID,
        "version": "1.1",
        "kind": "sme",
        "name": EVIL,
        "country": "AT",
        "website": website,
        "updated_at": "2026-11-01T08:00:00Z",
        "statements": [{"id": ID, "role": "offer", "text": EVIL, "language": "en"}],
    }
    console.sisters.on("profiles", "GET", f"/organisations/{ID}", profile)
    async with console.browser() as browser:
        await console.sign_in(browser, console.person(("sme_contact", new_id())))
        shown = await browser.get(f"/organisations/{ID}")
    assert shown.status_code == 200
    assert f'href="{website[:10]}' not in shown.text
    assert "<script>alert" not in shown.text


async def test_no_sign_in_leads_to_another_site(console: Console) -> None:
    anna = console.person(("sme_contact", new_id()))
    for target in ("//evil.example", "https://evil.example", "/\\evil.example"):
        await _sign_in_towards(console, anna, target)


async def _sign_in_towards(console: Console, anna: Person, target: str) -> None:
    async with console.browser() as browser:
        form = await browser.get("/sign-in", params={"next": target})
        assert "evil" not in form.text
        signed = await browser.post(await console.link_for(anna, target))
        assert signed.headers["location"] == "/"
        again = await browser.get("/sign-in", params={"next": target})
        assert again.headers["location"] == "/"


async def test_an_unknown_address_is_a_friendly_page(console: Console) -> None:
    async with console.browser() as browser:
        answer = await browser.get("/no/such/page")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


async def test_a_program_gets_problems_as_documents(console: Console) -> None:
    async with console.browser(headers={"Accept": "application/json"}) as program:
        missing = await program.get("/no/such/page")
        refused = await program.get("/organisations")
    assert missing.headers["content-type"] == "application/problem+json"
    assert (refused.status_code, refused.json()["rule"]) == (401, "sign-in-required")


FAULTS = [
    ConnectionRefusedError("refused"),
    PoolTimeoutError("none free"),
    InterfaceError("SELECT 1", {}, Exception("closed")),
    DBAPIError("SELECT 1", {}, Exception("gone"), connection_invalidated=True),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[type(each).__name__ for each in FAULTS])
async def test_with_the_database_away_a_page_says_so(
    fault: Exception, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: Any) -> None:
        raise fault

    monkeypatch.setattr("services.console.repository.live_session", gone)
    async with console.browser(cookies={"intercluster_session": "x"}) as browser:
        answers = [await browser.get("/suggestions"), await browser.post("/sign-out")]
        nowhere = await browser.get("/no/such/page")
    for answer in answers:
        assert answer.status_code == 503
        assert "database-away" in answer.text
        assert "Content-Security-Policy" in answer.headers
    assert nowhere.status_code == 404


async def test_an_address_that_does_not_exist_says_so_with_profiles_away(console: Console) -> None:
    person = console.person(("operator", None))
    async with console.browser() as browser:
        await console.sign_in(browser, person)
        identity_of(console.context).cards.forget(person.person_id)
        console.sisters.problem("profiles", "GET", "/people/[^/]+/contact-card", 503, "service-away", "away")
        answer = await browser.get("/no/such/page")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert "Content-Security-Policy" in answer.headers


async def test_a_sister_that_is_away_makes_a_page_that_says_so(console: Console) -> None:
    console.sisters.problem("profiles", "GET", "/organisations", 503, "service-away", "Profiles does not answer.")
    async with console.browser() as browser:
        await console.sign_in(browser, console.person(("sme_contact", new_id())))
        answer = await browser.get("/organisations")
    assert answer.status_code == 503
    assert "Profiles does not answer." in answer.text
    assert "Sign out" in answer.text


async def test_only_known_files_are_served(console: Console) -> None:
    async with console.browser() as browser:
        for name in ("../settings.py", "..%2Fsettings.py", "console.css.map", "%00"):
            assert (await browser.get(f"/static/x/{name}")).status_code == 404
