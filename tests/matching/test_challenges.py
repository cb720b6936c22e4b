"""What was learned of calls is what the product compares with: out of fused vectors, in any language."""

from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
import sqlalchemy as sa

from services.matching.calls.challenges import READ, SPACES, WIDTH, Challenges, learned, learned_with, unit
from services.matching.calls.comparing import Plain, comparison_for
from services.matching.calls.fit import CallIndex, OpenCall
from services.matching.calls.imports import call_hash
from services.matching.calls.words import CallWords
from services.matching.encoder.calibration import LEVELS, OTHER, Vectors
from services.matching.encoder.encoder import Encoder
from services.matching.encoder.errors import ModelDamagedError
from services.matching.encoder.fusion import Fused, fusion_from, load_fusion
from services.matching.encoder.preparation import ENGLISH, MULTILINGUAL
from services.matching.encoder.spaces import ReadText, Space
from services.matching.encoder.text import text_hash
from services.matching.engine import Engine
from services.matching.evaluation import calls as evaluation
from shared.clock import today
from tests.matching.callers import call, load
from tests.matching.conftest import Matching, word_models

FUSION = load_fusion()
LEARNED = Challenges(FUSION)
STANDARD = "all-MiniLM-L6-v2+multilingual-e5-small+use-multilingual-v3+lexicon/5-x"
CHANCE = np.random.default_rng(11)


def raw() -> Vectors:
    """Return a unit vector as a model might give it: e5's all lie about their languages' centre."""
    return unit(FUSION.centres["en"][None] + 0.02 * CHANCE.standard_normal((1, WIDTH)))[0]


def fused(english: Vectors, multilingual: Vectors, language: str = "en") -> Fused:
    """Return what is stored of a text of which two models say this."""
    vector = np.zeros(FUSION.dimensions, np.float32)
    for space, said in ((Space.ENGLISH, english), (Space.MULTILINGUAL, multilingual)):
        if space is Space.MULTILINGUAL or language == "en":
            vector[FUSION.part(space)] = FUSION.place(space, said[None], [language])[0]
    return vector.astype(np.float16)


@pytest.mark.parametrize("language", ["en", "de", "fi", "xx"])
def test_what_a_model_said_comes_out_of_the_fused_vector_again(language: str) -> None:
    said, centre = raw(), FUSION.centres.get(language, FUSION.centres[OTHER])
    theirs = unit(said[None] - FUSION.centres["en"] + centre)[0]
    stored = fused(said, theirs, language)[None, FUSION.part(Space.MULTILINGUAL)]
    found = LEARNED.raw(stored, Space.MULTILINGUAL, language)
    assert found is not None
    moved = unit(theirs[None] - centre + FUSION.centres["en"])[0]
    assert found[0] @ moved > 0.9999
    assert (LEARNED.raw(stored, Space.ENGLISH, language) is None) == (language != "en")


def test_control_without_its_languages_centre_a_text_lies_elsewhere() -> None:
    """Negative control of the test above."""
    said = unit(FUSION.centres["fi"][None] + 0.02 * CHANCE.standard_normal((1, WIDTH)))[0]
    stored = fused(said, said, "fi")[None, FUSION.part(Space.MULTILINGUAL)]
    right, wrong = (LEARNED.raw(stored, Space.MULTILINGUAL, each) for each in ("fi", "en"))
    assert right is not None
    assert wrong is not None
    assert float(right[0] @ wrong[0]) < 0.9999


def test_one_dot_product_is_the_weighted_sum_of_what_was_learned() -> None:
    text, titles = fused(raw(), raw()), [fused(raw(), raw()) for _ in READ[:2]]
    answer = LEARNED.of_call(LEARNED.to_store(np.stack(titles)), "en")
    total, constants = 0.0, learned()
    for space, (part, title) in enumerate(zip(SPACES, READ, strict=True)):
        said, told = (LEARNED.raw(each[None, FUSION.part(part)], part, "en") for each in (text, titles[title]))
        assert said is not None
        assert told is not None
        one, other = constants.white(said, space, "q"), constants.white(told, space, "t")
        refined = constants.refined(one, space, "q") @ constants.refined(other, space, "t").T
        total += constants.weights[space] * (one @ other.T).item() + constants.weights[space + 3] * refined.item()
    assert LEARNED.of_text(text, "en") @ answer == pytest.approx(total, abs=1e-3)


def test_a_statement_that_is_not_english_is_compared_by_what_reads_all_languages() -> None:
    meaning, other = raw(), raw()
    answer = LEARNED.of_call(LEARNED.to_store(np.stack([fused(meaning, meaning)] * 2)), "en")
    index = CallIndex([OpenCall(UUID(int=1), "Call", "en", None, (), answer)], LEARNED)
    centred = unit((meaning - FUSION.centres["en"])[None] + FUSION.centres["fi"])[0]
    same, unlike = fused(meaning, centred, "fi"), fused(other, other, "fi")
    assert index.closest(same, "fi", 0.5)
    assert not index.closest(unlike, "fi", 0.5)
    assert not index.closest(same, "fi", 1.01)
    assert LEARNED.calibrations[0b1010] is LEARNED.calibrations[0b0010]
    assert LEARNED.calibrations[0b1111] is not LEARNED.calibrations[0b1110]
    assert all(np.all(np.diff(each.anchors) > 0) and len(each.anchors) == len(LEVELS)
               for each in LEARNED.calibrations.values())  # fmt: skip


def test_it_is_used_with_the_models_it_was_learned_with_and_else_texts_are_compared_as_they_are() -> None:
    assert isinstance(comparison_for(STANDARD, FUSION), Challenges)
    assert isinstance(comparison_for(STANDARD.replace("e5-small", "e5-large"), FUSION), Plain)
    assert not learned_with(f"bge+{STANDARD}", FUSION)


def test_it_is_used_only_with_a_recipe_that_says_so_and_that_makes_another_encoder() -> None:
    """The release before read calls plainly with the same models: its vectors of calls are no use to it."""
    before = fusion_from({name: each for name, each in FUSION.stored.items() if name != "calls"})
    assert isinstance(comparison_for(STANDARD, before), Plain)
    assert (before.recipe, before.digest) == ("5", "20b3a2ed"), "as that release named it"
    assert FUSION.digest != before.digest
    assert fusion_from(before.stored).digest == before.digest


def test_of_a_call_its_title_is_read_without_and_with_the_words_of_its_programme() -> None:
    words = CallWords("HORIZON-CL5-2026-D2-01", "Batteries that LAST (RIA)", "en", "Batteries that LAST (RIA). All.")
    bare, described = LEARNED.reads(words)
    assert bare == ReadText("en", "batteries that last")
    assert described.text.startswith("batteries that last (climate, energy and mobility")
    assert Plain({}).reads(words) == (ReadText("en", words.read_text),)


def test_constants_that_are_damaged_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"no zip")
    with pytest.raises(ModelDamagedError, match="broken"):
        learned(broken)


def test_the_benchmark_asks_what_the_product_serves_and_the_year_only_beside_it() -> None:
    words = CallWords("HORIZON-CL5-2021-D2-01", "solid batteries", "en", "solid batteries")
    later = CallWords("HORIZON-CL5-2023-D2-01", "solid batteries", "en", "solid batteries")
    asked = evaluation.Benchmark(["solid batteries"], [words, later], np.ones((1, 2), bool))
    encoder = Encoder(word_models(), FUSION)
    (scores,) = evaluation.product_scores(asked, encoder, LEARNED)
    assert scores[0] == pytest.approx(scores[1]), "a year is nothing to the product"
    assert evaluation.in_learned_years(asked.calls).tolist() == [1.0, 0.0]
    (text,) = encoder.encode([LEARNED.question(ReadText("en", asked.texts[0]))])
    stored = LEARNED.to_store(encoder.encode(LEARNED.reads(words)))
    index = CallIndex([OpenCall(UUID(int=1), "Call", "en", None, (), LEARNED.of_call(stored, "en"))], LEARNED)
    served = index.closest(text, "en", 0.0)[UUID(int=1)]
    assert served == pytest.approx(float(LEARNED.calibrations[0b1111].similarity(scores[0])), abs=1e-3)


def test_a_statement_that_says_what_a_call_says_is_not_taken_for_it() -> None:
    said = "solid batteries"
    mine = {call_hash("en", said, each) for each in ("HORIZON-CL5-2026-D2-01", "EIC-2026", "other")}
    assert len(mine) == 3, "calls of other programmes are read with other words"
    assert text_hash("en", said) not in mine
    assert call_hash("en", said, "EIC-2026") == call_hash("en", said, "EIC-2027")


async def test_what_is_read_of_calls_is_stored_and_answers_questions_as_the_benchmark_asks_them(
    matching: Matching,
) -> None:
    models = word_models()
    models[Space.ENGLISH].name, models[Space.MULTILINGUAL].name = ENGLISH, MULTILINGUAL
    engine = matching.context.state.engine = Engine(matching.engine.settings, Encoder(models, FUSION))
    await load(matching, [call("HORIZON-CL5-2026-D2-01", "Solid batteries (RIA)"), call("other", "Goat cheese")])
    await matching.read()
    async with matching.context.database.session() as session:
        stored = await session.execute(sa.text('SELECT DISTINCT model, vector_dims("values"::vector) FROM text_vector'))
        assert [tuple(row) for row in stored] == [(f"{engine.version} calls", FUSION.dimensions)]
        await engine.calls.refresh(session, today())
    asked_for = await engine.ask_calls(engine.shown, ReadText("en", "Solid batteries of the future"))
    served = engine.calls.close_to(asked_for, 0.0)
    titles = {each: engine.calls.index.calls[each].title for each in served}
    words = [
        CallWords("HORIZON-CL5-2026-D2-01", "Solid batteries (RIA)", "en", ""),
        CallWords("o", "Goat cheese", "en", ""),
    ]
    asked = evaluation.Benchmark(["Solid batteries of the future"], words, np.ones((1, 2), bool))
    (scores,) = evaluation.product_scores(asked, Encoder(models, FUSION), LEARNED)
    expected = LEARNED.calibrations[0b1111].similarity(scores)
    assert {titles[each]: similarity for each, similarity in served.items()} == {
        each.title: pytest.approx(one, abs=1e-3) for each, one in zip(words, expected, strict=True)
    }
    assert expected[0] > expected[1]
