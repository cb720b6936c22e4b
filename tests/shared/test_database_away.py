"""A request that can get no connection to the database is told so, and may be tried again: nothing was done."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from deploy.local.process import free_port
from shared import database
from tests.shared.test_every_service import client


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield int(server.getsockname()[1])


async def _answer(context: Callable[..., Any], token: Callable[..., str], place: str) -> Any:
    made = context("profiles", database_url=f"postgresql+asyncpg://somebody@{place}/profiles")
    async with client("profiles", made, raise_errors=False) as http:
        operator = {"Authorization": f"Bearer {token('operator')}"}
        return await http.get("/operations/status", headers=operator)


def _assert_told(answer: Any) -> None:
    assert answer.status_code == 503
    assert answer.json()["rule"] == "database-away"


async def test_a_refused_connection_is_a_503(context: Callable[..., Any], token: Callable[..., str]) -> None:
    _assert_told(await _answer(context, token, f"127.0.0.1:{free_port()}"))


async def test_a_host_without_an_address_is_a_503(context: Callable[..., Any], token: Callable[..., str]) -> None:
    _assert_told(await _answer(context, token, "database.invalid:5432"))


async def test_a_server_that_does_not_answer_is_a_503(
    context: Callable[..., Any], token: Callable[..., str], silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "CONNECT_SECONDS", 0.2)
    _assert_told(await _answer(context, token, f"127.0.0.1:{silent_port}"))
