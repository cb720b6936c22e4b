"""Countries (ISO 3166-1), languages (ISO 639-1), time zones, and which country lets us mail without opt-in."""

import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from zoneinfo import available_timezones

from shared.reference.tables import rows

EU_ALIASES = {"EL": "GR", "UK": "GB"}
"""The two codes that EU institutions (and NUTS) write differently from ISO 3166."""

OTHER_NAMES = {
    "czech republic": "CZ",
    "turkey": "TR",
    "faeroe islands": "FO",
    "the netherlands": "NL",
    "republic of ireland": "IE",
    "great britain": "GB",
    "united states of america": "US",
    "russian federation": "RU",
    "moldova, republic of": "MD",
    "macedonia": "MK",
    "republic of north macedonia": "MK",
    "korea": "KR",
    "bosnia and herzegovina": "BA",
    "china (people's republic of)": "CN",
    "hong kong": "HK",
    "cote d'ivoire": "CI",
    "palestine": "PS",
}
"""Names that CORDIS and people use beside those of the CLDR."""


@dataclass(frozen=True)
class Country:
    """A country: ``languages`` are its official ones, most spoken first; ``group`` is EU, EEA, EFTA or empty."""

    code: str
    name: str
    languages: tuple[str, ...]
    time_zone: str
    group: str

    @property
    def language(self) -> str:
        """The language to write in when a person has named none."""
        return self.languages[0]


class EmailRule(StrEnum):
    """When a professional address may be mailed a suggestion (domain rule "Consent")."""

    OPT_IN = "opt_in"
    OPT_OUT = "opt_out"
    OPT_OUT_AFTER_NOTICE = "opt_out_after_notice"


@dataclass(frozen=True)
class _DatedRule:
    rule: EmailRule
    valid_from: date
    valid_to: date | None


def _read_countries() -> dict[str, Country]:
    return {
        row["code"]: Country(
            row["code"], row["name"], tuple(row["languages"].split("|")), row["time_zone"], row["group"]
        )
        for row in rows("countries.csv")
    }


COUNTRIES: dict[str, Country] = _read_countries()
LANGUAGES: dict[str, str] = {row["code"]: row["name"] for row in rows("languages.csv")}


def country(code: str) -> Country | None:
    """Look up an ISO 3166-1 alpha-2 code; ``EL`` and ``UK`` are understood as Greece and the United Kingdom."""
    upper = code.upper()
    return COUNTRIES.get(EU_ALIASES.get(upper, upper))


def _plain(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).strip()


@cache
def _by_name() -> dict[str, str]:
    return {_plain(each.name): each.code for each in COUNTRIES.values()} | OTHER_NAMES


def country_by_name(name: str) -> Country | None:
    """Look up an English name, whatever its case and accents."""
    code = _by_name().get(_plain(name))
    return COUNTRIES[code] if code else None


def is_language(code: str) -> bool:
    """Whether this is a lower-case ISO 639-1 code."""
    return code in LANGUAGES


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_time_zone(name: str) -> bool:
    """Whether this is an IANA time zone such as ``Europe/Vienna``."""
    return ("/" in name and name in _time_zones()) or name == "UTC"


@cache
def _email_rules() -> dict[str, list[_DatedRule]]:
    found: dict[str, list[_DatedRule]] = {}
    for row in rows("email_rules.csv"):
        until = date.fromisoformat(row["valid_to"]) if row["valid_to"] else None
        rule = _DatedRule(EmailRule(row["rule"]), date.fromisoformat(row["valid_from"]), until)
        found.setdefault(row["country"], []).append(rule)
    return found


def email_rule(code: str, on: date) -> EmailRule:
    """Return the rule of a country on a day; opt-in wherever the table says nothing."""
    known = country(code)
    for each in _email_rules().get(known.code, []) if known else []:
        if each.valid_from <= on and (each.valid_to is None or on <= each.valid_to):
            return each.rule
    return EmailRule.OPT_IN
