"""Candidate search: exact, symmetric in roles, filters without loss, independent of company."""

from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.encoder.fusion import Fused, load_fusion
from services.matching.encoder.spaces import ground_of, spaces_of
from services.matching.meetings import PER_STATEMENT, Meetings
from services.matching.parties import StatementFact
from services.matching.rows import widened
from services.matching.scoring import DECIMALS, Meeting
from services.matching.search import Indexed, Query, StatementIndex
from services.matching.store import StatementStore, index_of
from shared.contracts.profiles import StatementRole

COUNTRIES = ("DE", "FR", "PL")
CALIBRATIONS = load_fusion().calibrations


def entry(number: int, role: StatementRole, country: str, language: str, vector: np.ndarray) -> Indexed:
    """Return a statement whose organisation has the same number."""
    fact = StatementFact(UUID(int=number), UUID(int=number), role, language, f"statement {number}")
    return Indexed(fact, country, ground_of(language), fused(language, vector))


def fused(language: str, vector: np.ndarray) -> Fused:
    """Return a fused vector that has the same direction (shape 384) in all spaces of a language."""
    fusion = load_fusion()
    made = np.zeros(fusion.dimensions, np.float32)
    for space in spaces_of(language):
        start, known = fusion.part(space).start, vector[: fusion.widths[space]]
        made[start : start + len(known)] = known / np.linalg.norm(known) * np.sqrt(fusion.weights[space])
    return made.astype(np.float16)


def all_meetings(index: StatementIndex, most: int = PER_STATEMENT) -> list[Meeting]:
    """Return the meetings of an index, all of it compared."""
    made = Meetings(0.5, most)
    made.update(index)
    return [each for _, met in made.between(index, made.everywhere(index)) for each in met]


def similarity(index: StatementIndex, one: Indexed, other: Indexed) -> float:
    """Return the exact similarity of two statements."""
    rows = {index.fact(row).id: row for row in index.live.tolist()}
    return index.similarity(rows[one.statement.id], rows[other.statement.id])


@st.composite
def worlds(draw: st.DrawFn) -> list[Indexed]:
    """Draw statements near a few directions, so that some meet and some don't."""
    chance = np.random.default_rng(draw(st.integers(0, 10_000)))
    directions = chance.normal(size=(4, 384))
    return [
        entry(
            number,
            draw(st.sampled_from(StatementRole)),
            draw(st.sampled_from(COUNTRIES)),
            draw(st.sampled_from(("en", "de"))),
            directions[draw(st.integers(0, 3))] + chance.normal(0, draw(st.sampled_from((0.3, 1.5))), 384),
        )
        for number in range(1, draw(st.integers(2, 25)))
    ]


@settings(max_examples=60, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_search_finds_what_comparing_every_pair_finds(entries, chance) -> None:
    index = index_of(entries, CALIBRATIONS)
    found = set(all_meetings(index))
    chance.shuffle(entries)
    assert found == set(all_meetings(index_of(entries, CALIBRATIONS)))
    expected = set()
    for need in entries:
        for offer in entries:
            roles = (need.statement.role, offer.statement.role)
            abroad = roles == (StatementRole.NEED, StatementRole.OFFER) and need.country != offer.country
            if abroad and similarity(index, need, offer) >= 0.5:
                expected.add((need.statement.id, offer.statement.id))
    assert {(each.need_id, each.offer_id) for each in found} == expected


@settings(max_examples=40, deadline=None)
@given(worlds(), st.sampled_from(COUNTRIES), st.sampled_from(StatementRole))
def test_filters_lose_nothing(entries, country, role) -> None:
    index = index_of(entries, CALIBRATIONS)
    query = Query(entries[0].vector, entries[0].ground)
    everything = index.search(query, 100)
    filtered = index.search(query, 100, role, country)
    assert filtered == [each for each in everything if each.country == country and each.statement.role == role]
    assert everything[0].similarity == max(each.similarity for each in everything)


def by_brute_force(entries: list[Indexed], query: Query, limit: int) -> list[tuple[UUID, float]]:
    """Compare one after the other: the closest statements with their similarities, ties by id."""
    found = []
    for each in entries:
        product = float((each.vector.astype(np.float64) * query.vector.astype(np.float64)).sum())
        value = round(float(CALIBRATIONS[each.ground & query.ground].similarity(product)), DECIMALS)
        found.append((each.statement.id, value))
    return sorted((each for each in found if each[1] > 0), key=lambda each: (-each[1], each[0]))[:limit]


def found_by(index: StatementIndex, query: Query, limit: int, *filters: object) -> list[tuple[UUID, float]]:
    return [(each.statement.id, each.similarity) for each in index.search(query, limit, *filters)]  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(worlds(), st.data())
def test_whatever_came_and_went_the_closest_are_those_of_brute_force(entries, data) -> None:
    """Some say the same as others; which of those are among the first few is settled by their ids."""
    same = [replace(each, vector=entries[0].vector, ground=entries[0].ground) for each in entries[::2]]
    entries = data.draw(st.permutations(entries[1::2] + same))
    store = StatementStore(CALIBRATIONS)
    store.put(entries)
    gone = data.draw(st.sets(st.sampled_from([each.statement.id for each in entries])))
    store.drop(gone)
    query = Query(fused("de", np.random.default_rng(1).normal(size=384)), ground_of("de"))
    query = data.draw(st.sampled_from([query, Query(entries[0].vector, entries[0].ground)]))
    role = data.draw(st.sampled_from([None, *StatementRole]))
    country = data.draw(st.sampled_from([None, *COUNTRIES, "MT"]))
    passing = [each for each in entries if each.statement.id not in gone]
    passing = [each for each in passing if role in (None, each.statement.role) and country in (None, each.country)]
    limit = data.draw(st.integers(1, 8))
    assert found_by(store.snapshot(), query, limit, role, country) == by_brute_force(passing, query, limit)


def equals() -> tuple[list[Indexed], Query]:
    """Return thirty statements that say the same, those with the smallest ids in no special place."""
    vector = np.random.default_rng(3).normal(size=384)
    numbers = np.random.default_rng(4).permutation(np.arange(1, 31)).tolist()
    made = [entry(each, StatementRole.NEED, "DE", "en", vector) for each in numbers]
    return made, Query(fused("en", vector), ground_of("en"))


def test_of_equals_those_with_the_smallest_ids_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    made, query = equals()
    index = index_of(made, CALIBRATIONS)
    assert found_by(index, query, 3) == by_brute_force(made, query, 3)

    def no_ties(calibrations: object, products: np.ndarray, ground: object, limit: int) -> np.ndarray:
        return np.argpartition(-products, limit)[:limit]

    monkeypatch.setattr("services.matching.search.perhaps_best", no_ties)  # negative control
    assert found_by(index, query, 3) != by_brute_force(made, query, 3)


def test_widening_changes_no_number() -> None:
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)].reshape(-1, 64)
    assert (widened(finite).view(np.uint32) == finite.astype(np.float32).view(np.uint32)).all()


def test_a_similarity_is_the_same_in_whatever_company() -> None:
    chance = np.random.default_rng(1)
    entries = [
        entry(
            number,
            StatementRole.NEED if number % 2 else StatementRole.OFFER,
            COUNTRIES[number % 3],
            "de",
            chance.normal(size=384),
        )
        for number in range(1, 200)
    ]
    alone = index_of(entries[:2], CALIBRATIONS)
    among = index_of(entries, CALIBRATIONS)
    assert similarity(alone, *entries[:2]) == similarity(among, *entries[:2])


def test_an_empty_index_finds_nothing() -> None:
    index = index_of([], CALIBRATIONS)
    assert all_meetings(index) == []
    assert index.search(Query(fused("en", np.ones(384)), ground_of("en")), 5) == []
