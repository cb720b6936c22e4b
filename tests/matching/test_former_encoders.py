"""What is kept of an encoder that serves no more: enough to have old scores again, go back, and read as it did."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from services.matching.encoder import encoder as module
from services.matching.encoder.encoder import Chosen, Encoder, load_former
from services.matching.encoder.errors import ModelMissingError
from services.matching.encoder.fusion import fusion_from, load_fusion
from services.matching.encoder.lexicon import lexicon_name
from services.matching.encoder.preparation import ENGLISH
from services.matching.encoder.spaces import Space
from services.matching.encoder.universal import UNIVERSAL
from services.matching.replay import replay
from services.matching.repository import encoders
from services.matching.succession import forget_former_vectors
from services.matching.work import begin_to_lead
from shared.clock import now
from shared.problems import Problem
from tests.matching.conftest import Matching, WordModel
from tests.matching.test_succession import OTHER, changed, serving, settled, vectors

__all__ = ["settled"]


async def forgotten(matching: Matching, days: float = 0.0) -> tuple[dict[str, int], str]:
    """Change the encoder, forget the vectors of the old one after so many days; return what is left, and who is old."""
    old = matching.engine.version
    await changed(matching)
    await matching.go_over()
    await matching.settle()
    matching.engine.settings.former_vectors_days = days
    await forget_former_vectors(matching.context)
    return await vectors(matching), old


async def score_again(matching: Matching) -> bool:
    """Whether the first score comes out the same."""
    (row,) = (await matching.suggestions()).values()
    async with matching.context.database.session() as session:
        return (await replay(session, row.id, "1.1")).same


async def test_vectors_that_nothing_names_any_more_go_and_old_scores_can_still_be_had_again(settled: Matching) -> None:
    left, old = await forgotten(settled)
    assert left == {old: 2, settled.engine.chosen: 5}, "the need and the offer that the first score quotes"
    assert await score_again(settled)


async def test_deleting_all_vectors_of_before_would_lose_old_scores(
    settled: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: no past score is asked."""

    async def nothing(*_: object) -> set[bytes]:
        return set()

    monkeypatch.setattr(encoders, "needed", nothing)
    await forgotten(settled)
    with pytest.raises(Problem, match="vector of a statement"):
        await score_again(settled)


async def test_vectors_of_before_stay_for_some_days(settled: Matching) -> None:
    left, old = await forgotten(settled, days=1.0)
    assert left[old] == 5


async def test_nothing_is_deleted_of_an_encoder_that_serves_again(settled: Matching) -> None:
    """The one who deletes has looked before the change back."""
    old = settled.engine.version
    await changed(settled)
    await settled.go_over()
    await settled.restart()
    await begin_to_lead(settled.context)
    await settled.go_over()
    assert await serving(settled) == old
    async with settled.context.database.transaction() as session:
        later = now() + timedelta(days=1)
        assert await encoders.delete_vectors(session, old, later, (), b"", 10) == (None, 0)


def test_an_encoder_is_made_again_from_what_is_kept_of_it() -> None:
    fusion = load_fusion()
    kept = json.loads(json.dumps(fusion.stored, sort_keys=True))  # the database keeps no order
    assert fusion_from(kept).digest == fusion.digest
    assert fusion_from({**fusion.stored, "weights": dict.fromkeys(Space, 0.2)}).digest != fusion.digest


def test_of_an_encoder_of_before_only_what_the_new_one_lacks_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []

    def load_model(folder: Path, name: str, *_: object, **__: object) -> WordModel:
        loaded.append((folder, name))
        return WordModel(name)

    monkeypatch.setattr(module, "SentenceModel", load_model)
    before = Chosen(tmp_path, multilingual_model=tmp_path / "larger")
    (tmp_path / "larger").mkdir()
    (tmp_path / "larger" / "config.json").write_text('{"hidden_size": 384}')
    names = {Space.ENGLISH: ENGLISH, Space.MULTILINGUAL: "small", Space.UNIVERSAL: UNIVERSAL}
    names[Space.LEXICAL] = lexicon_name()
    current = Encoder({space: WordModel(name, OTHER.widths[space]) for space, name in names.items()}, OTHER)
    kept = json.loads(json.dumps(before.recipe, sort_keys=True))
    again = load_former(before.version, kept, current, Chosen(tmp_path))
    assert (again.version, loaded) == (before.version, [(tmp_path / "larger", "larger")])
    assert again.models[Space.ENGLISH] is current.models[Space.ENGLISH]
    monkeypatch.setattr(module, "UniversalModel", lambda: WordModel(UNIVERSAL, OTHER.widths[Space.UNIVERSAL]))
    alone = load_former(before.version, kept, None, Chosen(tmp_path))
    assert (alone.version, [name for _, name in loaded[1:]]) == (before.version, [ENGLISH, "larger"])
    current.models[Space.LEXICAL] = WordModel("lexicon-learned-anew")
    with pytest.raises(ModelMissingError, match="does not have all models"):
        load_former(before.version, kept, current, Chosen(tmp_path))
