"""Why a suggestion is made: told in the person's language, adding up to the score, and all words as data."""

import html
import re
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.console.conftest import Console, Person
from tests.console.town import Town, plain

EXPLANATION = "/suggestions/[^/]+/explanation"


async def seen(console: Console, who: Person, town: Town, **query: str) -> httpx.Response:
    """Open the page as that person."""
    async with console.browser() as browser:
        await console.sign_in(browser, who)
        return await browser.get(f"/suggestions/{town.suggestion}/why", params=query)


def tell(console: Console, town: Town, **more: Any) -> None:
    """Have matching explain the suggestion otherwise."""
    console.sisters.on("matching", "GET", EXPLANATION, plain(town.explanation(town.suggestion, **more)))


async def test_it_is_asked_for_in_the_persons_language_and_marked_as_such(console: Console, town: Town) -> None:
    shown = await seen(console, console.person(("sme_contact", town.firm)), town)
    (call,) = console.sisters.asked("matching")
    assert (call.path, call.query) == (f"/suggestions/{town.suggestion}/explanation", {"language": "de"})
    assert '<th scope="row" lang="de">Dieselbe Branche</th>' in shown.text
    assert '<ul class="against" lang="de">' in shown.text


async def test_the_points_that_are_shown_add_up_to_the_score_that_is_shown(console: Console, town: Town) -> None:
    shown = await seen(console, console.person(("sme_contact", town.firm)), town)
    points = [Decimal(each.replace("−", "-")) for each in re.findall(r'<td class="number">([+−\d.]+)</td>', shown.text)]
    assert len(points) == 6
    assert sum(points[:-1]) == points[-1] == Decimal("78.00")


@pytest.mark.parametrize("side", ["firm", "partner"])
async def test_the_own_side_comes_first(console: Console, town: Town, side: str) -> None:
    ours: UUID = getattr(town, side)
    shown = await seen(console, console.person(("sme_contact", ours)), town)
    gains = [html.unescape(each) for each in re.findall(r"<h2>What (.*?) gains</h2>", shown.text)]
    assert gains[0] == town.names[ours][1]
    assert len(gains) == 2
    assert f"/suggestions/{town.suggestion}?organisation_id={ours}" in shown.text


async def test_what_was_not_kept_is_said_and_not_made_up(console: Console, town: Town) -> None:
    tell(console, town, factors=[], against=[], model={"model_version": "old", "profiles": {}, "scored_at": None})
    shown = await seen(console, console.person(("sme_contact", town.firm)), town)
    assert shown.status_code == 200
    assert "This was not kept when the suggestion was made." in shown.text
    assert "<table" not in shown.text


async def test_when_nothing_speaks_against_it_the_page_says_so(console: Console, town: Town) -> None:
    tell(console, town, against=[])
    shown = await seen(console, console.person(("sme_contact", town.firm)), town)
    assert "Nothing that we know of." in shown.text


async def test_an_erased_side_is_said_to_be_erased(console: Console, town: Town) -> None:
    detail = "One of the two organisations has been erased, and what it said with it."
    console.sisters.problem("matching", "GET", EXPLANATION, 410, "erased", detail)
    shown = await seen(console, console.person(("sme_contact", town.firm)), town)
    assert shown.status_code == 410
    assert detail in shown.text


async def test_names_and_statements_are_data(console: Console, town: Town) -> None:
    evil = "<script>alert(1)</script>"
    tell(console, town, first_name=evil, sentence=evil, against=[evil], gains={str(town.firm): evil})
    shown = await seen(console, console.person(("operator", None)), town)
    assert "<script>alert" not in shown.text
    assert shown.text.count("&lt;script&gt;alert(1)") >= 4
