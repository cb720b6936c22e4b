"""Every route × role × foreign organisation is refused as it should be, and no route is forgotten."""

from collections.abc import AsyncIterator, Callable

import pytest

from deploy.local.keys import Keys
from shared.context import Context
from tests.security.checking import World, violations
from tests.security.routes import routes_of
from tests.security.tables import OPEN, TABLES
from tests.security.worlds import FURNISH, application, world


@pytest.fixture
async def of(
    request: pytest.FixtureRequest, context: Callable[..., Context], keys: Keys, token: Callable[..., str]
) -> AsyncIterator[World]:
    """The furnished world of the service that the test names."""
    async with world(request.param, context(request.param), keys, token) as made:
        yield made


@pytest.mark.parametrize("of", FURNISH, indirect=True)
async def test_everybody_may_do_what_the_table_says_and_nothing_else(of: World) -> None:
    found = await violations(of, TABLES[of.name])
    assert not found, "\n".join(found)


@pytest.mark.parametrize("service", TABLES)
def test_no_route_is_missing_in_the_table(service: str, context: Callable[..., Context]) -> None:
    known = routes_of(application(service, context(service)))
    assert known - set(TABLES[service]) - OPEN == set(), "routes that no table names"
    assert set(TABLES[service]) - known == set(), "lines of routes that do not exist"
