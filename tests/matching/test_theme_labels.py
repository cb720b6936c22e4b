"""Labels of themes are readable: words from the members' statements, in one language, and none that says nothing."""

import json
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from services.matching import themes
from services.matching.themes import LANGUAGES, Voice, find_themes, label_language
from shared.contracts.profiles import StatementRole

SEED = Path(__file__).parents[2] / "deploy" / "local" / "seed"
_SMALL = """
and for the with our are we need looking
und wir für mit der suchen unsere
que con para nuestro buscamos una
che per della cerchiamo nostro
pour des nous cherchons une
voor met zoeken onze een
och för söker vår
jotka joka etsimme tarvitsevat
dla szukamy oraz które
keresünk hogy
procuramos com sem dos
hledáme pro který
hľadáme pre ktorý
"""
NO_LABEL = frozenset(_SMALL.split())
"""Words that stood in labels: the most frequent of the seed data's statements."""


def voice(number: int, text: str, language: str = "en", topic: int = 0) -> Voice:
    """A statement whose vector lies near its topic's."""
    vector = np.random.default_rng(number).normal(0, 0.01, 16)
    vector[topic] += 1
    return Voice(UUID(int=number + 1), StatementRole.OFFER, language, text, frozenset(), vector.astype(np.float16))


def seed_voices() -> list[Voice]:
    """All statements of the seed data in eight groups at random: only the words can make their labels."""
    said = []
    for line in (SEED / "organisations.jsonl").read_text(encoding="utf-8").splitlines():
        organisation = json.loads(line)
        said += [
            (each["text"], each["language"]) for role in ("offers", "needs") for each in organisation.get(role, [])
        ]
    return [voice(number, text, language, number % 8) for number, (text, language) in enumerate(said)]


def label_words(voices: list[Voice]) -> set[str]:
    """The words of all labels, in small letters."""
    return {word.lower() for theme in find_themes(voices, []) for word in theme.label.split(", ")}


def test_all_languages_of_the_seed_data_have_their_small_words_known() -> None:
    spoken = {each.language for each in seed_voices()}
    assert len(spoken) > 10
    assert spoken <= LANGUAGES
    assert len(LANGUAGES) >= 20


@pytest.mark.parametrize("language", sorted({each.language for each in seed_voices()}))
def test_no_label_of_the_seed_data_has_a_word_that_says_nothing(language: str) -> None:
    voices = [each for each in seed_voices() if each.language == language]
    said = label_words(voices)
    assert said
    assert not said & NO_LABEL


def test_control_without_the_common_words_labels_are_full_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(themes, "_SAYS_NOTHING", {"en": frozenset()})
    found = {word for language in ("en", "de", "es") for word in label_words(
        [each for each in seed_voices() if each.language == language])}  # fmt: skip
    assert found & NO_LABEL


def test_a_label_is_in_english_if_enough_is_said_in_it_else_in_what_most_is_said_in() -> None:
    german = [voice(n, "Wärmepumpen für Gewächshäuser", "de") for n in range(6)]
    english = [voice(10 + n, "heat pumps for greenhouses") for n in range(2)]
    [mostly_german] = find_themes([*german[:5]], [])
    assert mostly_german.label == "Gewächshäuser, Wärmepumpen"
    assert label_language([*german, *english]) == "en"
    assert label_language([*german, *english[:1]]) == "de"
    mixed = label_words([*german[:3], *english])
    assert mixed == {"heat", "pumps", "greenhouses"}, "never words of two languages"


def test_forms_of_one_word_stand_in_a_label_once_and_are_written_as_mostly() -> None:
    said = ["Sensor for pH in milk", "sensors and pH probes", "A sensor, LED lamps", "Sensors with LED, pH, milk"]
    [theme] = find_themes([voice(n, text) for n, text in enumerate(said)], [])
    words = theme.label.split(", ")
    assert sum(word.lower().startswith("sensor") for word in words) == 1
    assert "LED" in words
    assert "Sensor" not in words, "the beginning of a sentence is no reason for a capital"


def test_a_theme_of_nothing_but_small_words_has_a_label_all_the_same() -> None:
    [theme] = find_themes([voice(1, "We need this for our company")], [])
    assert theme.label == "other"
