"""Searching in memory and in the database is the same, whatever the filter; which of them it is, a setting says."""

from collections.abc import Callable

import numpy as np
import pytest
import sqlalchemy as sa

from services.matching.encoder.fusion import load_fusion
from services.matching.encoder.spaces import ground_of
from services.matching.engine import Engine
from services.matching.index_vectors import make_index
from services.matching.repository import searching
from services.matching.search import Found, Query
from services.matching.searching import CandidateSearch, DatabaseSearch, MemorySearch
from services.matching.world import World
from shared.contracts.profiles import StatementRole
from tests.benchmarks.synthetic import Synthetic, fill
from tests.matching.conftest import Api, Matching, organisation

MODEL = "synthetic"
FILTERS = [(None, None), (None, "MT"), (StatementRole.NEED, "DE"), (StatementRole.OFFER, None), (None, "XX")]
"""Everything, about 1 %, about 5 %, half, nothing."""


@pytest.fixture
async def filled(matching: Matching) -> Synthetic:
    """Five hundred organisations with two statements each."""
    made = Synthetic(500, seed=4)
    await fill(matching.context.database, made, MODEL)
    return made


def queries(made: Synthetic) -> list[Query]:
    """Return queries in English, German and Finnish."""
    return [
        Query(made.query(number, language), ground_of(language))
        for number, language in enumerate(("en", "de", "fi", "en"))
    ]


async def answers(matching: Matching, made: Synthetic, where: Callable[..., CandidateSearch]) -> list[list[Found]]:
    """Return what is found for all queries under all filters."""
    async with matching.context.database.session() as session:
        search = where(session)
        return [await search.search(query, 15, *each) for query in queries(made) for each in FILTERS]


async def in_memory(matching: Matching, made: Synthetic) -> list[list[Found]]:
    """Return what a search in memory finds."""
    world = World(MODEL, load_fusion().calibrations)
    async with matching.context.database.session() as session:
        await world.refresh(session)
    return await answers(matching, made, lambda session: MemorySearch(world.index))


async def in_database(matching: Matching, made: Synthetic) -> list[list[Found]]:
    """Return what a search in the database finds."""
    return await answers(matching, made, lambda session: DatabaseSearch(session, MODEL, load_fusion()))


async def test_memory_and_database_find_the_same(matching: Matching, filled: Synthetic) -> None:
    found = await in_memory(matching, filled)
    assert [bool(each) for each in found[:5]] == [True, True, True, True, False]
    assert await in_database(matching, filled) == found


async def test_taking_one_ground_for_another_would_find_something_else(
    matching: Matching, filled: Synthetic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the closest by their products, whatever these mean for a text's language."""
    from services.matching import searching as module

    languages = module._by_ground()
    monkeypatch.setattr(module, "_by_ground", lambda: languages)
    monkeypatch.setattr(module, "ground_of", lambda language: ground_of("en"))
    assert await in_database(matching, filled) != await in_memory(matching, filled)


async def test_a_broad_search_may_use_the_approximate_index(
    matching: Matching, filled: Synthetic, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.matching import searching as module

    monkeypatch.setattr(module, "BROAD", 50)
    used = []
    by_index = searching.closest_by_index

    async def noted(*arguments: object) -> object:
        used.append(arguments)
        return await by_index(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(searching, "closest_by_index", noted)
    exact = await in_database(matching, filled)
    assert not used
    async with matching.context.database.engine.connect() as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await plain.execute(sa.text(searching.index_statement(MODEL, load_fusion().dimensions)))
    near = await in_database(matching, filled)
    assert used
    same = [len({*one} & {*other}) for one, other in zip(exact, near, strict=True)]
    assert sum(same) >= 0.95 * sum(map(len, exact))
    narrow = [number for number in range(len(exact)) if FILTERS[number % 5][1] == "MT"]
    assert [exact[number] for number in narrow] == [near[number] for number in narrow]


async def test_the_index_is_made_by_a_command(matching: Matching) -> None:
    assert isinstance(matching.engine, Engine)
    await make_index(matching.engine.settings)
    async with matching.context.database.session() as session:
        assert await searching.has_index(session, matching.engine.settings.models.version)


@pytest.mark.parametrize("most", [0, 200_000], ids=["database", "memory"])
async def test_the_setting_says_where_a_request_is_searched(
    matching: Matching, api: Api, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    matching.engine.settings.search_in_process_up_to = most
    text = "recycling of lithium batteries"
    await matching.hear(organisation("Akku", "DE", needs=[text]), organisation("Pile", "FR", offers=["old ships"]))
    await matching.read()
    found = (await api.get(f"/statements/search?q={text}&language=en", "operator")).json()["items"]
    assert (found[0]["organisation_name"], found[0]["similarity"]) == ("Akku", 1.0)
    assert bool(matching.engine.world.known) == (most > 0)
    assert np.allclose([each["similarity"] for each in found[1:]], 0.0, atol=0.5)
