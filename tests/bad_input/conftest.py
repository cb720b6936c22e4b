"""A furnished world of one service for bad input."""

from collections.abc import AsyncIterator, Callable

import pytest

from deploy.local.keys import Keys
from shared.context import Context
from tests.console.conftest import console, public_base_url
from tests.security.checking import World
from tests.security.worlds import world

__all__ = ["console", "of", "public_base_url"]


@pytest.fixture
async def of(
    request: pytest.FixtureRequest, context: Callable[..., Context], keys: Keys, token: Callable[..., str]
) -> AsyncIterator[World]:
    """The furnished world of the service that the test names."""
    async with world(request.param, context(request.param), keys, token) as made:
        yield made
