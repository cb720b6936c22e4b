"""What happened to an organisation: every event is found, the newest ones too, however many there are."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from deploy.local import operating
from services.profiles.__main__ import service
from shared.context import Context
from shared.contracts.profiles import ORGANISATION_CHANGED
from shared.ids import new_id
from shared.messaging import publish
from tests.messaging.example import snapshot

EVENTS = 7


@pytest.fixture
def firm() -> UUID:
    return new_id()


@pytest.fixture
async def profiles(
    firm: UUID, context: Callable[..., Context], token: Callable[..., str]
) -> AsyncIterator[httpx.AsyncClient]:
    """The service as an operator calls it; seven events concern the firm, between those of others."""
    made = context("profiles")
    async with made.database.transaction() as session:
        for number in range(1, EVENTS + 1):
            await publish(session, ORGANISATION_CHANGED, snapshot(firm, number))
            await publish(session, ORGANISATION_CHANGED, snapshot(new_id(), 1))
    transport = httpx.ASGITransport(service.http_app(made))
    headers = {"Authorization": f"Bearer {token('operator')}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://profiles", headers=headers) as client:
        yield client


async def versions(client: httpx.AsyncClient, firm: UUID, **query: Any) -> list[str]:
    answer = await client.get("/operations/trace", params={"organisation_id": str(firm), **query})
    assert answer.status_code == 200, answer.text
    return [each["version"] for each in answer.json()]


async def test_a_trace_is_paged_by_sequence(profiles: httpx.AsyncClient, firm: UUID) -> None:
    found, after = [], 0
    for _ in range(EVENTS):
        query = {"organisation_id": str(firm), "limit": 3, "after": after}
        page = (await profiles.get("/operations/trace", params=query)).json()
        if not page:
            break
        found += [each["version"] for each in page]
        after = page[-1]["sequence"]
    assert found == [f"1.{number}" for number in range(1, EVENTS + 1)]


async def test_the_newest_events_are_shown_when_not_all_are(profiles: httpx.AsyncClient, firm: UUID) -> None:
    assert await versions(profiles, firm, limit=3, newest=True) == ["1.5", "1.6", "1.7"]
    assert await versions(profiles, firm, limit=3) == ["1.1", "1.2", "1.3"]


def test_the_command_line_asks_until_there_is_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        def call(self, name: str, _method: str, _path: str, params: dict[str, Any]) -> list[dict[str, Any]]:
            entries = [{"time": f"{n:02}", "service": name, "sequence": 10 * n} for n in range(1, EVENTS + 1)]
            return [each for each in entries if int(each["sequence"]) > params["after"]][: params["limit"]]

    monkeypatch.setattr(operating, "TRACE_PAGE", 3)
    monkeypatch.setattr(operating, "SERVICES", ("profiles", "matching"))
    found = operating.trace(Client(), "x")  # type: ignore[arg-type]
    assert [each["time"] for each in found] == sorted(2 * [f"{n:02}" for n in range(1, EVENTS + 1)])


async def test_more_dead_letters_than_a_page_shows_are_not_named_at_once(profiles: httpx.AsyncClient) -> None:
    body = {"ids": [str(new_id())] * 1001, "dry_run": True}
    assert (await profiles.post("/operations/dead-letters/redrive", json=body)).status_code == 422
