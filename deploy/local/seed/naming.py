"""Names: display form of the register's capitals, address slugs, and made-up people."""

import hashlib
import re
import unicodedata
from typing import TypeVar

T = TypeVar("T")

_LEGAL = {
    "GMBH": "GmbH", "LIMITED": "Limited", "LTD": "Ltd", "APS": "ApS", "BVBA": "BVBA", "SPA": "SpA", "SRL": "Srl",
    "SRLS": "Srls",
    "SPOLKA": "Spółka", "Z.O.O.": "z o.o.", "SRO": "s.r.o.", "DOO": "d.o.o.",
    "MBH": "mbH", "EHF": "ehf", "EHF.": "ehf.",
}  # fmt: skip
_SMALL = {
    "DE",
    "DEL",
    "DI",
    "DA",
    "DO",
    "LA",
    "Y",
    "E",
    "ET",
    "OF",
    "AND",
    "THE",
    "FOR",
    "VOOR",
    "FUR",
    "ZA",
    "UND",
    "I",
    "IN",
    "EN",
    "SUR",
}
_VOWEL = re.compile(r"[AEIOUY]")


def pick(options: list[T] | tuple[T, ...], *key: object) -> T:
    """One of ``options``, always the same for the same ``key`` (no random state)."""
    digest = hashlib.sha256("|".join(map(str, key)).encode()).digest()
    return options[int.from_bytes(digest[:8], "big") % len(options)]


def share(*key: object) -> float:
    """A number in [0, 1) that depends on ``key`` only."""
    return int.from_bytes(hashlib.sha256("|".join(map(str, key)).encode()).digest()[:6], "big") / 2**48


def display(name: str) -> str:
    """``TINCASUR SUR SL`` → ``Tincasur Sur SL``. Names that are not all capitals are kept as they are."""
    if name != name.upper():
        return " ".join(name.split())
    words = []
    for index, word in enumerate(name.split()):
        if word in _LEGAL:
            words.append(_LEGAL[word])
        elif index and word in _SMALL:
            words.append(word.lower())
        elif len(word) <= 3 or not _VOWEL.search(word) or any(c.isdigit() for c in word) or word.count(".") > 1:
            words.append(word)
        else:
            words.append("-".join(part.capitalize() for part in word.split("-")))
    return " ".join(words).rstrip("*")


def ascii_fold(text: str) -> str:
    """Plain ASCII letters: ``Łódź`` → ``Lodz``."""
    swapped = text.translate(str.maketrans("łŁøØđĐßıæÆœþð", "lLoOdDsiaAopd"))
    return unicodedata.normalize("NFKD", swapped).encode("ascii", "ignore").decode()


def slug(name: str) -> str:
    """A DNS label of at most 40 characters."""
    label = re.sub(r"[^a-z0-9]+", "-", ascii_fold(name).lower()).strip("-")
    return label[:40].strip("-") or "organisation"
