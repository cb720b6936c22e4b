"""The profiles service on a real database, called as its people and sister services call it."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from services.profiles.__main__ import service
from shared.context import Context
from shared.messaging.tables import journal

Token = Callable[..., str]


class Api:
    """The service's HTTP side, called in process with one token."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def call(self, method: str, path: str, version: str | None = None, **extra: Any) -> httpx.Response:
        """Send a request; with ``version`` as If-Match."""
        headers = {**self.headers, **({"If-Match": f'"{version}"'} if version else {})}
        return await self.client.request(method, path, headers=headers, **extra)

    async def get(self, path: str, **extra: Any) -> httpx.Response:
        """GET."""
        return await self.call("GET", path, **extra)

    async def post(self, path: str, **extra: Any) -> httpx.Response:
        """POST."""
        return await self.call("POST", path, **extra)

    async def put(self, path: str, **extra: Any) -> httpx.Response:
        """PUT."""
        return await self.call("PUT", path, **extra)

    async def delete(self, path: str) -> httpx.Response:
        """DELETE."""
        return await self.call("DELETE", path)

    async def load(self, content: bytes | str, file_format: str = "jsonl", **params: str) -> dict[str, Any]:
        """Import a file and return the report."""
        data = content.encode() if isinstance(content, str) else content
        response = await self.post("/imports", content=data, params={"format": file_format, **params})
        assert response.status_code == 200, response.text
        return dict(response.json())


@pytest.fixture
async def profiles(context: Callable[..., Context]) -> Context:
    """The service's context on a fresh database."""
    return context("profiles")


@pytest.fixture
async def client(profiles: Context) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service; an exception inside it would fail the test."""
    app = service.http_app(profiles)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://profiles") as opened:
        yield opened


@pytest.fixture
def api(client: httpx.AsyncClient, token: Token) -> Callable[..., Api]:
    """Return a function that gives the API as called by somebody: ``api("hub_manager", cluster_id)``."""

    def of(role: str | None = None, organisation_id: UUID | str | None = None, **extra: Any) -> Api:
        identifier = UUID(str(organisation_id)) if organisation_id else None
        return Api(client, token(role, identifier, **extra))

    return of


@pytest.fixture
def operator(api: Callable[..., Api]) -> Api:
    """The API as an operator calls it."""
    return api("operator")


@pytest.fixture
def sister(client: httpx.AsyncClient, service_token: Callable[[str, str], str]) -> Callable[[str], Api]:
    """Return a function that gives the API as a sister service calls it."""
    return lambda name: Api(client, service_token(name, "profiles"))


@pytest.fixture
def events(profiles: Context) -> Callable[[], Any]:
    """Return a function that reads all journal rows, oldest first."""

    async def read() -> list[sa.RowMapping]:
        async with profiles.database.session() as session:
            return list((await session.execute(sa.select(journal).order_by(journal.c.seq))).mappings())

    return read


def an_sme(**said: Any) -> dict[str, Any]:
    """Return a body for POST and PUT."""
    return {
        "kind": "sme",
        "name": "Wasserkraft Müller",
        "country": "AT",
        "region": "AT221",
        "city": "Graz",
        "sectors": ["28.99"],
        "languages": ["de"],
        "tags": ["low-carbon"],
        "offers": [{"text": "Small turbines for rivers", "language": "en"}],
        "needs": [{"text": "Korrosionsschutz für Stahl", "language": "de"}],
        **said,
    }
