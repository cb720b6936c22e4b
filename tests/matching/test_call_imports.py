"""Importing calls: every fault by row and rule, good rows kept, the same file again changes nothing."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from services.matching.__main__ import service
from services.matching.calls.parsing import CallFileParser
from services.matching.encoder.errors import ModelMissingError
from services.matching.encoder.spaces import Space
from shared.clock import today
from tests.matching.callers import TODAY, call, it_is, load
from tests.matching.conftest import Api, Matching, organisation

SEED = Path(__file__).resolve().parents[2] / "deploy" / "local" / "seed" / "calls.jsonl"
PUMPS = "quiet heat pumps for old town houses"


@pytest.fixture(autouse=True)
def _on_a_fixed_day(monkeypatch: pytest.MonkeyPatch) -> None:
    it_is(TODAY, monkeypatch)


BAD: dict[str, tuple[dict[str, Any] | str, str, str]] = {
    "no JSON": ("{", "row", "malformed-json"),
    "a list": ("[]", "row", "malformed-json"),
    "a lonely surrogate": ('{"supplied_id": "x", "title": "\\ud800"}', "row", "malformed-json"),
    "a number that is none": ('{"supplied_id": "x", "budget_min": NaN}', "row", "malformed-json"),
    "a row that is enormous": (json.dumps(call("x", "y" * 300_000)), "row", "row-too-large"),
    "no id": ({"title": "x", "deadline": "2027-01-01"}, "supplied_id", "required"),
    "an empty id": (call(" ", "x"), "supplied_id", "malformed"),
    "an id of two lines": (call("a\nb", "x"), "supplied_id", "malformed"),
    "no title": ({"supplied_id": "x", "deadline": "2027-01-01"}, "title", "required"),
    "a title of null": (call("x", None), "title", "required"),  # type: ignore[arg-type]
    "a title without a word": (call("x", "<b></b> … \u200b"), "title", "no-words"),
    "a title that is enormous": (call("x", "y" * 501), "title", "too-long"),
    "a text that is enormous": (call("x", "y", description="z " * 10_001), "description", "too-long"),
    "no deadline": ({"supplied_id": "x", "title": "y"}, "deadline", "deadline-required"),
    "a deadline that is none": (call("x", "y", "2027-02-30"), "deadline", "invalid-date"),
    "a deadline with a time": (call("x", "y", "2027-02-03T17:00:00"), "deadline", "invalid-date"),
    "a deadline as a number": (call("x", "y", 1800000000), "deadline", "invalid-date"),  # type: ignore[arg-type]
    "a deadline in the year 9999": (call("x", "y", "9999-12-31"), "deadline", "invalid-date"),
    "one deadline of many": (call("x", "y", deadlines=["2027-01-01", "soon"]), "deadlines.1", "invalid-date"),
    "too many deadlines": (call("x", "y", deadlines=["2027-01-01"] * 21), "deadlines", "too-many"),
    "opening too late": (call("x", "y", opens_on="2027-03-02"), "opens_on", "opens-after-deadline"),
    "a budget below nothing": (call("x", "y", budget_min=-1, currency="EUR"), "budget_min", "invalid-amount"),
    "a budget of words": (call("x", "y", budget_min="a lot", currency="EUR"), "budget_min", "invalid-amount"),
    "a budget of yes": (call("x", "y", budget_min=True, currency="EUR"), "budget_min", "invalid-amount"),
    "a tenth of a cent": (call("x", "y", budget_min="1.001", currency="EUR"), "budget_min", "invalid-amount"),
    "a budget beyond all": (call("x", "y", budget_max="1" + "0" * 15, currency="EUR"), "budget_max", "invalid-amount"),
    "a budget upside down": (
        call("x", "y", budget_min=2, budget_max=1, currency="EUR"),
        "budget_min",
        "budget-upside-down",
    ),
    "a budget of nothing in particular": (call("x", "y", budget_min=2), "currency", "currency-required"),
    "a currency that is none": (call("x", "y", budget_min=2, currency="euro"), "currency", "malformed"),
    "a status nobody knows": (call("x", "y", status="maybe"), "status", "unknown-word"),
    "an address that runs": (call("x", "y", url="javascript:alert(1)"), "url", "not-a-web-address"),
    "an address with a password": (call("x", "y", url="https://a:b@example.org"), "url", "not-a-web-address"),
    "an address with a quote": (call("x", "y", url='https://example.org/"onclick'), "url", "not-a-web-address"),
    "an address that is broken": (call("x", "y", url="https://[::1"), "url", "not-a-web-address"),
    "a language that is none": (call("x", "y", language="English"), "language", "malformed"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_row_is_named_and_its_neighbours_are_kept(matching: Matching, name: str) -> None:
    row, field, rule = BAD[name]
    report = await load(matching, [call("before", PUMPS), row, call("after", PUMPS)])
    assert (report.created, report.rejected) == (2, 1)
    (error,) = report.errors
    assert (error.row, error.field, error.rule) == (2, field, rule)
    assert error.message


async def test_the_same_id_twice_in_a_file_is_named_and_the_first_counts(matching: Matching, api: Api) -> None:
    report = await load(matching, [call("same", "First"), call("same", "Second")])
    ((error),) = report.errors
    assert (error.row, error.field, error.rule) == (2, "supplied_id", "duplicate-id")
    assert [each["title"] for each in (await api.get("/calls", "operator")).json()["items"]] == ["First"]


async def test_what_is_over_is_taken_and_named(matching: Matching, api: Api) -> None:
    report = await load(
        matching,
        [call("past", "x", "2026-11-21"), call("today", "y", "2026-11-22"), call("shut", "z", status="closed")],
    )
    assert (report.accepted, report.over, report.errors) == (3, 2, [])
    assert {(each.row, each.rule) for each in report.warnings} == {(1, "deadline-passed"), (3, "call-closed")}
    assert [each["title"] for each in (await api.get("/calls", "operator")).json()["items"]] == ["y"]
    everything = (await api.get("/calls?open=false", "operator")).json()["items"]
    assert {each["supplied_id"]: each["open"] for each in everything} == {"past": False, "today": True, "shut": False}


async def test_markup_and_hidden_characters_do_not_get_in(matching: Matching, api: Api) -> None:
    rows = [call("x", "<b>Pumps</b>\u202e &amp; valves", description="<script>alert(1)</script>Old <i>houses</i>\x00")]
    await load(matching, rows)
    (item,) = (await api.get("/calls", "operator")).json()["items"]
    assert (item["title"], item["text"]) == ("Pumps & valves", "Old houses")


async def test_gibberish_is_taken_and_fits_nobody(matching: Matching, api: Api) -> None:
    await load(matching, [call("gibberish", "qwrt zxcv 💥 ggg"), call("pumps", PUMPS)])
    await matching.hear(organisation("Warm", "DE", offers=[PUMPS]))
    await matching.read()
    answer = await api.get(f"/organisations/{await _id(matching)}/calls", "operator")
    assert [each["title"] for each in answer.json()["items"]] == [PUMPS]


async def _id(matching: Matching) -> str:
    async with matching.context.database.session() as session:
        return str(await session.scalar(sa.text("SELECT id FROM organisation")))


async def test_the_same_file_again_changes_nothing(matching: Matching) -> None:
    rows = [call("a", PUMPS, budget_min="1.10", budget_max=3, currency="EUR"), call("b", "Other")]
    assert (await load(matching, rows)).counts()["created"] == 2
    await matching.settle()
    again = await load(matching, rows)
    assert (again.unchanged, again.created, again.updated) == (2, 0, 0)
    assert await matching.read() == 0


async def test_a_changed_row_is_updated_and_only_a_changed_text_is_read_again(matching: Matching) -> None:
    await load(matching, [call("a", PUMPS), call("b", "Other")])
    await matching.read()
    report = await load(matching, [call("a", PUMPS, "2027-09-09"), call("b", "Another")])
    assert report.updated == 2
    assert await matching.read() == 1
    assert matching.models[Space.ENGLISH].read.count(PUMPS) == 1
    async with matching.context.database.session() as session:
        assert await session.scalar(sa.text("SELECT count(DISTINCT text_hash) FROM text_vector")) == 2


async def test_the_whole_seed_is_good_and_the_same_file_again_changes_nothing(matching: Matching) -> None:
    rows = SEED.read_text(encoding="utf-8").splitlines()
    report = await load(matching, rows)
    assert (report.created, report.errors, report.ignored_fields) == (len(rows), [], set())
    assert (await load(matching, rows)).unchanged == len(rows)


def test_a_file_that_is_not_utf8_is_refused_as_a_whole() -> None:
    parser = CallFileParser()
    assert list(parser.feed(json.dumps(call("a", "b")).encode("utf-16") + b"\n\x00")) == []
    assert parser.broken
    assert parser.broken.rule == "encoding"


def test_a_file_that_does_not_end_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.matching.calls.parsing.MAX_FILE_BYTES", 2_000)
    parser = CallFileParser()
    line = json.dumps(call("a", "b")).encode() + b"\n"
    rows = [row for _ in range(100) for row in parser.feed(line)]
    assert parser.broken
    assert parser.broken.rule == "file-too-large"
    assert len(rows) == 2_000 // len(line)


async def test_only_an_operator_imports_and_the_report_is_the_answer(matching: Matching, token: Any) -> None:
    app = service.http_app(matching.context)
    content = "\n".join((json.dumps(call("a", PUMPS, extra=1)), "{"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://matching") as client:
        for role, status in (("hub_manager", 403), ("operator", 200)):
            headers = {"Authorization": f"Bearer {token(role)}"}
            answer = await client.post("/calls/imports", content=content, headers=headers)
            assert answer.status_code == status
    report = answer.json()
    assert (report["accepted"], report["rejected"], report["ignored_fields"]) == (1, 1, ["extra"])
    assert report["errors"][0]["row"] == 2


async def test_calls_are_found_by_words_and_read_page_by_page(matching: Matching, api: Api) -> None:
    await load(
        matching,
        [call(f"id-{number}", f"Heat pumps {number}", f"2027-0{1 + number % 3}-01") for number in range(5)]
        + [call("other", "Cheese")],
    )
    titles: list[str] = []
    cursor = ""
    while True:
        page = (await api.get(f"/calls?q=pumps+heat&limit=2&cursor={cursor}", "sme_contact")).json()
        titles += [f"{each['deadline']} {each['title']}" for each in page["items"]]
        if not (cursor := page["next_cursor"]):
            break
    assert len(titles) == len(set(titles)) == 5
    assert [each[:10] for each in titles] == sorted(each[:10] for each in titles)
    for words, number in (
        ("ID-3", 1),
        ("pumping heats", 5),
        ('"pumps heat"', 0),
        ("%", 0),
        ("'", 0),
        ("cheese -pumps", 1),
        ("", 6),
    ):
        assert len((await api.get("/calls", "operator", params={"q": words})).json()["items"]) == number, words


async def test_open_calls_are_found_by_what_they_mean_the_closest_first(matching: Matching, api: Api) -> None:
    await load(
        matching,
        [
            call("ab-12", "Cheese"),
            call("exact", PUMPS, "2027-09-01"),
            call("near", "quiet heat pumps for schools"),
            call("past", PUMPS, "2026-01-01"),
        ],
    )
    await matching.read()

    async def found(words: str) -> list[tuple[str, float | None]]:
        page = (await api.get("/calls", "sme_contact", params={"q": words})).json()
        return [(each["title"], each["similarity"]) for each in page["items"]]

    asked = f"{PUMPS} everywhere"
    (first, closeness), (second, less) = await found(asked)
    assert (first, second) == (PUMPS, "quiet heat pumps for schools")
    assert closeness is not None
    assert less is not None
    assert 1 > closeness > less >= 0.25
    assert await found(f'"{asked}"') == [], "in quotes words are looked for as they are"
    assert [title for title, _ in await found("quiet -town")] == ["quiet heat pumps for schools"]
    assert (await found("AB-12"))[0][0] == "Cheese", "a part of an id finds its call before all"
    page = (await api.get("/calls", "sme_contact", params={"q": asked, "limit": "1"})).json()
    following = {"q": asked, "limit": "1", "cursor": page["next_cursor"]}
    (last,) = (await api.get("/calls", "sme_contact", params=following)).json()["items"]
    assert (last["title"], last["similarity"]) == (second, less)
    assert (await api.get("/calls", "operator", params={"q": asked, "cursor": "x"})).status_code == 422


async def test_without_models_calls_are_found_by_their_words(
    matching: Matching, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await load(matching, [call("one", PUMPS), call("other", "Cheese")])
    await matching.read()

    async def missing() -> None:
        raise ModelMissingError("no model is there")

    monkeypatch.setattr(matching.engine, "encoder", missing)
    (item,) = (await api.get("/calls", "operator", params={"q": "quiet pumps"})).json()["items"]
    assert (item["title"], item["similarity"]) == (PUMPS, None)


async def test_a_page_that_follows_is_of_the_kind_of_the_first(
    matching: Matching, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models may go or come while somebody turns pages."""
    await load(matching, [call("one", PUMPS), call("two", f"{PUMPS} again", "2027-05-01")])
    await matching.read()

    async def missing() -> None:
        raise ModelMissingError("no model is there")

    async def asked(cursor: str = "") -> Any:
        return await api.get("/calls", "operator", params={"q": PUMPS, "limit": "1", "cursor": cursor})

    by_meaning = (await asked()).json()["next_cursor"]
    with monkeypatch.context() as then:
        then.setattr(matching.engine, "encoder", missing)
        by_words = (await asked()).json()["next_cursor"]
        gone = await asked(by_meaning)
        assert (gone.status_code, gone.json()["rule"]) == (503, "models-unavailable")
    (item,) = (await asked(by_words)).json()["items"]
    assert (item["title"], item["similarity"]) == (f"{PUMPS} again", None)
    (item,) = (await asked(by_meaning)).json()["items"]
    assert (item["title"], item["similarity"] is None) == (f"{PUMPS} again", False)


async def test_one_call_is_shown_with_its_money_and_an_unknown_one_is_not_found(matching: Matching, api: Api) -> None:
    await load(matching, [call("a", PUMPS, budget_min="1000000.50", currency="EUR", url="https://x.example.org/")])
    (item,) = (await api.get("/calls", "operator")).json()["items"]
    shown = (await api.get(f"/calls/{item['call_id']}", "sme_contact")).json()
    assert shown["budget_min"] == {"amount": "1000000.50", "currency": "EUR"}
    assert shown["open"] is True
    assert shown["deadline"] == "2027-03-01"
    assert (await api.get(f"/calls/{await _nobody()}", "operator")).status_code == 404


async def _nobody() -> str:
    from shared.ids import new_id

    return str(new_id())


async def test_an_organisations_calls_come_best_first_with_what_met(matching: Matching, api: Api) -> None:
    near = f"{PUMPS} and schools"
    await load(
        matching, [call("near", near), call("exact", PUMPS), call("far", "Cheese"), call("past", PUMPS, "2026-01-01")]
    )
    await matching.hear(organisation("Warm", "DE", offers=[PUMPS], needs=["Cranes"]))
    await matching.read()
    found = (await api.get(f"/organisations/{await _id(matching)}/calls", "operator")).json()["items"]
    assert [each["title"] for each in found] == [PUMPS, near]
    assert found[0]["similarity"] == pytest.approx(1.0)
    assert {each["statement"] for each in found} == {PUMPS}
    assert today() == TODAY
