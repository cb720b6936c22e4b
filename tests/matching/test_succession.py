"""When the encoder changes, what was read stays findable until the next one has read everything; then all change over
at once.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from services.matching import rounds, succession
from services.matching.encoder.encoder import Encoder
from services.matching.encoder.fusion import load_fusion
from services.matching.encoder.spaces import Space
from services.matching.engine import Engine
from services.matching.reading import read_batch
from services.matching.repository import encoders
from services.matching.rounds import run_round
from services.matching.succession import follow, read_ahead
from services.matching.work import begin_to_lead, read_and_match
from shared.clock import today
from shared.contracts.profiles import OrganisationStatus
from tests.matching.conftest import Api, Matching, WordModel, identifier, organisation
from tests.matching.test_calls_in_rounds import call, load

NEED = "recycling of lithium batteries from electric cars"
OFFER = "we recycle lithium batteries of electric cars"
PAIR = frozenset(("Akku", "Pile"))
WEIGHTS = load_fusion().weights
SWAPPED = {Space.ENGLISH: WEIGHTS[Space.MULTILINGUAL], Space.MULTILINGUAL: WEIGHTS[Space.ENGLISH]}
OTHER = replace(load_fusion(), recipe="other", weights={**WEIGHTS, **SWAPPED})
"""Other constants for the same models, as a release may bring them."""


@pytest.fixture
async def settled(matching: Matching) -> Matching:
    """Two firms that fit, a third one and a call, all read and matched; one text is read at a time from now on."""
    matching.engine.settings.calls_per_batch, matching.engine.settings.least_change = 1, 1e-9
    await begin_to_lead(matching.context)
    await matching.hear(
        organisation("Akku", "DE", needs=[NEED]),
        organisation("Pile", "FR", offers=[OFFER, "old ships"]),
        organisation("Brot", "IT", offers=["bread"]),
    )
    await load(matching, [call("batteries", NEED)])
    await matching.settle()
    return matching


async def changed(matching: Matching, models: str = "") -> str:
    """Come back with another encoder: other constants, and other models if they are named; returns its version."""
    before = matching.engine.version
    if models:
        matching.models = {space: WordModel(f"{models}-{space}", width) for space, width in OTHER.widths.items()}
    await matching.restart(OTHER)
    await begin_to_lead(matching.context)
    assert matching.engine.chosen != before
    return matching.engine.chosen


async def found(api: Api, text: str = NEED) -> dict[str, Any]:
    """Return what a search answers: similarity by name, and how much is read again if that is said."""
    answer = (await api.get("/statements/search", "operator", params={"q": text, "language": "en"})).json()
    best = {each["organisation_name"]: each["similarity"] for each in reversed(answer["items"])}
    return {**best, "read_again": answer["read_again"]}


async def vectors(matching: Matching) -> dict[str, int]:
    """Return how many vectors are stored by encoder."""
    async with matching.context.database.session() as session:
        rows = await session.execute(sa.text("SELECT model, count(*) FROM text_vector GROUP BY model"))
        return {row[0]: row[1] for row in rows}


async def serving(matching: Matching) -> str | None:
    """Return who serves, by the database."""
    async with matching.context.database.session() as session:
        return await encoders.serving(session)


async def searched_throughout(matching: Matching, api: Api) -> None:
    """Change the encoder text by text; every search on the way finds what was found before."""
    before, old = await found(api), matching.engine.version
    new = await changed(matching)
    steps = []
    while True:
        assert (await found(api)).keys() >= before.keys()
        steps.append(await serving(matching))
        if not await read_ahead(matching.context.database, matching.engine):
            break
    assert steps == [old] * 6 + [new], "one text at a time: four statements, a call, and the change"


async def test_search_finds_everything_while_another_encoder_reads(settled: Matching, api: Api) -> None:
    await searched_throughout(settled, api)
    assert (await found(api))["Akku"] == 1.0


async def test_a_search_by_the_new_encoder_alone_would_find_nothing_at_first(
    settled: Matching, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: as if the chosen encoder served from its first moment."""

    async def chosen(_database: object, engine: Engine) -> object:
        return engine.shown

    monkeypatch.setattr("services.matching.endpoints.statements.shown_now", chosen)
    with pytest.raises(AssertionError):
        await searched_throughout(settled, api)


async def test_the_leader_changes_over_once_and_scores_again_what_stands(settled: Matching, api: Api) -> None:
    (before,) = (await settled.suggestions()).values()
    settled.engine.settings.round_quiet_seconds = 0
    old, new = settled.engine.version, await changed(settled)
    while await serving(settled) == old:
        await read_and_match(settled.context)
    await read_and_match(settled.context)
    (after,) = (await settled.suggestions()).values()
    assert (after.id, after.state) == (before.id, before.state)
    assert after.model_version.startswith(new)
    assert after.score != before.score
    assert [each for each, _ in await settled.events()].count("suggestion.proposed") == 1
    async with settled.context.database.session() as session:
        assert not await encoders.is_round_owed(session)
        progress = await encoders.progress(session, settled.engine.stored_under, today())
    assert (progress.read, progress.of) == (5, 5)
    fitting = (await api.get(f"/organisations/{identifier('Akku')}/calls", "operator")).json()["items"]
    assert fitting[0]["similarity"] == 1.0


async def test_what_is_new_meanwhile_is_found_at_once_if_the_old_models_are_still_here(
    settled: Matching, api: Api
) -> None:
    old, new = settled.engine.version, await changed(settled)
    assert await follow_is(settled, old)
    await read_ahead(settled.context.database, settled.engine)
    await settled.hear(organisation("Neu", "ES", offers=["lithium batteries"]))
    assert await read_batch(settled.context.database, settled.engine) == 1
    assert (await found(api, "lithium batteries"))["Neu"] == 1.0
    await settled.settle()
    assert frozenset(("Akku", "Neu")) in await settled.pairs()
    await settled.go_over()
    assert await serving(settled) == new
    assert (await found(api, "lithium batteries"))["Neu"] == 1.0


async def follow_is(matching: Matching, version: str) -> bool:
    """Whether this process shows what that encoder has read."""
    return (await follow(matching.context.database, matching.engine)).version == version


async def test_without_the_old_models_what_is_new_waits_and_searches_say_how_far_it_is(
    settled: Matching, api: Api
) -> None:
    old, _ = settled.engine.version, await changed(settled, "new")
    async with settled.context.database.transaction() as session:  # as it was noted before its whole recipe was kept
        less = "UPDATE encoder SET constants = constants - '{widths,weights,centres,folders}'::text[] WHERE serving"
        await session.execute(sa.text(less))
    assert await follow_is(settled, old)
    assert await found(api) == {"read_again": {"texts": 0, "of": 5}}
    by_words = (await api.get("/calls", "operator", params={"q": NEED})).json()
    assert (len(by_words["items"]), by_words["read_again"]) == (1, {"texts": 0, "of": 5})
    await settled.hear(organisation("Neu", "ES", offers=["lithium batteries"]))
    assert await read_batch(settled.context.database, settled.engine) == 0
    await run_round(settled.context.database, settled.engine)
    assert await settled.pairs() == {PAIR}, "what stands is not touched"
    fitting = (await api.get(f"/organisations/{identifier('Akku')}/calls", "operator")).json()["items"]
    assert fitting, "calls fit by the old vectors"
    while (await found(api))["read_again"] and await read_ahead(settled.context.database, settled.engine):
        pass
    assert (await found(api, "lithium batteries"))["read_again"] is None
    assert (await api.get("/calls", "operator", params={"q": NEED})).json()["read_again"] is None
    await settled.settle()
    assert (await found(api, "lithium batteries"))["Neu"] == 1.0
    assert frozenset(("Akku", "Neu")) in await settled.pairs()


async def test_a_restart_goes_on_where_it_was_and_going_back_costs_nothing(settled: Matching) -> None:
    old, new = settled.engine.version, await changed(settled)
    assert await follow_is(settled, old)
    english = settled.models[Space.ENGLISH]
    english.read.clear()
    for _ in range(2):
        await read_ahead(settled.context.database, settled.engine)
    await changed(settled)
    await settled.go_over()
    assert (await serving(settled), len(english.read)) == (new, 5), "four statements and a call: no text was read twice"
    await settled.settle()
    await settled.restart()
    await begin_to_lead(settled.context)
    await settled.go_over()
    assert (await serving(settled), len(english.read)) == (old, 5)
    await settled.settle()
    assert await settled.pairs() == {PAIR}


async def test_who_comes_back_after_the_change_is_read_by_the_new_encoder(settled: Matching, api: Api) -> None:
    """Nobody reads what a withdrawn organisation says; its statements must not pass for read when it is back."""
    gone = organisation("Pile", "FR", offers=[OFFER], n=2, status=OrganisationStatus.WITHDRAWN)
    await settled.hear(gone)
    await settled.settle()
    await changed(settled)
    await settled.go_over()
    assert "Pile" not in await found(api, OFFER)
    await settled.hear(organisation("Pile", "FR", offers=[OFFER], n=3))
    await settled.settle()
    assert (await found(api, OFFER))["Pile"] == 1.0


async def held_by_a_late_leader(matching: Matching) -> list[str]:
    """Let the encoder change while a process is in the middle of a round with the old one; return who has scored."""
    late = matching.engine
    await matching.hear(organisation("Neu", "ES", offers=[OFFER]))
    await matching.read()
    new = await changed(matching)
    think = rounds._think

    async def meanwhile(*arguments: Any) -> Any:
        await matching.go_over()
        return think(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.matching.rounds.asyncio.to_thread", lambda _, *arguments: meanwhile(*arguments))
        await run_round(matching.context.database, late)
    assert await serving(matching) == new
    return [row.model_version for pair, row in (await matching.suggestions()).items() if "Neu" in pair]


async def test_a_round_that_began_with_the_old_encoder_writes_nothing_after_the_change(settled: Matching) -> None:
    assert await held_by_a_late_leader(settled) == []
    await settled.settle()
    assert {row.model_version.split()[0] for row in (await settled.suggestions()).values()} == {settled.engine.chosen}


async def test_a_round_that_did_not_ask_again_would_mix_two_encoders(
    settled: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: whoever began may write."""

    async def always(*_: object) -> bool:
        return True

    monkeypatch.setattr(encoders, "serves", always)
    (made_by,) = await held_by_a_late_leader(settled)
    assert not made_by.startswith(settled.engine.chosen)


async def read_by_a_late_process(matching: Matching) -> bool:
    """Let a process that still shows the old encoder read what is new after the change; whether it is found then."""
    late = matching.engine
    await changed(matching)
    await matching.go_over()
    await matching.hear(organisation("Neu", "ES", offers=["green hydrogen"]))
    await read_batch(matching.context.database, late)
    await matching.settle()
    index = matching.engine.world.index
    return identifier("Neu") in {index.organisation_of(row) for row in index.live.tolist()}


async def test_what_a_late_process_reads_with_the_old_encoder_does_not_count_as_read(settled: Matching) -> None:
    assert await read_by_a_late_process(settled)


async def test_a_late_process_that_did_not_ask_would_hide_what_is_new_for_good(
    settled: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: whoever has read marks it."""

    async def always(*_: object) -> bool:
        return True

    monkeypatch.setattr(encoders, "serves", always)
    assert not await read_by_a_late_process(settled)


async def test_another_replica_follows_and_keeps_its_picture_until_the_new_one_is_loaded(
    settled: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica, database = settled.engine, settled.context.database
    new = await changed(settled)
    await settled.go_over()
    old = replica.shown
    load_picture = succession._picture

    async def looked_at_meanwhile(*arguments: Any) -> Any:
        assert await follow(database, replica) is old
        return await load_picture(*arguments)

    monkeypatch.setattr(succession, "_picture", looked_at_meanwhile)
    await follow(database, replica)
    shown = await follow(database, replica)
    assert (shown.version, len(shown.world.index)) == (new, 4)
    reader = await replica.reader(shown)
    assert reader is not None
    assert reader.version == new, "the models are the same, so it can read with the new constants"


async def test_a_text_that_no_model_can_read_does_not_hold_the_change_up(settled: Matching) -> None:
    new = await changed(settled)
    encode = Encoder.encode

    def stumbles(self: Encoder, reads: Any) -> Any:
        if any(each.text == "bread" for each in reads):
            raise RuntimeError("bread")
        return encode(self, reads)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Encoder, "encode", stumbles)
        await settled.go_over()
    assert await serving(settled) == new
    assert (await vectors(settled))[new] == 4


async def test_another_replica_may_have_no_models_at_all_and_begins_with_who_serves(
    settled: Matching, context: Callable[..., Any]
) -> None:
    replica = Engine(settled.engine.settings)
    assert (await follow(settled.context.database, replica)).version == settled.engine.version != replica.chosen
