"""A release that reads calls otherwise takes over as any encoder does: what the one before has read of them is never
taken for what it reads, and calls are found throughout.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from services.matching.calls.challenges import Challenges
from services.matching.calls.comparing import Plain
from services.matching.encoder.encoder import Encoder
from services.matching.encoder.fusion import Fusion, load_fusion
from services.matching.encoder.preparation import ENGLISH, MULTILINGUAL
from services.matching.encoder.spaces import ReadText, Space
from services.matching.encoder.text import text_hash
from services.matching.engine import Engine
from services.matching.succession import follow, forget_former_vectors, read_ahead
from services.matching.work import begin_to_lead
from shared.clock import today
from tests.matching.callers import call, load
from tests.matching.conftest import Matching, WordModel, organisation, word_models

TITLE = "solid batteries for electric cars"
CALLS = [call("HORIZON-CL5-2026-D2-01", TITLE), call("HORIZON-CL6-2026-01", "organic goat cheese")]
LEARNED = load_fusion()
BEFORE = replace(LEARNED, calls="")
"""The recipe of the release before, of which nobody had said how calls are read."""


def standard() -> dict[Space, WordModel]:
    """Return stand-ins that have the names of the models that were learned about."""
    models = word_models()
    models[Space.ENGLISH].name, models[Space.MULTILINGUAL].name = ENGLISH, MULTILINGUAL
    return models


async def comes(matching: Matching, fusion: Fusion) -> Engine:
    """Let a process with the standard models and this recipe begin to lead."""
    matching.context.state.engine = engine = Engine(matching.engine.settings, Encoder(standard(), fusion))
    await begin_to_lead(matching.context)
    return engine


@pytest.fixture
async def before(matching: Matching) -> Matching:
    """A site of the release before: a firm needs what a call is about, in the same words, and both had one hash."""
    await comes(matching, BEFORE)
    matching.engine.settings.calls_per_batch = 1
    await matching.hear(organisation("Akku", "DE", needs=[TITLE]), organisation("Pile", "FR", offers=[TITLE]))
    with pytest.MonkeyPatch.context() as then:
        then.setattr("services.matching.calls.imports.call_hash", lambda language, read, _: text_hash(language, read))
        await load(matching, CALLS)
    await matching.settle()
    return matching


async def found(matching: Matching) -> dict[str, float]:
    """Return how close the calls are to a question, by title."""
    shown = await follow(matching.context.database, matching.engine)
    asked = await matching.engine.ask_calls(shown, ReadText("en", f"{TITLE} of the future"))
    async with matching.context.database.session() as session:
        await shown.calls.refresh(session, today())
    close = shown.calls.close_to(asked, -1.0)
    return {shown.calls.index.calls[each].title: similarity for each, similarity in close.items()}


async def rows(matching: Matching, query: str) -> list[tuple[object, ...]]:
    """Return what a query finds."""
    async with matching.context.database.session() as session:
        return [tuple(row) for row in await session.execute(sa.text(query))]


async def found_after_the_upgrade(matching: Matching) -> dict[str, float]:
    """Bring the release that has learned of calls; on the way calls are found as before."""
    as_before = await found(matching)
    engine = await comes(matching, LEARNED)
    assert (await follow(matching.context.database, engine)).version != engine.chosen
    while engine.shown.version != engine.chosen:
        assert isinstance(engine.calls.comparison, Plain), "what was read plainly is compared plainly"
        assert await found(matching) == as_before
        assert await read_ahead(matching.context.database, engine)
    assert isinstance(engine.calls.comparison, Challenges)
    return await found(matching)


async def found_at_a_new_site(matching: Matching, context: Callable[..., object]) -> dict[str, float]:
    """Return what a site finds that has never known another release."""
    new = Matching(context("matching"), matching.models)  # type: ignore[arg-type]
    new.context.state.engine = Engine(matching.engine.settings, Encoder(standard(), LEARNED))
    await load(new, CALLS)
    await new.read()
    return await found(new)


async def test_calls_are_read_again_and_found_throughout(before: Matching, context: Callable[..., object]) -> None:
    hashes = "SELECT supplied_id, text_hash, encoded_with FROM call ORDER BY supplied_id"
    kept = await rows(before, hashes)
    old = before.engine.version
    after = await found_after_the_upgrade(before)
    assert after == await found_at_a_new_site(before, context)
    assert await rows(before, hashes) == kept, "no row of the release before is touched"
    counted = dict(await rows(before, "SELECT model, count(*) FROM text_vector GROUP BY model"))
    assert counted == {old: 2, before.engine.version: 1, f"{before.engine.version} calls": 2}
    assert (await load(before, CALLS)).unchanged == 2, "the same file again changes nothing"
    assert await before.read() == 0


async def test_under_one_name_a_statements_vector_would_pass_for_that_of_a_call(
    before: Matching, context: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: both are stored under the encoder's version alone."""
    right = await found_at_a_new_site(before, context)
    monkeypatch.setattr("services.matching.calls.comparing.of_calls", lambda version: version)
    assert await found_after_the_upgrade(before) != right


async def test_who_still_shows_the_encoder_of_before_goes_on_finding_calls(before: Matching) -> None:
    """A replica, or a request while the picture of the new encoder is being loaded."""
    as_before, replica = await found(before), before.engine
    late = await replica.encoder()
    await found_after_the_upgrade(before)
    old = Engine(before.engine.settings, late).shown
    async with before.context.database.session() as session:
        for shown in (replica.shown, old):
            await shown.calls.refresh(session, today())
            assert {each.title for each in shown.calls.index.calls.values()} == as_before.keys()


async def test_without_the_vectors_of_before_it_would_find_none(before: Matching) -> None:
    """Negative control; and long after the change vectors of calls go with the others of their encoder."""
    await found_after_the_upgrade(before)
    await comes(before, BEFORE)
    await before.go_over()
    shown = Engine(before.engine.settings, Encoder(standard(), LEARNED)).shown
    before.engine.settings.former_vectors_days = 0
    await forget_former_vectors(before.context)
    assert await rows(before, "SELECT DISTINCT model FROM text_vector") == [(before.engine.version,)]
    async with before.context.database.session() as session:
        await shown.calls.refresh(session, today())
    assert not len(shown.calls.index)
