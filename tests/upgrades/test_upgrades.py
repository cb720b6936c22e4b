"""A site of the first release is upgraded: no row is lost, and the service works on with what there was."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from deploy.local.postgres import Postgres
from shared.context import Context
from shared.contracts.topics import SERVICES
from tests.upgrades.older import Older, older, revisions, rows_of
from tests.upgrades.sites import SITES, Site, without


@pytest.fixture(params=sorted(SITES))
def service(request: pytest.FixtureRequest) -> str:
    """Each service of which a site can be older than the code."""
    return str(request.param)


@pytest.fixture
def site(service: str, token: Callable[..., str]) -> Iterator[Site]:
    """What happens at it before and after."""
    made = SITES[service](token)
    yield made
    made.close()


@pytest.fixture
async def first_release(service: str, site: Site, context: Callable[..., Context], postgres: Postgres) -> Older:
    """The site's database as the first release has left it."""
    today = context(service, **site.settings)
    await site.live(today)
    made = await older(postgres, service)
    await made.take(str(today.settings.database_url.get_secret_value()), without=site.lost)
    await site.as_it_was(made)
    return made


def test_every_service_with_more_than_one_revision_is_upgraded_here() -> None:
    assert SITES.keys() == {each for each in SERVICES if len(revisions(each)) > 1}


async def test_after_the_upgrade_all_rows_are_there_and_the_service_works_on(
    service: str, site: Site, first_release: Older, context: Callable[..., Context]
) -> None:
    before = without(await rows_of(first_release.admin), site.lost)
    assert sum(map(len, before.values())) > 10
    await first_release.upgrade()
    assert missing(before, without(await rows_of(first_release.admin), site.lost)) == {}
    await site.go_on(context(service, database_url=first_release.url, **site.settings))


async def test_without_the_upgrade_the_service_would_not_work(
    service: str, site: Site, first_release: Older, context: Callable[..., Context]
) -> None:
    """Negative control: what works after an upgrade does so because of it."""
    with pytest.raises((DBAPIError, AssertionError)):
        await site.go_on(context(service, database_url=first_release.url, **site.settings))


def test_a_row_that_a_revision_lost_or_changed_would_be_seen() -> None:
    """Negative control."""
    before = {"organisation": [{"id": 1, "name": "Akku"}, {"id": 2, "name": "Pile"}]}
    more = {"organisation": [{"id": 1, "name": "Akku", "new": None}, {"id": 2, "name": "Pile", "new": None}]}
    assert missing(before, more) == {}
    assert missing(before, {"organisation": more["organisation"][:1]}) == {"organisation": [before["organisation"][1]]}
    more["organisation"][0]["name"] = "Other"
    assert missing(before, more) == {"organisation": [before["organisation"][0]]}
    assert missing(before, {}) == before


def missing(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the rows that are not there any more as they were; columns may have been added."""
    gone = {
        table: [row for row in rows if not any(row.items() <= each.items() for each in after.get(table, ()))]
        for table, rows in before.items()
    }
    return {table: rows for table, rows in gone.items() if rows}
