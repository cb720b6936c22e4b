"""CSV columns to the shape of a JSONL record."""

import re
from typing import Any

from shared import reference

PLAIN = (
    "national_id",
    "supplied_id",
    "kind",
    "name",
    "country",
    "region",
    "city",
    "website",
    "undertaking_group",
    "source",
)
LISTS = ("sectors", "languages", "tags", "member_of")
REQUIRED = ("kind", "name", "country")
CONTACT = ("supplied_id", "name", "email", "role", "language", "time_zone")
CONSENT = ("given", "at", "wording", "source")
LIST_SEPARATOR = "|"

_STATEMENT = re.compile(r"(offer|need)_(\d{1,2})(_language|_illustrative)?")
_KNOWN = frozenset((*PLAIN, *LISTS, *(f"contact_{n}" for n in CONTACT), *(f"contact_consent_{n}" for n in CONSENT)))
_YES = frozenset({"true", "yes", "1", "ja", "oui", "tak"})


def unknown_columns(names: list[str]) -> list[str]:
    """Return the columns that mean nothing here."""
    return [name for name in names if name not in _KNOWN and not _STATEMENT.fullmatch(name)]


def _statements(cells: dict[str, str], role: str, fallback_language: str) -> list[dict[str, Any]] | None:
    """Return the statements of a role, ``None`` when the table has no column for it."""
    columns = [m for m in map(_STATEMENT.fullmatch, cells) if m and m[1] == role and not m[3]]
    if not columns:
        return None
    return [
        {
            "text": cells[m[0]],
            "language": cells.get(f"{m[0]}_language") or fallback_language,
            "illustrative": cells.get(f"{m[0]}_illustrative", "").strip().lower() in _YES,
        }
        for m in sorted(columns, key=lambda m: int(m[2]))
        if cells[m[0]].strip()
    ]


def _contact(cells: dict[str, str], kind: str) -> dict[str, Any] | None:
    found: dict[str, Any] = {n: cells[f"contact_{n}"] for n in CONTACT if cells.get(f"contact_{n}", "").strip()}
    if not found:
        return None
    # A cluster's first contact is its hub manager, anybody else's its own contact.
    found.setdefault("role", "hub_manager" if kind == "cluster" else "sme_contact")
    consent = {n: cells[f"contact_consent_{n}"] for n in CONSENT if cells.get(f"contact_consent_{n}", "").strip()}
    if consent:
        found["consent"] = {"given": "true", **consent}
    return found


def record_of(names: list[str], values: list[str]) -> dict[str, Any]:
    """Return the row as a record. An absent column is an absent field; an empty cell is an empty value.

    A statement without a language column is taken to be in the organisation's first language, else its country's.
    """
    cells = dict(zip(names, values, strict=True))
    record: dict[str, Any] = {name: cells[name] for name in PLAIN if name in cells}
    for name in LISTS:
        if name in cells:
            record[name] = [part for part in map(str.strip, cells[name].split(LIST_SEPARATOR)) if part]
    country = reference.country(cells.get("country", "").strip())
    language = next(iter(record.get("languages", ())), country.language if country else "en")
    for role, field in (("offer", "offers"), ("need", "needs")):
        if (statements := _statements(cells, role, language)) is not None:
            record[field] = statements
    if contact := _contact(cells, cells.get("kind", "").strip()):
        record["contacts"] = [contact]
    return record
