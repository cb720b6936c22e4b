"""Uploading a file of organisations: who may, what profiles is handed, and the report row by row."""

from typing import Any

import pytest

from shared.ids import new_id
from tests.console.conftest import Console

ERROR = {"row": 3, "field": "country", "rule": "unknown-country", "message": "This is no ISO 3166-1 country code."}
REPORT: dict[str, Any] = {
    "id": str(new_id()), "source": "List of members", "format": "csv", "accepted": 2, "created": 1, "updated": 1,
    "unchanged": 0, "rejected": 1, "errors": [ERROR], "errors_omitted": 4, "ignored_fields": ["colour<b>"],
    "started_at": "2026-11-02T08:00:00Z", "finished_at": None,
}  # fmt: skip
TABLE = b"kind,name,country\nsme,A,AT\nsme,\xc3\x89,XX\n"


@pytest.mark.parametrize(
    ("name", "chosen", "told"),
    [
        ("members.csv", "by-name", "csv"),
        ("m.jsonl", "by-name", "jsonl"),
        ("members", "csv", "csv"),
        ("a.csv", "jsonl", "jsonl"),
    ],
)
async def test_a_hub_uploads_a_file_and_reads_what_became_of_each_row(
    console: Console, name: str, chosen: str, told: str
) -> None:
    console.sisters.on("profiles", "POST", "/imports", REPORT)
    async with console.browser() as browser:
        await console.sign_in(browser, console.person(("hub_manager", new_id())))
        form = {"format": chosen, "source": " List of members "}
        shown = await browser.post("/imports", data=form, files={"file": (name, TABLE)})
    assert shown.status_code == 200, shown.text
    for words in (
        "2 taken, 1 refused",
        "Row 3",
        "This is no ISO 3166-1 country code.",
        "And 4 more.",
        "colour&lt;b&gt;",
    ):
        assert words in shown.text
    call = console.sisters.asked("profiles", "POST")[-1]
    assert (call.path, call.query) == ("/imports", {"format": told, "source": "List of members"})
    assert call.body == TABLE.decode()


async def test_without_a_file_nothing_is_asked_and_the_form_says_so(console: Console) -> None:
    async with console.browser() as browser:
        await console.sign_in(browser, console.person(("operator", None)))
        console.sisters.calls.clear()
        for files in (None, {"file": ("empty.csv", b"")}):
            answer = await browser.post("/imports", data={"source": "Kept"}, files=files)
            assert answer.status_code == 400
            assert "Choose a file that is not empty." in answer.text
            assert 'value="Kept"' in answer.text
    assert not [call for call in console.sisters.asked("profiles") if call.path == "/imports"]


async def test_a_file_that_is_too_large_is_refused_in_words(console: Console) -> None:
    async with console.browser() as browser:
        await console.sign_in(browser, console.person(("operator", None)))
        refused = await browser.post("/imports", files={"file": ("large.csv", b"x" * 10_000_001)})
    assert refused.status_code == 413
    assert "larger than 10 MB" in refused.text


async def test_others_get_no_page_and_no_button(console: Console) -> None:
    for role in ("sme_contact", "voucher_administrator", "auditor"):
        async with console.browser() as browser:
            await console.sign_in(browser, console.person((role, new_id())))
            assert (await browser.get("/imports")).status_code == 403
            assert (await browser.post("/imports", files={"file": ("a.csv", TABLE)})).status_code == 403
    assert not [call for call in console.sisters.asked("profiles") if call.path == "/imports"]
