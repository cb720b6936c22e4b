"""Field rules of profiles, the same for HTTP bodies and imported rows.

Each breach raises a ``PydanticCustomError`` whose *type* is the rule's name. Messages never repeat the offending
value: it may be a person's.
"""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from shared import reference
from shared.clock import now

MAX_STATEMENT = 5_000
MAX_STATEMENTS_BYTES = 200_000
"""All offers and needs of an organisation together, in UTF-8. An event carries them in one record of a megabyte, where
a letter may take two, and PostgreSQL's search vector holds a megabyte, of which compound words take three times theirs.
"""
MAX_NAME = 300
MAX_LIST = 50
CLOCK_TOLERANCE = timedelta(minutes=5)
UNSAFE_IN_LINE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories of control characters, surrogates, line and paragraph separators."""

# RFC 5322 atoms, in ASCII: an address must fit a mail header and an SMTP command as it stands.
_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)


def breach(rule: str, message: str) -> PydanticCustomError:
    """Return the error that names a broken rule."""
    return PydanticCustomError(rule, message)


def one_line(text: str) -> str:
    """Trim and compose; refuse what could break out of a line (and so out of a mail header)."""
    text = unicodedata.normalize("NFC", text.strip())
    if any(unicodedata.category(letter) in UNSAFE_IN_LINE for letter in text):
        raise breach("control-character", "Line breaks and control characters are not allowed here.")
    if not text:
        raise breach("required", "This must not be empty.")
    return text


def many_lines(text: str) -> str:
    """Trim and compose; line breaks and tabs stay, other control characters are refused."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").strip())
    if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t" for letter in text):
        raise breach("control-character", "Control characters are not allowed here.")
    if not text:
        raise breach("required", "This must not be empty.")
    return text


def _country(code: str) -> str:
    found = reference.country(code.strip())
    if found is None:
        raise breach("unknown-country", "This is no ISO 3166-1 country code such as AT.")
    return found.code


def _region(code: str) -> str:
    code = code.strip().upper()
    if reference.region(code) is None:
        if heirs := reference.region_successors(code):
            raise breach("unknown-region", f"This code ended with NUTS 2021; in NUTS 2024 it is {' or '.join(heirs)}.")
        raise breach("unknown-region", "This is no NUTS 2024 region such as AT221.")
    return code


def _sector(code: str) -> str:
    code = code.strip().upper()
    if reference.sector(code) is None:
        raise breach("unknown-sector", "This is no NACE Rev. 2.1 code such as 28.99.")
    return code


def _language(code: str) -> str:
    code = code.strip().lower()
    if not reference.is_language(code):
        raise breach("unknown-language", "This is no ISO 639-1 language code such as de.")
    return code


def _time_zone(name: str) -> str:
    if not reference.is_time_zone(name):
        raise breach("unknown-time-zone", "This is no IANA time zone such as Europe/Vienna.")
    return name


def _email(address: str) -> str:
    address = one_line(address)
    if len(address) > 254 or len(address.partition("@")[0]) > 64 or not _EMAIL.fullmatch(address):
        raise breach("malformed-email", "This is no e-mail address.")
    return address


def _website(address: str) -> str:
    address = one_line(address)
    if "://" not in address:
        address = "https://" + address
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise breach("malformed-website", "This is no web address.") from error
    if parts.scheme not in ("http", "https") or "." not in host or any(c in address for c in ' "<>'):
        raise breach("malformed-website", "This is no web address that starts with http:// or https://.")
    return address


def _past(at: datetime) -> datetime:
    if not 1990 <= at.year <= 9000:
        raise breach("implausible-time", "This time can't be right.")
    if at > now() + CLOCK_TOLERANCE:
        raise breach("time-in-future", "This must have happened already.")
    return at.astimezone(UTC)


def _tag(text: str) -> str:
    return one_line(text).casefold()


def _distinct(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _nothing(value: object) -> object:
    """An empty text in an optional field means nothing."""
    return None if isinstance(value, str) and not value.strip() else value


Line = Annotated[str, Field(max_length=MAX_NAME), AfterValidator(one_line)]
SuppliedId = Annotated[str, Field(max_length=200), AfterValidator(one_line)]
StatementText = Annotated[str, Field(max_length=MAX_STATEMENT), AfterValidator(many_lines)]
Country = Annotated[str, AfterValidator(_country)]
Region = Annotated[str, AfterValidator(_region)]
Language = Annotated[str, AfterValidator(_language)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Email = Annotated[str, AfterValidator(_email)]
Website = Annotated[str, Field(max_length=500), AfterValidator(_website)]
PastMoment = Annotated[AwareDatetime, AfterValidator(_past)]
Sectors = Annotated[
    list[Annotated[str, AfterValidator(_sector)]], Field(max_length=MAX_LIST), AfterValidator(_distinct)
]
Languages = Annotated[list[Language], Field(max_length=20), AfterValidator(_distinct)]
Tags = Annotated[
    list[Annotated[str, Field(max_length=60), AfterValidator(_tag)]],
    Field(max_length=MAX_LIST),
    AfterValidator(_distinct),
]
Optional = BeforeValidator(_nothing)


def fits(texts: Iterable[str]) -> bool:
    """Whether the texts of an organisation's statements can be told and searched."""
    return sum(len(each.encode()) for each in texts) <= MAX_STATEMENTS_BYTES


def check_statements_fit(texts: Iterable[str]) -> None:
    """All offers and needs together must not be too long."""
    if not fits(texts):
        raise breach("too-long", f"All offers and needs together may have {MAX_STATEMENTS_BYTES:,} bytes.")


def check_region_in_country(region: str | None, country: str) -> None:
    """A region must lie in the organisation's country."""
    found = reference.region(region) if region else None
    if found and found.country != country:
        raise breach("region-outside-country", "The region does not lie in the country.")
