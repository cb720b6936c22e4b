"""What the mails say, in the languages the service writes; a reader of another language gets English.

Pure: reads its own catalogues once, knows neither web, broker nor database.
"""

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency
from markupsafe import Markup

from shared.contracts.money import Money

WRITTEN = ("en", "fr", "de", "pl")
FALLBACK = "en"


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return all texts of one written language by key."""
    return dict(json.loads((files(__package__) / f"{language}.json").read_text(encoding="utf-8")))


def written_language(wanted: str | None) -> str:
    """Return the language to write in for a reader who wants ``wanted`` (ISO 639-1, a region is ignored)."""
    plain = (wanted or FALLBACK).split("-")[0].lower()
    return plain if plain in WRITTEN else FALLBACK


@dataclass(frozen=True)
class Texts:
    """The catalogue of one language. ``markup``: values are HTML-escaped (only our own texts are trusted)."""

    language: str
    markup: bool = False

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of ``key`` with ``{name}`` replaced. Raises ``KeyError`` on an unknown key or value."""
        text = catalogue(self.language)[key]
        for name, value in values.items():
            if str(value).endswith("."):
                # "… visits Szegedi Kft.": a name that ends in a full stop ends the sentence too.
                text = text.replace(f"{{{name}}}.", f"{{{name}}}")
        return Markup(text).format(**values) if self.markup else text.format(**values)  # noqa: S704 - ours

    def has(self, key: str) -> bool:
        """Whether there is a text of that key."""
        return key in catalogue(self.language)

    def language_name(self, code: str) -> str:
        """Name a language (``hu`` → *Hungarian*) in this language; its code when nobody knows it."""
        return str(Locale(self.language).languages.get(code, code))

    def country(self, code: str) -> str:
        """Name a country in this language; its code when nobody knows it."""
        return str(Locale(self.language).territories.get(code, code))

    def date(self, day: date) -> str:
        """Write a date in full, as people of this language do."""
        return str(format_date(day, "long", locale=self.language))

    def money(self, money: Money) -> str:
        """Write an amount with its currency."""
        return str(format_currency(money.amount, money.currency, locale=self.language))
