"""Imports into the database: idempotent, scoped, and one failing row never loses its neighbours."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from services.profiles import import_batch, imports
from services.profiles.repository import organisations as repository
from shared.context import Context
from shared.ids import new_id
from tests.profiles.conftest import Api


def a_row(key: str, **said: Any) -> dict[str, Any]:
    return {"supplied_id": key, "kind": "sme", "name": f"Firm {key}", "country": "AT", **said}


def a_contact(email: str = "eva@x.example.org", **said: Any) -> dict[str, Any]:
    return {"name": "Eva", "email": email, **said}


def a_consent(given: bool, at: str) -> dict[str, Any]:
    return {"given": given, "at": at, "wording": "Yes please", "source": "fair"}


def jsonl(*rows: dict[str, Any]) -> str:
    return "\n".join(json.dumps(each) for each in rows)


def rules(report: dict[str, Any]) -> list[tuple[int, str]]:
    return [(each["row"], each["rule"]) for each in report["errors"]]


async def found(by: Api, name: str) -> dict[str, Any]:
    items = (await by.get("/organisations", params={"q": name})).json()["items"]
    return dict((await by.get(f"/organisations/{items[0]['id']}")).json())


async def test_good_rows_are_kept_and_bad_ones_named(operator: Api) -> None:
    report = await operator.load(jsonl(a_row("a"), a_row("b", country="XX"), a_row("c")))
    assert (report["accepted"], report["created"], report["rejected"]) == (2, 2, 1)
    assert rules(report) == [(2, "unknown-country")]
    assert (await operator.get(f"/imports/{report['id']}")).json() == report


async def test_the_same_file_again_is_unchanged_and_makes_no_event(operator: Api, events: Callable[[], Any]) -> None:
    rows = [
        a_row("c", kind="cluster", contacts=[a_contact("hub@c.example.org", role="hub_manager")]),
        a_row(
            "a",
            member_of=["c"],
            offers=[{"text": "Pumps", "language": "en"}],
            contacts=[a_contact(consent=a_consent(True, "2026-01-01T00:00:00Z"))],
        ),
        a_row("b", contacts=[a_contact(name="Somebody else", supplied_id="p-1")]),
    ]
    assert (await operator.load(jsonl(*rows)))["created"] == 3
    before = len(await events())
    assert (await operator.load(jsonl(*rows)))["unchanged"] == 3
    assert len(await events()) == before == 3 + 2


async def test_an_import_changes_only_the_fields_it_names(operator: Api) -> None:
    await operator.load(jsonl(a_row("a", city="Graz", offers=[{"text": "Pumps", "language": "en"}])))
    before = await found(operator, "Firm a")
    report = await operator.load(jsonl(a_row("a", needs=[{"text": "Steel", "language": "en"}])))
    assert report["updated"] == 1
    after = await found(operator, "Firm a")
    assert (after["city"], [s["text"] for s in after["statements"]]) == ("Graz", ["Pumps", "Steel"])
    assert after["statements"][0]["id"] == before["statements"][0]["id"]


async def test_an_import_adds_no_more_to_what_is_stored_than_can_be_told(operator: Api) -> None:
    texts = [{"text": f"{number:03}" + "x" * 4900, "language": "en"} for number in range(25)]
    assert (await operator.load(jsonl(a_row("a", offers=texts))))["created"] == 1
    assert rules(await operator.load(jsonl(a_row("a", needs=texts)))) == [(1, "too-long")]


async def test_national_and_supplied_id_find_the_same_organisation(operator: Api) -> None:
    await operator.load(jsonl(a_row("a", national_id="AT:1"), a_row("b")))
    report = await operator.load(
        jsonl(
            {"national_id": "AT:1", "kind": "sme", "name": "Renamed", "country": "AT"},
            a_row("b", national_id="AT:1"),
        )
    )
    assert report["updated"] == 1
    assert rules(report) == [(2, "ids-disagree")]


async def test_an_organisation_named_twice_in_a_file_is_taken_once(operator: Api) -> None:
    report = await operator.load(jsonl(a_row("a"), a_row("a", name="Second"), a_row("b")))
    assert (report["created"], rules(report)) == (2, [(2, "duplicate-in-file")])
    report = await operator.load(jsonl(a_row("a", country="XX"), a_row("a", name="Good")))
    assert (report["updated"], rules(report)) == (1, [(1, "unknown-country")])


async def test_a_member_may_stand_before_its_cluster(operator: Api) -> None:
    cluster = a_row("c", kind="cluster", member_of=["cc"])
    report = await operator.load(jsonl(a_row("a", member_of=["c"]), cluster, a_row("cc", kind="cluster")))
    assert (report["created"], report["errors"]) == (3, [])
    assert len((await found(operator, "Firm a"))["clusters"]) == 1


async def test_an_unknown_cluster_costs_its_row_only(operator: Api) -> None:
    report = await operator.load(jsonl(a_row("a", member_of=["nobody"]), a_row("b"), a_row("d", member_of=["b"])))
    assert (report["created"], rules(report)) == (1, [(1, "unknown-cluster"), (3, "not-a-cluster")])


async def test_a_row_that_the_database_refuses_never_loses_its_neighbours(
    operator: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = repository.save

    async def save_but_not_bad(session: Any, changes: Any) -> None:
        if any(new.name == "Firm bad" for _, new in changes):
            await session.execute(sa.text("SELECT 1/0"))
        await save(session, changes)

    monkeypatch.setattr(repository, "save", save_but_not_bad)
    report = await operator.load(jsonl(a_row("a"), a_row("bad"), a_row("b")))
    assert (report["created"], rules(report)) == (2, [(2, "conflict")])


async def test_control_without_the_retry_row_by_row_neighbours_are_lost(
    operator: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = repository.save

    async def save_but_not_bad(session: Any, changes: Any) -> None:
        if any(new.name == "Firm bad" for _, new in changes):
            await session.execute(sa.text("SELECT 1/0"))
        await save(session, changes)

    async def whole_batch(self: Any, rows: list[Any], last: bool) -> list[Any]:
        try:
            return await transact(self, rows, last)
        except imports.DBAPIError:
            return [import_batch.RowError(each.row, "row", "conflict", "") for each in rows]

    transact = imports.Importer._transact
    monkeypatch.setattr(repository, "save", save_but_not_bad)
    monkeypatch.setattr(imports.Importer, "_transact", whole_batch)
    assert (await operator.load(jsonl(a_row("a"), a_row("bad"), a_row("b"))))["created"] == 0


async def test_people_are_known_by_their_address_whatever_its_case(operator: Api) -> None:
    await operator.load(
        jsonl(
            a_row("a", contacts=[a_contact("Eva@X.example.org")]),
            a_row("b", contacts=[a_contact("eva@x.EXAMPLE.org", name="Other name")]),
        )
    )
    [first] = (await found(operator, "Firm a"))["contacts"]
    [second] = (await found(operator, "Firm b"))["contacts"]
    assert first["person_id"] == second["person_id"]
    assert (first["name"], first["language"]) == ("Eva", "de")
    person = (await operator.get(f"/people/{first['person_id']}")).json()
    assert (len(person["roles"]), person["time_zone"]) == (2, "Europe/Vienna")


async def test_a_person_with_an_id_may_get_a_new_address(operator: Api) -> None:
    await operator.load(jsonl(a_row("a", contacts=[a_contact("old@x.example.org", supplied_id="p-1")])))
    report = await operator.load(jsonl(a_row("a", contacts=[a_contact("new@x.example.org", supplied_id="p-1")])))
    assert report["updated"] == 1
    assert [c["email"] for c in (await found(operator, "Firm a"))["contacts"]] == ["new@x.example.org"]
    await operator.load(jsonl(a_row("a", contacts=[a_contact("other@x.example.org")])))
    clash = await operator.load(jsonl(a_row("a", contacts=[a_contact("other@x.example.org", supplied_id="p-1")])))
    assert rules(clash) == [(1, "ids-disagree")]


async def test_an_old_yes_in_a_file_never_overrides_a_later_no(operator: Api, api: Callable[..., Api]) -> None:
    file = jsonl(a_row("a", contacts=[a_contact(consent=a_consent(True, "2026-01-01T00:00:00Z"))]))
    await operator.load(file)
    [contact] = (await found(operator, "Firm a"))["contacts"]
    path = f"/people/{contact['person_id']}"
    herself = api("sme_contact", new_id(), person_id=UUID(contact["person_id"]))
    no = {"consent": a_consent(False, "2026-02-01T00:00:00Z")}
    assert (await herself.put(path, json=no)).json()["consents"][0]["given"] is False
    assert (await operator.load(file))["unchanged"] == 1
    assert (await herself.get(path)).json()["consents"][0]["given"] is False


async def test_the_language_she_chose_survives_the_next_import(operator: Api, api: Callable[..., Api]) -> None:
    file = jsonl(a_row("a", contacts=[a_contact(language="de", name="Eva")]))
    await operator.load(file)
    [contact] = (await found(operator, "Firm a"))["contacts"]
    herself = api(person_id=UUID(contact["person_id"]))
    await herself.put(f"/people/{contact['person_id']}", json={"language": "fr"})
    assert (await operator.load(file))["unchanged"] == 1
    assert (await operator.load(file.replace("Eva", "Eva Maria")))["updated"] == 1
    card = (await herself.get(f"/people/{contact['person_id']}")).json()
    assert (card["language"], card["name"]) == ("fr", "Eva Maria")


async def test_withdrawn_organisations_stay_as_they_are(operator: Api) -> None:
    await operator.load(jsonl(a_row("a")))
    organisation = await found(operator, "Firm a")
    await operator.post(f"/organisations/{organisation['id']}/withdraw")
    assert rules(await operator.load(jsonl(a_row("a", name="Again")))) == [(1, "withdrawn")]


ODD_FILES = [
    (b"", "jsonl"),
    (b"", "csv"),
    (b"\0\0\0\0", "csv"),
    (b"\xff\xfe{\0}\0", "jsonl"),
    (b"x" * 3_000_000, "jsonl"),
    (b"\n\n\r\n", "jsonl"),
    ('{"supplied_id":"a","kind":"sme","name":"' + "é" * 300 + '","country":"AT"}', "jsonl"),
    (b"kind,name,country,supplied_id\nsme,\xff,AT,1\n", "csv"),
]


async def test_no_file_is_our_fault(operator: Api) -> None:
    for content, file_format in ODD_FILES:
        report = await operator.load(content, file_format)
        assert report["finished_at"], content[:20]


async def test_a_file_over_50_megabytes_is_refused_before_it_is_read(operator: Api) -> None:
    operator.headers["Content-Length"] = str(51 * 1024 * 1024)
    response = await operator.post("/imports", content=b"")
    assert response.status_code == 413
    assert response.json()["rule"] in ("file-too-large", "too-large")


async def test_no_personal_data_reach_the_journal_or_the_log(
    operator: Api, profiles: Context, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    rows = [a_row("a", contacts=[a_contact("very.private@x.example.org", name="Eva Geheim")]), a_row("a")]
    await operator.load(jsonl(*rows, a_row("b", contacts=[a_contact("private@broken", name="Eva Geheim\n")])))
    printed = capsys.readouterr()
    said = caplog.text + printed.out + printed.err
    async with profiles.database.session() as session:
        for table in ("journal", "audit_entry", "import_run"):
            said += str((await session.execute(sa.text(f"SELECT t::text FROM {table} t"))).all())
    assert "imported" in said
    assert not any(word in said for word in ("private", "Geheim"))
