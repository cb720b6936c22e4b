"""The lexicon: learned from aligned labels, alike across languages, packed without loss, refused when damaged."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.encoder import learn_lexicon
from services.matching.encoder.errors import ModelDamagedError, ModelMissingError
from services.matching.encoder.lexicon import LEXICON, Lexicon, load_lexicon, ngrams, pack, save_lexicon, unpack
from services.matching.encoder.spaces import LEXICAL_LANGUAGES

THINGS = {"pump": "pumppu", "valve": "venttiili", "pipe": "putki", "wood": "puu", "paper": "paperi", "glass": "lasi"}
FOR = {"water": "vesi", "steam": "höyry", "oil": "öljy", "gas": "kaasu", "milk": "maito", "wine": "viini"}


@pytest.fixture
def learned(monkeypatch: pytest.MonkeyPatch) -> Lexicon:
    """A lexicon of two languages, learned from all but a few combinations of two words."""
    monkeypatch.setattr(learn_lexicon, "RANK", 8)
    monkeypatch.setattr(learn_lexicon, "LEAST", 2)
    monkeypatch.setattr(learn_lexicon, "MOST_COMMON", 1.0)
    pairs = [
        (thing, use) for thing in THINGS for use in FOR if (thing, use) not in (("pump", "milk"), ("glass", "wine"))
    ]
    labels = {
        "en": [f"{use} {thing}" for thing, use in pairs],
        "fi": [f"{FOR[use]}{THINGS[thing]}" for thing, use in pairs],
    }
    return Lexicon(learn_lexicon.learn(labels))


def test_a_combination_it_never_saw_is_found_in_the_other_language(learned: Lexicon) -> None:
    (asked,) = learned.encode(["milk pump"], ["en"])
    found = learned.encode(["maitopumppu", "öljyventtiili", "viinilasi", "höyrypaperi"], ["fi"] * 4)
    assert np.argmax(found @ asked) == 0
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_what_it_does_not_know_is_nothing(learned: Lexicon) -> None:
    assert not learned.encode(["zzz qqq", "", "water pump"], ["en", "fi", "xx"]).any()


@given(st.lists(st.lists(st.integers(-7, 7), min_size=6, max_size=6), min_size=1, max_size=5))
def test_packing_loses_nothing(numbers: list[list[int]]) -> None:
    assert np.array_equal(unpack(pack(np.array(numbers, np.int8))), numbers)


def test_pieces_know_where_words_begin_and_end() -> None:
    assert set(ngrams("Oil")) == {" oi", "oil", "il ", " oil", "oil "}
    assert ngrams("") == {}


def test_the_shipped_lexicon_knows_the_languages_of_the_union() -> None:
    shipped = load_lexicon()
    assert shipped.languages == LEXICAL_LANGUAGES
    words = {"de": "Schwimmwesten", "fi": "pelastusliivit", "hu": "mentőmellények", "el": "σωσίβια γιλέκα"}
    others = {"de": "Zahnpasta", "fi": "hammastahna", "hu": "fogkrém", "el": "οδοντόκρεμα"}
    (jackets,) = shipped.encode(["life jackets"], ["en"])
    near = shipped.encode(list(words.values()), list(words)) @ jackets
    far = shipped.encode(list(others.values()), list(others)) @ jackets
    assert (near > far).all()


def test_a_missing_or_damaged_lexicon_says_so(tmp_path: Path, learned: Lexicon) -> None:
    with pytest.raises(ModelMissingError, match="is missing"):
        load_lexicon(tmp_path / "none.npz")
    cut = tmp_path / "cut.npz"
    cut.write_bytes(LEXICON.read_bytes()[:1000])
    with pytest.raises(ModelDamagedError, match="can't be read"):
        load_lexicon(cut)
    kept = tmp_path / "kept.npz"
    save_lexicon(learned._tables, kept)
    again = load_lexicon(kept)
    assert np.allclose(again.encode(["oil valve"], ["en"]), learned.encode(["oil valve"], ["en"]), atol=1e-2)
