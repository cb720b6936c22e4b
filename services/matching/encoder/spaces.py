"""The vector spaces in which texts are compared, and which of them a text lives in. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from services.matching.encoder.language import language_of
from services.matching.encoder.text import clean

UNIVERSAL_LANGUAGES = frozenset(
    {"ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh"}
)
"""What USE was trained on; of any other language its vectors mean little (Finnish: 19 % of labels found)."""

LEXICAL_LANGUAGES = frozenset(
    {"bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "hr", "hu", "it", "lt", "lv", "mt", "nl", "pl", "pt"}
    | {"ro", "sk", "sl", "sv"}
)
"""What the lexicon was learned in: the languages of the CPV labels."""


class Space(StrEnum):
    """One model's space each, in the order in which a fused vector holds them."""

    ENGLISH = "english"
    MULTILINGUAL = "multilingual"
    UNIVERSAL = "universal"
    LEXICAL = "lexical"

    @property
    def bit(self) -> int:
        """Return this space's bit in a set of spaces."""
        return 1 << list(Space).index(self)


def spaces_of(language: str) -> tuple[Space, ...]:
    """Return the spaces in which texts of this language have vectors."""
    known = {
        Space.ENGLISH: language == "en",
        Space.MULTILINGUAL: True,
        Space.UNIVERSAL: language in UNIVERSAL_LANGUAGES,
        Space.LEXICAL: language in LEXICAL_LANGUAGES,
    }
    return tuple(space for space in Space if known[space])


def ground_of(language: str) -> int:
    """Return the spaces of a language as a sum of bits; two texts are compared in what both have, ``one & other``."""
    return sum(each.bit for each in spaces_of(language))


@dataclass(frozen=True)
class ReadText:
    """A statement as the models read it: its language and its cleaned text."""

    language: str
    text: str

    @property
    def spaces(self) -> tuple[Space, ...]:
        """Where this text has vectors; empty when there is nothing to read in it."""
        return spaces_of(self.language) if self.text else ()


def read_text(text: str, stated_language: str | None) -> ReadText:
    """Clean a statement and settle its language."""
    cleaned = clean(text)
    return ReadText(language_of(stated_language, cleaned), cleaned)
