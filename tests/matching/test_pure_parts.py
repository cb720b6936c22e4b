"""The small pure parts: clean texts, languages, quotes, answers, calibration, themes."""

import random
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.answers import AFTER_ANSWERS, state_after
from services.matching.encoder.calibration import LEVELS
from services.matching.encoder.fusion import load_fusion
from services.matching.encoder.language import language_of
from services.matching.encoder.packed_e5 import dequantise
from services.matching.encoder.spaces import Space, ground_of, read_text
from services.matching.encoder.text import MAX_CHARACTERS, clean, text_hash
from services.matching.reasons import quote
from services.matching.themes import Voice, find_themes, theme_count
from shared.contracts.matching import Answer, SuggestionState
from shared.contracts.profiles import StatementRole
from tests.matching.test_search import fused

YES, NO = Answer.INTERESTED, Answer.NOT_INTERESTED


@given(st.text())
def test_a_clean_text_is_bounded_single_spaced_and_stays_clean(text: str) -> None:
    once = clean(text)
    assert len(once) <= MAX_CHARACTERS
    assert "  " not in once
    assert not any(ord(each) < 32 for each in once)
    assert clean(once + " ") in (once, clean(once))


def test_markup_control_characters_and_huge_fields_are_harmless() -> None:
    assert clean("We <b>need</b> &amp; offer\r\nBcc: x <script>alert(1)</script>") == "We need & offer Bcc: x"
    assert clean("…!?") == ""
    assert len(clean("wind " * 5_000_000)) <= MAX_CHARACTERS
    assert text_hash("en", "one") != text_hash("de", "one") != text_hash("de", "two")


def test_a_stated_language_is_trusted_and_a_missing_one_is_found() -> None:
    assert language_of("DE-at", "whatever") == "de"
    assert language_of("", "Szukamy partnera do recyklingu baterii litowych z samochodów") == "pl"
    assert language_of(None, "Wir suchen einen Partner für das Recycling von Batterien") == "de"
    assert language_of(None, "4711") == "und"
    assert language_of(None, "Seawater desalination membranes.") == "und"  # not Indonesian
    assert read_text("A need", "en").spaces == tuple(Space)
    assert read_text("Ein Bedarf", "de").spaces == (Space.MULTILINGUAL, Space.UNIVERSAL, Space.LEXICAL)
    assert read_text("Tarve", "fi").spaces == (Space.MULTILINGUAL, Space.LEXICAL)
    assert ground_of("en") & ground_of("ru") == Space.MULTILINGUAL.bit + Space.UNIVERSAL.bit
    assert ground_of("fi") & ground_of("ru") == ground_of("und") == Space.MULTILINGUAL.bit
    assert read_text("", "en").spaces == ()


@given(st.text(min_size=1), st.integers(1, 60))
def test_a_quote_is_short(text: str, length: int) -> None:
    assert len(quote(text, length)) <= length + 3


def test_a_quote_is_cut_at_a_word() -> None:
    assert quote("We recycle lithium batteries.", 40) == "“We recycle lithium batteries”"
    assert quote("We recycle lithium batteries from cars", 20) == "“We recycle lithium…”"


def test_every_combination_of_answers_leads_to_a_state() -> None:
    for first in (None, YES, NO):
        for second in (None, YES, NO):
            assert state_after(first, second) == state_after(second, first)
    assert state_after(YES, YES) == SuggestionState.CONNECTED
    assert state_after(YES, None) == SuggestionState.PROPOSED
    assert state_after(YES, NO) == SuggestionState.DECLINED
    assert sum(state == SuggestionState.CONNECTED for state in AFTER_ANSWERS.values()) == 1


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20))
def test_similarities_lie_between_0_and_1_and_rise_with_the_cosine(cosines: list[float]) -> None:
    fusion = load_fusion()
    for ground, calibration in fusion.calibrations.items():
        most = sum(weight for space, weight in fusion.weights.items() if space.bit & ground)
        values = calibration.similarity(sorted(cosines))
        assert np.all(np.diff(values) >= 0)
        assert values.min() >= 0
        assert values.max() <= 1
        assert calibration.similarity(most) == 1
        assert calibration.similarity(calibration.anchors[2]) == LEVELS[2] == 0.5


def test_placing_vectors_takes_away_what_a_language_has_in_common_and_weighs_the_rest() -> None:
    vectors = np.eye(3, 384, dtype=np.float32)
    centre = np.full(384, 0.01, np.float32)
    languages = ["de", "en", "xx"]
    fusion = replace(load_fusion(), centres={"en": centre, "other": -centre})
    placed = fusion.place(Space.MULTILINGUAL, vectors, languages)
    assert np.allclose(np.linalg.norm(placed, axis=1) ** 2, fusion.weights[Space.MULTILINGUAL])
    assert placed[1, 5] < 0 < placed[0, 5] == placed[2, 5]
    assert np.allclose(fusion.place(Space.ENGLISH, vectors, languages), vectors * fusion.weights[Space.ENGLISH] ** 0.5)


@given(st.sampled_from(["en", "de", "fi"]), st.sampled_from(["en", "fr", "hu"]))
def test_two_texts_are_compared_in_the_spaces_that_both_have(one: str, other: str) -> None:
    fusion = load_fusion()
    same = np.ones(512)
    said = [fused(language, same[:384]).astype(np.float64) for language in (one, other)]
    common = ground_of(one) & ground_of(other)
    assert np.isclose(said[0] @ said[1], sum(w for space, w in fusion.weights.items() if space.bit & common), atol=1e-2)
    assert common in fusion.calibrations


def test_four_bit_weights_are_unpacked_low_nibbles_first() -> None:
    block = np.zeros(18, np.uint8)
    block[:2] = np.frombuffer(np.float16(0.5).tobytes(), np.uint8)
    block[2:] = 0x88
    block[2] = 0xF0
    weights = dequantise(block)
    assert weights.shape == (32,)
    assert (weights[0], weights[16], weights[1]) == (-4.0, 3.5, 0.0)


def voices(count: int = 24) -> list[Voice]:
    """Return statements on two clearly different matters, said in two clusters."""
    chance = np.random.default_rng(4)
    made = []
    for number in range(count):
        water = number % 2 == 0
        vector = np.zeros(384)
        vector[0 if water else 1] = 1
        made.append(
            Voice(
                UUID(int=number),
                StatementRole.NEED if number % 3 == 0 else StatementRole.OFFER,
                "en",
                "membrane desalination water" if water else "milk cheese dairy",
                frozenset({UUID(int=900 + number % 4 // 2)}),
                (vector + chance.normal(0, 0.01, 384)).astype(np.float16),
            )
        )
    return made


def test_themes_are_named_by_their_own_words_and_show_who_is_strong() -> None:
    said = voices()
    themes = find_themes(said, [UUID(int=900), UUID(int=901)])
    assert {each for theme in themes for each in theme.statement_ids} == {each.statement_id for each in said}
    assert all(
        set(theme.label.split(", ")) in ({"membrane", "desalination", "water"}, {"milk", "cheese", "dairy"})
        for theme in themes
    )
    assert sum(each.offers + each.needs for theme in themes for each in theme.strengths) == len(said)
    for theme in themes:
        assert theme.gaps == tuple(each.cluster_id for each in theme.strengths if each.needs > each.offers)


def test_themes_do_not_depend_on_the_order_of_statements() -> None:
    said = voices()
    shuffled = random.Random(1).sample(said, len(said))
    clusters = [UUID(int=900), UUID(int=901)]
    assert find_themes(said, clusters) == find_themes(shuffled, clusters)


@pytest.mark.parametrize(("statements", "themes"), [(0, 1), (5, 1), (8, 2), (50, 5), (5000, 8)])
def test_there_are_few_themes(statements: int, themes: int) -> None:
    assert theme_count(statements) == themes


def test_a_cluster_without_statements_has_no_themes() -> None:
    assert find_themes([], [UUID(int=1), UUID(int=2)]) == ()
