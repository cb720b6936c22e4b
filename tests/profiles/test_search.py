"""The searchable inter-regional database: filters, words, misspelt names, pages."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.ids import new_id
from tests.profiles.conftest import Api
from tests.profiles.test_imports import a_row, jsonl

ROWS = [
    a_row("c", kind="cluster", name="Green Tech Valley", region="AT221", tags=["low-carbon"]),
    a_row("t", name="Élan Turbines", country="FR", region="FRK26", sectors=["28.11"], member_of=["c"],
          offers=[{"text": "Small hydropower turbines for rivers", "language": "en"}]),
    a_row("p", name="Gdańska Stocznia", country="PL", sectors=["30.11"], tags=["low-carbon", "maritime"],
          needs=[{"text": "Szukamy turbin wodnych", "language": "pl"},
                 {"text": "Hydropower expert", "language": "en"}]),
    a_row("h", name="100% Holz_Bau", region="AT211", city="Klagenfurt"),
    a_row("x", name="Ακαδημία", country="EL", region="EL303", kind="research"),
]  # fmt: skip


@pytest.fixture
async def anyone(operator: Api, api: Callable[..., Api]) -> Api:
    report = await operator.load(jsonl(*ROWS))
    assert report["errors"] == []
    return api("sme_contact", new_id())


async def names(by: Api, **params: Any) -> list[str]:
    response = await by.get("/organisations", params=params)
    assert response.status_code == 200, response.text
    return [each["name"] for each in response.json()["items"]]


async def test_without_words_the_list_is_in_the_order_of_names_whatever_their_accents(anyone: Api) -> None:
    listed = await names(anyone)
    assert listed == ["100% Holz_Bau", "Élan Turbines", "Gdańska Stocznia", "Green Tech Valley", "Ακαδημία"]


FILTERS = [
    ({"country": "FR"}, ["Élan Turbines"]),
    ({"country": ["FR", "EL"]}, ["Élan Turbines", "Ακαδημία"]),
    ({"kind": "cluster"}, ["Green Tech Valley"]),
    ({"sector": "28"}, ["Élan Turbines"]),
    ({"sector": "C"}, ["Élan Turbines", "Gdańska Stocznia"]),
    ({"tag": "Low-Carbon"}, ["Gdańska Stocznia", "Green Tech Valley"]),
    ({"tag": ["low-carbon", "maritime"]}, ["Gdańska Stocznia"]),
    ({"region": "AT2"}, ["100% Holz_Bau", "Green Tech Valley"]),
    ({"country": "AT", "kind": "sme", "q": ""}, ["100% Holz_Bau"]),
    ({"cluster": str(new_id())}, []),
    ({"country": "", "kind": "", "cluster": "", "tag": "", "q": "elan"}, ["Élan Turbines"]),
]


async def test_filters_narrow_the_list(anyone: Api) -> None:
    for params, expected in FILTERS:
        assert await names(anyone, **params) == expected, params


async def test_members_of_a_cluster_are_found(anyone: Api) -> None:
    cluster = (await anyone.get("/organisations?kind=cluster")).json()["items"][0]
    assert await names(anyone, cluster=cluster["id"]) == ["Élan Turbines"]
    [line] = (await anyone.get("/organisations?q=elan")).json()["items"]
    assert (line["clusters"], line["offers"], line["needs"]) == ([cluster["id"]], 1, 0)


WORDS = [
    ("hydropower", {"Élan Turbines", "Gdańska Stocznia"}),
    ("hydropower turbines", {"Élan Turbines"}),
    ("ELAN", {"Élan Turbines"}),
    ("gdanska", {"Gdańska Stocznia"}),
    ("Gdanksa", {"Gdańska Stocznia"}),
    ("stoczn", {"Gdańska Stocznia"}),
    ("klagenfurt", {"100% Holz_Bau"}),
    ("szukamy", {"Gdańska Stocznia"}),
    ("ακαδημία", {"Ακαδημία"}),
    ("holz_", {"100% Holz_Bau"}),
    ("100%", {"100% Holz_Bau"}),
    ("%", {"100% Holz_Bau"}),
    ('"small hydropower"', {"Élan Turbines"}),
    ("hydropower -turbines", {"Gdańska Stocznia"}),
    ("nothing at all like this", set()),
]


async def test_words_are_found_in_names_places_tags_and_statements(anyone: Api) -> None:
    for words, expected in WORDS:
        assert set(await names(anyone, q=words)) == expected, words


async def test_a_name_goes_before_a_mere_mention(anyone: Api) -> None:
    assert (await names(anyone, q="turbines"))[0] == "Élan Turbines"


ODD_WORDS = ["'", '"', "\\", "a & | !", "((", ":*", "<->", "'; DROP TABLE organisation; --", "*" * 200]


async def test_no_words_break_the_search(anyone: Api) -> None:
    for words in ODD_WORDS:
        await names(anyone, q=words)
    assert len(await names(anyone)) == 5


MEANINGLESS = [
    {"country": "XX"}, {"kind": "firm"}, {"sector": "99.9"}, {"region": "XX1"}, {"cluster": "x"},
    {"status": "gone"},
    {"limit": "0"}, {"limit": "201"}, {"cursor": "x"}, {"cursor": "bnVsbA=="}, {"cursor": "WzEsIDIsIDNd"},
    {"q": "\0"}, {"tag": "\0"}, {"q": "x" * 201},
]  # fmt: skip


async def test_a_filter_that_means_nothing_is_refused(anyone: Api) -> None:
    for params in MEANINGLESS:
        assert (await anyone.get("/organisations", params=params)).status_code == 422, params


@pytest.mark.parametrize("words", ["", "firm"])
async def test_pages_give_every_line_once_also_while_lines_are_added(operator: Api, words: str) -> None:
    await operator.load(jsonl(*(a_row(f"{n:03}") for n in range(25))))
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = (await operator.get("/organisations", params={"q": words, "limit": 7, "cursor": cursor})).json()
        seen += [each["name"] for each in page["items"]]
        if not cursor:
            await operator.load(jsonl(a_row("000a")))
        cursor = page["next_cursor"]
    assert seen == [f"Firm {n:03}" for n in range(25)]


async def test_the_longest_name_still_makes_a_short_cursor(operator: Api) -> None:
    await operator.load(jsonl(*(a_row(f"{n}", name="Ω" * 299 + str(n)) for n in range(3))))
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = (await operator.get("/organisations", params={"limit": 1, "cursor": cursor})).json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
        assert cursor is None or len(cursor) < 400
    assert len(set(seen)) == len(seen) == 3
