"""Calls on the console: their titles and addresses are foreign text, and a card without a call says nothing of one."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.console.conftest import Console
from tests.console.town import Town

HOSTILE = "<script>alert(1)</script> & sons"
FITS = "A call that fits you both"


async def shown(console: Console, town: Town, path: str) -> str:
    """Return a page as a contact of the firm sees it."""
    person = console.person(("sme_contact", town.firm))
    async with console.browser() as browser:
        await console.sign_in(browser, person)
        answer = await browser.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def named(town: Town, **changed: Any) -> dict[str, Any]:
    """A page with one suggestion whose call has these values, or none."""
    pair = town.pair(town.suggestion)
    pair["call"] = None if changed.get("nothing") else {**pair["call"], **changed}
    return plain({"items": [pair], "next_cursor": None})


def plain(value: Any) -> Any:
    """Return an answer with ids as text."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


@pytest.mark.parametrize("url", ["http://calls.example.org", "javascript:alert(1)", None])
@pytest.mark.parametrize("path", ["/suggestions", "/calls", "/calls/fitting"])
async def test_only_an_https_address_becomes_a_link(console: Console, town: Town, path: str, url: str | None) -> None:
    title = "Prize for quiet harbours"
    answers: dict[str, Callable[[], Any]] = {
        "/suggestions": lambda: named(town, title=title, url=url),
        "/calls": lambda: plain({"items": [town.call(title=title, url=url)], "next_cursor": None}),
        "/calls/fitting": lambda: plain({"items": [town.fitting(title=title, url=url)]}),
    }
    asked = f"/organisations/{town.firm}/calls" if path == "/calls/fitting" else path
    console.sisters.on("matching", "GET", asked, answers[path]())
    page = await shown(console, town, path)
    assert title in page
    assert f'href="{url}"' not in page


async def test_a_title_and_a_text_are_data(console: Console, town: Town) -> None:
    console.sisters.on("matching", "GET", "/suggestions", named(town, title=HOSTILE))
    hostile = plain({"items": [town.call(title=HOSTILE, text=HOSTILE, programme=HOSTILE)], "next_cursor": None})
    console.sisters.on("matching", "GET", "/calls", hostile)
    for path in ("/suggestions", "/calls"):
        page = await shown(console, town, path)
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; sons" in page


async def test_a_suggestion_without_a_call_says_nothing_of_one(console: Console, town: Town) -> None:
    assert FITS in await shown(console, town, "/suggestions")
    console.sisters.on("matching", "GET", "/suggestions", named(town, nothing=True))
    assert FITS not in await shown(console, town, "/suggestions")


async def test_where_nothing_fits_the_page_says_so(console: Console, town: Town) -> None:
    console.sisters.on("matching", "GET", f"/organisations/{town.firm}/calls", {"items": []})
    assert "rather none than a bad one" in await shown(console, town, "/calls/fitting")
    console.sisters.on("matching", "GET", "/calls", {"items": [], "next_cursor": None})
    assert "No open call fits these words" in await shown(console, town, "/calls?q=qqqq")


async def test_what_was_found_by_its_words_alone_is_not_called_the_closest(console: Console, town: Town) -> None:
    closest, by_words = "the closest to what you look for first", "have your words in them"
    console.sisters.on("matching", "GET", "/calls", plain({"items": [{**town.call(), "similarity": 0.5}]}))
    page = await shown(console, town, "/calls?q=salt")
    assert closest in page
    assert by_words not in page
    again = {"read_again": {"texts": 1200, "of": 2600}}
    console.sisters.on("matching", "GET", "/calls", plain({"items": [{**town.call(), "similarity": None}], **again}))
    page = await shown(console, town, "/calls?q=salt")
    assert closest not in page
    assert by_words in page
    assert "1200 of 2600 texts" in page


async def test_words_and_the_next_page_are_asked_for(console: Console, town: Town) -> None:
    following = plain({"items": [town.call()], "next_cursor": "2027-01-01_x"})
    console.sisters.on("matching", "GET", "/calls", following)
    page = await shown(console, town, "/calls?q=salt+water")
    assert "/calls?q=salt+water&amp;cursor=2027-01-01_x" in page
    (call,) = (each for each in console.sisters.asked("matching") if each.path == "/calls")
    assert (call.query["q"], call.query["open"]) == ("salt water", "true")
