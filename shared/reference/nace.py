"""NACE Rev. 2.1: 22 sections (letters), 87 divisions, 287 groups, 651 classes."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from shared.reference.tables import rows


@dataclass(frozen=True)
class Sector:
    """A sector: ``level`` 1 section, 2 division, 3 group, 4 class; ``parent`` is empty for a section."""

    code: str
    level: int
    parent: str
    title: str


@cache
def _sectors() -> dict[str, Sector]:
    return {
        row["code"]: Sector(row["code"], int(row["level"]), row["parent"], row["title"])
        for row in rows("nace_2.1_en.csv")
    }


def sector(code: str) -> Sector | None:
    """Look up a code such as ``C``, ``28``, ``28.9`` or ``28.99``."""
    return _sectors().get(code)


def sector_ancestors(code: str) -> tuple[str, ...]:
    """Return the sector's own code and those above it, the section last; empty for an unknown code."""
    found = sector(code)
    if found is None:
        return ()
    return (code, *(sector_ancestors(found.parent) if found.parent else ()))


def section_of(code: str) -> str | None:
    """Return the letter of the section a sector belongs to."""
    return next(reversed(sector_ancestors(code)), None)


def sectors_within(codes: Iterable[str]) -> list[str]:
    """Return these sectors and all that lie in them: ``28`` gives ``28``, ``28.1`` … ``28.99``."""
    wanted = set(codes)
    return [code for code in _sectors() if wanted.intersection(sector_ancestors(code))] if wanted else []


def sectors_at(level: int) -> tuple[Sector, ...]:
    """Return all sectors of a level (see :class:`Sector`), by code."""
    return tuple(sorted((each for each in _sectors().values() if each.level == level), key=lambda each: each.code))
