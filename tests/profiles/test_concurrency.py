"""Several at once: no update is lost, no import is doubled, nothing deadlocks."""

import asyncio
from collections.abc import Callable
from typing import Any

from services.profiles.repository import organisations as repository
from tests.profiles.conftest import Api, an_sme
from tests.profiles.test_imports import a_contact, a_row, jsonl


async def test_of_many_changes_of_one_version_exactly_one_is_taken(operator: Api, events: Callable[[], Any]) -> None:
    made = (await operator.post("/organisations", json=an_sme())).json()
    path = f"/organisations/{made['id']}"
    changes = [operator.put(path, version="1.1", json=an_sme(name=f"Name {n}")) for n in range(8)]
    statuses = sorted(response.status_code for response in await asyncio.gather(*changes))
    assert statuses == [200] + [412] * 7
    assert [each["n"] for each in await events()] == [1, 2]


async def test_control_without_the_lock_two_changes_claim_the_same_version(
    operator: Api, events: Callable[[], Any], monkeypatch: Any
) -> None:
    load = repository.load

    async def unlocked(session: Any, ids: Any, *, lock: bool = False) -> Any:
        return await load(session, ids)

    made = (await operator.post("/organisations", json=an_sme())).json()
    monkeypatch.setattr(repository, "load", unlocked)
    path = f"/organisations/{made['id']}"
    changes = [operator.put(path, version="1.1", json=an_sme(name=f"Name {n}")) for n in range(8)]
    statuses = sorted(response.status_code for response in await asyncio.gather(*changes))
    assert statuses != [200] + [412] * 7


async def test_the_same_file_imported_twice_at_once_makes_everything_once(
    operator: Api, events: Callable[[], Any]
) -> None:
    rows = [a_row("c", kind="cluster")]
    rows += [a_row(f"{n}", member_of=["c"], contacts=[a_contact(f"p{n}@x.example.org")]) for n in range(250)]
    backwards = [rows[0], *reversed(rows[1:])]
    reports = await asyncio.gather(*(operator.load(jsonl(*each)) for each in (rows, backwards, rows)))
    assert [each["errors"] for each in reports] == [[], [], []]
    assert sum(each["created"] for each in reports) == 251
    assert sum(each["unchanged"] for each in reports) == 2 * 251
    assert len(await events()) == 251 + 250


async def test_erasing_and_importing_at_once_never_deadlock(operator: Api) -> None:
    rows = [a_row("c", kind="cluster")]
    rows += [a_row(f"{n}", member_of=["c"], contacts=[a_contact(f"p{n % 5}@x.example.org")]) for n in range(60)]
    await operator.load(jsonl(*rows))
    listed = (await operator.get("/organisations?kind=sme&limit=20")).json()["items"]
    people = (await operator.get(f"/organisations/{listed[0]['id']}")).json()["contacts"]
    erasures = [operator.delete(f"/organisations/{each['id']}") for each in listed[:10]]
    erasures += [operator.delete(f"/people/{each['person_id']}") for each in people]
    edited = [
        operator.put(f"/organisations/{each['id']}", version=each["version"], json=an_sme()) for each in listed[10:]
    ]
    [report, *answers] = await asyncio.gather(operator.load(jsonl(*rows)), *erasures, *edited)
    assert report["errors"] == []
    assert {each.status_code for each in answers} <= {200, 204, 412}
