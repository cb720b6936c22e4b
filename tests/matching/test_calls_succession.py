"""A release that reads calls otherwise takes over as any encoder does: what the one before has read of them is never
taken for what it reads, and calls are found throughout.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from services.matching.calls.challenges import Challenges
from services.matching.calls.comparing import Plain
from services.matching.encoder.encoder import Encoder
from services.matching.encoder.fusion import Fusion, load_fusion
from services.matching.encoder.lexicon import ONCE_UNNAMED, UNNAMED, Lexicon, Table, lexicon_name, pack
from services.matching.encoder.preparation import ENGLISH, MULTILINGUAL
from services.matching.encoder.sentence_model import TextEncoder
from services.matching.encoder.spaces import ReadText, Space
from services.matching.encoder.text import text_hash
from services.matching.encoder.universal import UNIVERSAL
from services.matching.engine import Engine
from services.matching.succession import follow, forget_former_vectors, read_ahead
from services.matching.work import begin_to_lead
from shared.clock import today
from tests.matching.callers import call, load
from tests.matching.conftest import Matching, WordModel, organisation

TITLE = "solid batteries for electric cars"
CALLS = [call("HORIZON-CL5-2026-D2-01", TITLE), call("HORIZON-CL6-2026-01", "organic goat cheese")]
LEARNED = load_fusion()
BEFORE = replace(LEARNED, calls="")
"""The recipe of the release before, of which nobody had said how calls are read."""


def encoder(fusion: Fusion) -> Encoder:
    """Return an encoder of stand-ins named like the standard models in the release that has this recipe."""
    numbers = np.full((1, fusion.widths[Space.LEXICAL]), 3, np.int8)
    table = Table(("bat",), np.ones(1, np.float32), np.ones(1, np.float32), pack(numbers))
    names = {Space.ENGLISH: ENGLISH, Space.MULTILINGUAL: MULTILINGUAL, Space.UNIVERSAL: UNIVERSAL}
    models: dict[Space, TextEncoder] = {space: WordModel(name, fusion.widths[space]) for space, name in names.items()}
    models[Space.LEXICAL] = Lexicon({"en": table}, ONCE_UNNAMED if fusion.calls else UNNAMED)
    return Encoder(models, fusion)


async def comes(matching: Matching, fusion: Fusion) -> Engine:
    """Let a process of the release with this recipe begin to lead."""
    matching.context.state.engine = engine = Engine(matching.engine.settings, encoder(fusion))
    await begin_to_lead(matching.context)
    return engine


@pytest.fixture
async def before(matching: Matching) -> Matching:
    """A site of the release before: a firm needs what a call is about, in the same words, and both had one hash."""
    engine = await comes(matching, BEFORE)
    assert engine.chosen == f"{ENGLISH}+{MULTILINGUAL}+{UNIVERSAL}+lexicon/5-20b3a2ed", "as that release named it"
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
    new = Matching(context("matching"), {})  # type: ignore[arg-type]
    new.context.state.engine = Engine(matching.engine.settings, encoder(LEARNED))
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


async def reads_on(matching: Matching) -> bool:
    """Whether the next release reads what is new as the one of before does while that one's encoder serves."""
    engine = await comes(matching, LEARNED)
    reader = await engine.reader(await follow(matching.context.database, engine))
    return reader is not None and reader.version == engine.shown.version != engine.chosen


async def test_the_lexicon_of_the_release_before_is_known_by_the_name_it_had(before: Matching) -> None:
    assert lexicon_name() == ONCE_UNNAMED, "a lexicon learned anew is none that was ever unnamed: drop the old name"
    assert await reads_on(before)


async def test_another_lexicon_is_not_taken_for_it(before: Matching, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    monkeypatch.setattr("tests.matching.test_calls_succession.ONCE_UNNAMED", "lexicon-learned-anew")
    assert not await reads_on(before)


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
    shown = Engine(before.engine.settings, encoder(LEARNED)).shown
    before.engine.settings.former_vectors_days = 0
    await forget_former_vectors(before.context)
    assert await rows(before, "SELECT DISTINCT model FROM text_vector") == [(before.engine.version,)]
    async with before.context.database.session() as session:
        await shown.calls.refresh(session, today())
    assert not len(shown.calls.index)
