"""What explanations say, in the languages the service writes; a reader of another language gets English.

Pure: reads its own catalogues once, knows neither web, broker nor database.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from babel import Locale
from babel.numbers import format_decimal

WRITTEN = ("en", "de", "fr", "pl")
FALLBACK = "en"


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return all texts of one written language by key."""
    return dict(json.loads((files(__package__) / f"{language}.json").read_text(encoding="utf-8")))


def written_language(wanted: str) -> str:
    """Return the language to write in for a reader who wants ``wanted`` (ISO 639-1)."""
    return wanted if wanted in WRITTEN else FALLBACK


@dataclass(frozen=True)
class Texts:
    """The catalogue of one language."""

    language: str

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of ``key`` with ``{name}`` replaced. Raises ``KeyError`` on an unknown key or value."""
        return catalogue(self.language)[key].format(**values)

    def first_of(self, *keys: str) -> str | None:
        """Return the first of the keys that there is a text of."""
        return next((key for key in keys if key in catalogue(self.language)), None)

    def number(self, value: float) -> str:
        """Write a whole number as people of this language do: ``2,150``."""
        return str(format_decimal(round(value), locale=self.language))

    def language_name(self, code: str) -> str:
        """Name a language (``hu`` → *Hungarian*) in this language; its code when nobody knows it."""
        return str(Locale(self.language).languages.get(code, code))
