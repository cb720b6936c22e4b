"""The picture in memory follows the database: whatever order changes commit in, and only they are read."""

import gc
import weakref
from collections.abc import Callable
from contextlib import aclosing

import pytest
import sqlalchemy as sa

from services.matching.encoder.encoder import Encoder
from services.matching.encoder.fusion import load_fusion
from services.matching.engine import Engine
from services.matching.organisations import take_over
from services.matching.parties import Party
from services.matching.repository import loading, profiles
from services.matching.settings import Settings
from services.matching.world import Known, Said, World
from shared.context import Context
from shared.contracts.profiles import OrganisationKind, OrganisationSnapshot, OrganisationStatus
from tests.matching.conftest import Matching, identifier, organisation, word_models

NEED = "recycling of lithium batteries from electric cars"
OTHER = "sensors for greenhouses in the mountains"


async def look(matching: Matching, world: World) -> int:
    """Have a picture follow the database."""
    async with matching.context.database.session() as session:
        return await world.refresh(session)


def shown(world: World) -> tuple[object, ...]:
    """Return all that a picture shows."""
    index = world.index
    said = {(index.fact(row), index.organisation_of(row), index.columns.ground[row]) for row in index.live.tolist()}
    known = {each: (one.change, one.status, one.version, one.facts) for each, one in world.known.items()}
    return said, world.parties, known, world.complete


async def read_out_of_order(matching: Matching) -> bool:
    """Let a transaction that began first commit last; tell whether its organisation is seen then."""
    world = matching.engine.world
    await matching.hear(organisation("Third", "AT", needs=[NEED]))
    await look(matching, world)
    async with matching.context.database.session() as first, first.begin():
        await take_over(first, organisation("First", "DE", needs=[NEED]))
        await matching.hear(organisation("Second", "FR", offers=[NEED]))
        assert await look(matching, world) == 1
        assert identifier("Second") in world.known
        assert identifier("First") not in world.known
    await look(matching, world)
    return identifier("First") in world.known


async def test_what_began_first_and_commits_last_is_seen(matching: Matching) -> None:
    assert await read_out_of_order(matching)


async def test_looking_only_beyond_what_was_seen_would_miss_it(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: as if all transactions up to the newest one had ended."""

    async def newest(session: object) -> int:
        return int(await session.scalar(sa.text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")))  # type: ignore[attr-defined]

    monkeypatch.setattr(profiles, "oldest_open", newest)
    assert not await read_out_of_order(matching)


async def test_only_what_may_have_changed_is_looked_at(matching: Matching) -> None:
    await matching.hear(*(organisation(f"Firm {number}", "DE", needs=[NEED]) for number in range(10)))
    await matching.settle()
    await look(matching, matching.engine.world)
    async with matching.context.database.session() as session:
        horizon = await profiles.oldest_open(session)
        assert await profiles.changes_since(session, horizon) == {}
    await matching.hear(organisation("Firm 3", "FR", needs=[NEED], n=2))
    async with matching.context.database.session() as session:
        assert set(await profiles.changes_since(session, horizon)) == {identifier("Firm 3")}
        await session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        plan = "EXPLAIN SELECT id FROM organisation WHERE changed_in >= '9'::xid8"
        assert "ix_organisation_changed_in" in "".join((await session.scalars(sa.text(plan))).all())


CHANGES: tuple[OrganisationSnapshot, ...] = (
    organisation("Akku", "DE", needs=[NEED], offers=[OTHER]),
    organisation("Pile", "FR", offers=[NEED, OTHER]),
    organisation("Akku", "DE", needs=[NEED], n=2, sectors=("28.99",)),
    organisation("Pile", "BE", offers=[NEED, OTHER], n=2),
    organisation("Pila", "IT", offers=[NEED], needs=[OTHER], language="it"),
    organisation("Akku", "DE", needs=[NEED, OTHER], n=3, status=OrganisationStatus.WITHDRAWN),
    organisation("Akku", "DE", needs=[OTHER], n=4),
)


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_kept_picture_is_that_of_a_process_that_has_just_started(matching: Matching, moment: str) -> None:
    """Looked at before or only after the models have read what is new."""
    kept = matching.engine.world
    for change in CHANGES:
        await matching.hear(change)
        if moment == "before":
            await look(matching, kept)
        await matching.read()
        await look(matching, kept)
        anew = World(kept.model, load_fusion().calibrations)
        await look(matching, anew)
        assert shown(kept) == shown(anew)
    await matching.erase("Pile")
    await look(matching, kept)
    assert identifier("Pile") not in kept.parties
    assert NEED not in {kept.index.fact(row).text for row in kept.index.live.tolist() if _of(kept, row) == "Pile"}


def _of(world: World, row: int) -> str:
    return next((name for name in ("Akku", "Pile", "Pila") if identifier(name) == world.index.organisation_of(row)), "")


async def test_a_round_goes_on_with_the_picture_it_began_with(matching: Matching) -> None:
    await matching.hear(organisation("Akku", "DE", needs=[NEED]))
    await matching.read()
    world = matching.engine.world
    await look(matching, world)
    begun, parties, (row,) = world.index, world.parties, world.index.live.tolist()
    vector = begun.vectors(begun.live).copy()
    await matching.hear(organisation("Akku", "FR", needs=[OTHER], n=2), organisation("Pile", "IT", needs=[NEED]))
    await matching.read()
    await look(matching, world)
    assert (begun.fact(row).text, parties[identifier("Akku")].country) == (NEED, "DE")
    assert (begun.vectors(begun.live) == vector).all()
    assert begun.statement(begun.fact(row).id).text == NEED
    assert {world.index.fact(each).text for each in world.index.live.tolist()} == {NEED, OTHER}


async def test_a_load_that_breaks_off_is_done_again(matching: Matching, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.matching import world as module

    await matching.hear(organisation("Akku", "DE", needs=[NEED]), organisation("Pile", "FR", offers=[NEED]))
    await matching.read()
    world = matching.engine.world

    async def away(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(module.loading, "organisations", away)
        with pytest.raises(ConnectionError):
            await look(matching, world)
    assert not world.known
    await look(matching, world)
    assert len(world.index) == 2


async def test_who_stops_reading_vectors_can_go_on_with_the_session(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next ones are asked for before these are worked on."""
    monkeypatch.setattr(loading, "AT_ONCE", 1)
    await matching.hear(organisation("Akku", "DE", needs=[NEED, OTHER]), organisation("Pile", "FR", offers=["a third"]))
    await matching.read()
    async with matching.context.database.session() as session:
        await profiles.oldest_open(session)
        async with aclosing(loading.vectors(session, matching.engine.version, loading.ALL)) as vectors:
            assert len(await anext(vectors)) == 1
        async with aclosing(loading.vectors(session, matching.engine.version, loading.ALL)) as vectors:
            assert len([each async for some in vectors for each in some]) == 3


async def test_who_now_fits_somebody_better_changes_that_ones_list_too(context: Callable[..., Context]) -> None:
    """Akku hears nothing and changes nothing, but Pila does."""
    matching = _another(context, suggestions_per_organisation=1)
    await matching.hear(
        organisation("Akku", "DE", needs=[NEED]),
        organisation("Pile", "FR", offers=["recycling of lithium batteries from ships"]),
        organisation("Pila", "IT", offers=[OTHER]),
    )
    await matching.settle()
    assert await matching.pairs() == {frozenset(("Akku", "Pile"))}
    await matching.hear(organisation("Pila", "IT", offers=[NEED], n=2))
    await matching.settle()
    assert await matching.pairs() == {frozenset(("Akku", "Pila"))}
    assert await matching.pairs("withdrawn") == {frozenset(("Akku", "Pile"))}


def _another(context: Callable[..., Context], **settings: object) -> Matching:
    made = context("matching", **settings)
    models = word_models()
    assert isinstance(made.settings, Settings)
    made.state.engine = Engine(made.settings, Encoder(models, load_fusion()))
    return Matching(made, models)


def is_left_after_freezing(latest: Callable[[World], object]) -> bool:
    """Whether a picture that was frozen stays in memory when nobody needs it any more."""
    world = World("words", {})
    world.known[identifier("Akku")] = Known((1, 0, 0), "active", "1.1", party("Akku"), {}, Said({}, latest(world)))  # type: ignore[arg-type]
    gone = weakref.ref(world)
    gc.freeze()
    try:
        del world
        gc.collect()
        return gone() is not None
    finally:
        gc.unfreeze()


def party(name: str) -> Party:
    """Return an organisation."""
    return Party(identifier(name), OrganisationKind.SME, name, "DE")


def test_a_picture_that_has_been_replaced_leaves_memory_though_it_was_frozen() -> None:
    assert not is_left_after_freezing(lambda world: world._latest)


def test_negative_control_with_a_circle_it_would_stay() -> None:
    assert is_left_after_freezing(lambda world: world)
    gc.collect()
