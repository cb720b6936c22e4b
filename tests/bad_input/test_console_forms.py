"""Bad input in every form, address and query of the console: a page that says so, never a broken one."""

import re
from collections import defaultdict
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from shared.ids import new_id
from tests.bad_input.nasty import PATHS, QUERY, for_text, some
from tests.console.conftest import PUBLIC, Console
from tests.security.console_table import ENDLESS, table
from tests.security.routes import shape
from tests.security.test_console_access import FORM

ROUTES = [route for route in table() if route not in (ENDLESS, "POST /sign-out")]
ROLES = ("sme_contact", "hub_manager", "voucher_administrator", "auditor")


def broken(answer: httpx.Response) -> str:
    """Return what is wrong with a page; empty when it is as it must be."""
    if answer.status_code >= 500:
        return f"{answer.status_code} {answer.text[-300:]}"
    location = answer.headers.get("location", "/")
    if not location.startswith("/") or location.startswith(("//", "/\\")):
        return f"leads to {location}"
    if "Traceback" in answer.text or len(answer.content) > 300_000:
        return f"{answer.status_code} with {len(answer.content)} bytes"
    return ""


def inputs_of(document: dict[str, Any]) -> defaultdict[str, list[str]]:
    """Return route → names of its query parameters or form fields."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            route = f"{method.upper()} {shape(path)}"
            found[route] += [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                name = content["schema"].get("$ref", "/").rsplit("/", 1)[1]
                found[route] += document["components"]["schemas"].get(name, content["schema"]).get("properties", ())
    return found


async def test_no_input_breaks_a_page(console: Console) -> None:
    found = []
    inputs = inputs_of(console.app.openapi())
    somebody = console.person(*((role, new_id()) for role in ROLES), ("operator", None))
    async with console.browser() as browser:
        await console.sign_in(browser, somebody)
        for route in ROUTES:
            method, path = route.split()
            good = path.replace("{}", str(new_id()))
            tried: list[tuple[str, dict[str, str | bytes]]] = []
            if "{}" in path:
                tried += [(path.replace("{}", value), {}) for value in some(PATHS, route, 4).values()]
            if method == "POST":
                for field in inputs[route]:
                    for value in for_text(f"{route} {field}", 2).values():
                        said = value if isinstance(value, str) else str(value)
                        tried.append((good, {field: said.encode("utf-8", "replace")}))
                tried += [(good, {"": ""}), (good, {"_": b"\xff\xfe"})]
            else:
                for name in (*inputs[route], "done", "unknown"):
                    tried += [(f"{good}?{name}={value}", {}) for value in some(QUERY, f"{route} {name}", 3).values()]
            for address, changed in tried:
                form = {**FORM, **changed} if method == "POST" else None
                answer = await browser.request(method, address, data=form)
                if wrong := broken(answer):
                    found.append(f"{method} {address[:80]} {str(changed)[:80]}: {wrong}")
    assert not found, "\n".join(found)


async def test_bodies_that_are_no_form_break_no_page(console: Console) -> None:
    found = []
    bodies = {
        "application/json": b'{"given": true}',
        "application/x-www-form-urlencoded": b"a=%ff&" * 2_000 + b"\xff\0",
        "multipart/form-data; boundary=x": b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n",
        "multipart/form-data": b"hello",
        "text/plain; charset=klingon": b"\xff\xfe",
    }
    async with console.browser() as browser:
        await console.sign_in(browser, console.person(("operator", None)))
        for route in (each for each in ROUTES if each.startswith("POST")):
            path = route.split()[1].replace("{}", str(new_id()))
            for kind, content in bodies.items():
                answer = await browser.post(path, content=content, headers={"Content-Type": kind})
                if wrong := broken(answer):
                    found.append(f"{route}, {kind}: {wrong}")
    assert not found, "\n".join(found)


BROKEN_RULES = {
    "depth": '{"a":' + "[" * 20_000 + "]" * 20_000 + "}",
    "some depth": '{"a":' * 500 + "1" + "}" * 500,
    "a long number": f'{{"a": {"9" * 5_000}}}',
    "not a number": '{"a": NaN}',
    "infinity": '{"a": 1e999}',
    "half a surrogate pair": r'{"a": "\ud800"}',
    "half a surrogate pair as a name": r'{"\ud800": 1}',
    "a list": "[1]",
    "no JSON": "{",
}


@pytest.mark.parametrize("raw", BROKEN_RULES.values(), ids=BROKEN_RULES)
async def test_no_rule_that_was_kept_breaks_the_form_when_it_comes_back_changed(raw: str, console: Console) -> None:
    funder = new_id()
    console.sisters.on("mobility", "POST", "/programmes", {"rule": "invalid-request", "detail": "no"}, 422)
    form = {**FORM, "funder_id": str(funder), "rules-0-rule": "future", "rules-0-raw": raw}
    async with console.browser() as browser:
        await console.sign_in(browser, console.person(("voucher_administrator", funder)))
        answer = await browser.post("/programmes", data=form)
    assert not broken(answer)
    [call] = console.sisters.asked("mobility", "POST")
    assert call.body["rules"] == [{"rule": "future"}]


@pytest.mark.parametrize("row", ["9" * 5_000, "-1", "1e3", "\N{ARABIC-INDIC DIGIT ZERO}", ""])
@pytest.mark.parametrize("do", ["remove-rule", "add-band", "remove-band:0"])
async def test_no_number_of_a_row_breaks_the_form_or_means_another_row(row: str, do: str, console: Console) -> None:
    funder = new_id()
    console.sisters.on("mobility", "POST", "/programmes", {"rule": "invalid-request", "detail": "no"}, 422)
    form = {**FORM, "funder_id": str(funder), "rules-0-rule": "lump-sum", "rules-0-bands-0-amount": "7"}
    async with console.browser() as browser:
        await console.sign_in(browser, console.person(("voucher_administrator", funder)))
        answer = await browser.post("/programmes", data=form | {"do": f"{do}:{row}"})
    assert not broken(answer)
    assert 'name="rules-0-bands-0-amount"' in answer.text
    assert "rules-0-bands-1-" not in answer.text


@pytest.mark.parametrize(
    "referer",
    [
        "http://[",
        "//[",
        "http://console.example:99999/",
        "\xff",
        f"{PUBLIC}//evil.example/x",
        f"{PUBLIC}///evil.example",
        f"{PUBLIC}/\\evil.example",
        f"{PUBLIC}/\t/evil.example",
        "http://evil.example/x",
        "javascript:alert(1)",
    ],
)
async def test_no_referer_breaks_a_page_or_leads_away_from_it(referer: str, console: Console) -> None:
    async with console.browser() as browser:
        shown = await browser.get("/answer/broken", headers={"Referer": referer.encode("latin-1")})
    assert shown.status_code == 410
    assert "Content-Security-Policy" in shown.headers
    back = re.findall(r'href="([^"]*)"', shown.text)
    assert back
    assert all(re.match(r"#|/(?![/\\])", each) for each in back), back
    assert "evil" not in shown.text


async def test_a_page_that_failed_leads_back_to_where_one_was(console: Console) -> None:
    async with console.browser() as browser:
        shown = await browser.get("/answer/broken", headers={"Referer": f"{PUBLIC}/organisations?q=x"})
    assert 'href="/organisations?q=x"' in shown.text


async def test_cookies_that_are_none_of_ours_are_nobody(console: Console) -> None:
    async with console.browser() as browser:
        for value in ("", "a", "a" * 5_000, "%00", quote("ä" * 20), "' OR 1=1 --", "../../etc/passwd"):
            answer = await browser.get("/account", headers={"Cookie": f"intercluster_session={value}"})
            assert answer.status_code == 303, value
            assert answer.headers["location"].startswith("/sign-in")
