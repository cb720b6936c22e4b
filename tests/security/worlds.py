"""Makes the worlds: a service's application on a fresh database, with things of several organisations in it."""

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from deploy.local.keys import Keys
from shared.auth import Role, TokenIssuer
from shared.context import Context
from tests.security import world_matching, world_mobility, world_notifier, world_operations, world_profiles
from tests.security.checking import World

FURNISH: dict[str, Callable[[World], Awaitable[None]]] = {
    "profiles": world_profiles.furnish,
    "matching": world_matching.furnish,
    "mobility": world_mobility.furnish,
    "notifier": world_notifier.furnish,
}


def application(service: str, context: Context, role: str = "http") -> FastAPI:
    """Return the service's application on that context."""
    made: FastAPI = importlib.import_module(f"services.{service}.__main__").service.http_app(context, role=role)
    return made


@asynccontextmanager
async def world(service: str, context: Context, keys: Keys, person_token: Callable[..., str]) -> AsyncIterator[World]:
    """Open a furnished world of a service."""

    def service_token(caller: str, audience: str, roles: tuple[Role, ...] = ()) -> str:
        return TokenIssuer.from_file(caller, keys.private(caller)).service_token(audience, roles)

    transport = httpx.ASGITransport(application(service, context), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{service}") as client:
        made = World(service, context, client, person_token, service_token)
        await FURNISH[service](made)
        await world_operations.furnish(made)
        yield made
