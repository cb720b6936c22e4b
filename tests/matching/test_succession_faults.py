"""What goes wrong while the encoder changes: nobody is held up by it, and what stands goes on standing."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from services.matching import succession
from services.matching.encoder.encoder import Encoder, fitting_encoder
from services.matching.encoder.errors import ModelDamagedError
from services.matching.encoder.fusion import load_fusion
from services.matching.encoder.spaces import Space
from services.matching.engine import Engine
from services.matching.models import Statement
from services.matching.repository import encoders
from services.matching.rounds import run_round
from services.matching.succession import follow, forget_former_vectors, read_ahead, shown_now
from services.matching.work import one_step
from shared.clock import today
from shared.contracts.profiles import OrganisationStatus
from tests.matching.conftest import Api, Matching, WordModel, identifier, organisation
from tests.matching.test_former_encoders import forgotten
from tests.matching.test_succession import NEED, OFFER, OTHER, PAIR, changed, found, serving, settled

__all__ = ["settled"]


async def goes_on_when_nothing_can_be_read(matching: Matching) -> bool:
    """Whether the old encoder serves on when the next one stumbles over every text."""
    old = matching.engine.version
    await changed(matching)

    def stumbles(*_: object) -> Any:
        raise ValueError("operands could not be broadcast together")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Encoder, "encode", stumbles)
        await matching.go_over()
        refused = not await read_ahead(matching.context.database, matching.engine)
    assert refused or await serving(matching) != old
    return await serving(matching) == old


async def test_an_encoder_that_can_read_nothing_does_not_take_over_and_is_tried_again(
    settled: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await goes_on_when_nothing_can_be_read(settled)
    assert await settled.pairs() == {PAIR}
    monkeypatch.setattr(succession, "RETRY_SECONDS", 0.0)
    await settled.go_over()
    assert await serving(settled) == settled.engine.chosen, "mended, it reads what it could not before"


async def test_counting_nothing_as_lost_an_encoder_that_reads_nothing_would_take_over(
    settled: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: nobody asks what the old encoder had read of it."""

    async def none(*_: object) -> int:
        return 0

    monkeypatch.setattr(encoders, "count_read", none)
    assert not await goes_on_when_nothing_can_be_read(settled)


async def test_more_texts_than_a_statement_has_parameters_may_be_unreadable(settled: Matching) -> None:
    texts = {number.to_bytes(4, "big") for number in range(40_000)}
    async with settled.context.database.session() as session:
        left = await encoders.to_read(session, Statement, "another", texts, None, 10, today())
    assert len(left) == 4


def test_constants_of_other_models_are_refused_when_the_models_are_loaded() -> None:
    models = {space: WordModel(space, width) for space, width in OTHER.widths.items()}
    assert fitting_encoder(models, OTHER).fusion is OTHER
    models[Space.MULTILINGUAL] = WordModel("large", 768)
    with pytest.raises(ModelDamagedError, match="large makes 768 numbers"):
        fitting_encoder(models, OTHER)
    with pytest.raises(ModelDamagedError, match="measure its constants"):
        fitting_encoder(models, replace(OTHER, widths={**OTHER.widths, Space.MULTILINGUAL: 768}))


async def round_while_nobody_can_read(matching: Matching) -> tuple[bool, bool]:
    """Edit a profile while the models of the encoder that serves are gone: whether the round sees all that it can, and
    whether the leader holds one at once when another organisation leaves.
    """
    await changed(matching, "new")
    await follow(matching.context.database, matching.engine)
    await matching.hear(organisation("Brot", "IT", offers=["fresh bread"], n=2))
    await matching.hear(organisation("Pile", "FR", n=2, status=OrganisationStatus.WITHDRAWN))
    settings = matching.engine.settings
    settings.round_quiet_seconds, settings.round_every_seconds = 0.0, 1e6
    matching.engine.last_round_ended = time.monotonic()
    await one_step(matching.context, matching.engine)
    held = matching.engine.last_round_ended
    outcome = await run_round(matching.context.database, matching.engine)
    return outcome.final, held > matching.engine.last_change.noticed


async def test_what_nobody_here_can_read_does_not_hold_up_the_rounds_of_all(settled: Matching) -> None:
    assert await round_while_nobody_can_read(settled) == (True, True)


async def test_waiting_for_what_nobody_can_read_would_make_every_round_a_hasty_one(
    settled: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: whatever is unread is waited for."""

    async def always(*_: object) -> bool:
        return True

    monkeypatch.setattr(Engine, "reads", always)
    assert await round_while_nobody_can_read(settled) == (False, False)


async def test_former_models_that_come_back_are_found(settled: Matching, monkeypatch: pytest.MonkeyPatch) -> None:
    models = dict(settled.models)
    before = load_fusion()
    await changed(settled, "new")
    shown = await follow(settled.context.database, settled.engine)
    assert await settled.engine.reader(shown) is None
    monkeypatch.setattr("services.matching.engine.load_former", lambda *_: Encoder(models, before))
    assert await settled.engine.reader(shown) is None, "not looked for every time"
    monkeypatch.setattr("services.matching.engine.RETRY_SECONDS", 0.0)
    again = await settled.engine.reader(shown)
    assert again is not None
    assert again.version == shown.version


async def test_vectors_of_a_former_encoder_are_looked_through_once(
    settled: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    await forgotten(settled)

    async def never(*_: object) -> Any:
        raise AssertionError("looked through again")

    monkeypatch.setattr(encoders, "needed", never)
    await forget_former_vectors(settled.context)
    settled.engine.cleaned.clear()
    with pytest.raises(AssertionError, match="looked through again"):
        await forget_former_vectors(settled.context)


async def test_requests_go_on_with_the_old_picture_while_the_next_is_loaded_or_cannot_be(
    settled: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica, database = settled.engine, settled.context.database
    new = await changed(settled)
    await settled.go_over()
    old, load_picture = replica.shown, succession._picture

    async def fails(*_: object) -> Any:
        raise OSError("the database is gone")

    monkeypatch.setattr(succession, "_picture", fails)
    assert await shown_now(database, that_has_answered(replica)) is old
    assert replica.loading is not None
    await replica.loading
    monkeypatch.setattr(succession, "_picture", load_picture)
    assert await shown_now(database, replica) is old
    assert replica.loading.done(), "it rests before it tries again"
    monkeypatch.setattr(succession, "RETRY_SECONDS", 0.0)
    assert await shown_now(database, replica) is old
    await replica.loading
    assert (await shown_now(database, replica)).version == new


def that_has_answered(engine: Engine) -> Engine:
    """Return a process that has answered requests before."""
    engine.followed = True
    return engine


@pytest.mark.parametrize("named", ["multilingual_model", "encoder_constants"])
async def test_a_damaged_choice_of_models_leaves_what_was_read_before_as_it_is(
    settled: Matching, api: Api, tmp_path: Path, named: str
) -> None:
    old, models = settled.engine.version, settled.models
    settings = settled.engine.settings.model_copy(update={named: tmp_path / "nothing"})
    engine = settled.context.state.engine = Engine(settings)
    assert engine.fault is not None
    await settled.lead()
    assert (engine.shown.version, await serving(settled)) == (old, old)
    assert await settled.pairs() == {PAIR}
    fitting = (await api.get(f"/organisations/{identifier('Akku')}/calls", "operator")).json()["items"]
    assert fitting[0]["similarity"] == 1.0
    answer = await api.get("/statements/search", "operator", params={"q": NEED})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (503, "models-unavailable")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.matching.engine.RETRY_SECONDS", 0.0)
        patch.setattr("services.matching.engine.load_former", lambda *_: Encoder(models, load_fusion()))
        assert (await found(api))["Akku"] == 1.0, "the models of before read it"


async def test_damaged_constants_of_calls_leave_only_calls_empty(
    settled: Matching, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object) -> Any:
        raise ModelDamagedError("the constants of calls can't be read")

    monkeypatch.setattr("services.matching.picture.comparison_for", damaged)
    monkeypatch.setattr("services.matching.reading.comparison_for", damaged)
    await settled.restart()
    await settled.hear(organisation("Neu", "ES", offers=[OFFER]))
    await settled.lead()
    assert await settled.pairs() == {PAIR, frozenset(("Akku", "Neu"))}
    fitting = await api.get(f"/organisations/{identifier('Akku')}/calls", "operator")
    assert fitting.json()["items"] == []
    named = await api.get("/calls", "operator", params={"q": "batteries"})
    assert [each["title"] for each in named.json()["items"]] == [NEED], "found by its words"


async def held_connections(matching: Matching, api: Api, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many connections were held whenever a request asked who serves, or waited for the encoder."""
    held, pool, encode = [], cast(QueuePool, matching.context.database.engine.pool), Engine.encode

    async def encoding(*arguments: Any) -> Any:
        held.append(pool.checkedout())
        return await encode(*arguments)

    async def asking(database: Any, engine: Engine) -> Any:
        held.append(pool.checkedout())
        return await shown_now(database, engine)

    monkeypatch.setattr(Engine, "encode", encoding)
    for module_name in ("statements", "calls"):
        monkeypatch.setattr(f"services.matching.endpoints.{module_name}.shown_now", asking)
    assert (await found(api))["Akku"] == 1.0
    assert (await api.get("/calls", "operator", params={"q": NEED})).json()["items"]
    assert (await api.get(f"/organisations/{identifier('Akku')}/calls", "operator")).json()["items"]
    return held


async def test_no_request_waits_for_the_encoder_or_asks_who_serves_with_a_connection_in_its_hand(
    settled: Matching, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await held_connections(settled, api, monkeypatch) == [0] * 5


async def test_asking_after_the_first_statement_would_hold_a_connection(
    settled: Matching, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: somebody has asked the database before."""
    async with settled.context.database.session() as session:
        await session.execute(sa.text("SELECT 1"))
        assert 0 not in await held_connections(settled, api, monkeypatch)
