"""NUTS 2024 regions and the statistical regions of partner countries: a tree of three levels below each country."""

from dataclasses import dataclass
from functools import cache

from shared.reference.countries import EU_ALIASES
from shared.reference.tables import rows

DIFFERENT_COUNTRY = 4
"""Distance of two regions that share no ancestor: one more than the depth of the tree."""


@dataclass(frozen=True)
class Region:
    """A region of ``level`` 1 to 3; ``country`` is the ISO code (a code such as ``EL30`` lies in ``GR``)."""

    code: str
    level: int
    parent: str
    country: str
    name: str
    name_latin: str
    urban_rural: str


@cache
def _regions() -> dict[str, Region]:
    return {
        row["code"]: Region(
            row["code"],
            int(row["level"]),
            row["parent"],
            EU_ALIASES.get(row["country"], row["country"]),
            row["name"],
            row["name_latin"],
            row["urban_rural"],
        )
        for row in rows("nuts.csv")
    }


@cache
def _changes() -> dict[str, tuple[str, ...]]:
    """Old code → new codes. A changed region is one row that ends and one that begins, by the same name."""
    begun: dict[tuple[str, str, str], list[str]] = {}
    ended: list[tuple[tuple[str, str, str], str]] = []
    renamed: dict[str, tuple[str, ...]] = {}
    for row in rows("nuts_2021_2024_changes.csv"):
        key = (row["country"], row["level"], row["name"])
        if row["code_2021"] and row["code_2024"]:
            renamed[row["code_2021"]] = (row["code_2024"],)
        elif row["code_2024"]:
            begun.setdefault(key, []).append(row["code_2024"])
        else:
            ended.append((key, row["code_2021"]))
    return renamed | {code: tuple(begun.get(key, ())) for key, code in ended}


def region(code: str) -> Region | None:
    """Look up a code of NUTS 2024 (or of a partner country's regions); capitals, as Eurostat writes them."""
    return _regions().get(code)


def region_successors(code: str) -> tuple[str, ...]:
    """Return what became of a code of NUTS 2021 in NUTS 2024; empty when it did not change or has no single heir."""
    return _changes().get(code, ())


def region_ancestors(code: str) -> tuple[str, ...]:
    """Return the region's own code and those above it, the country's NUTS code last; empty for an unknown code."""
    found = region(code)
    if found is None:
        return ()
    return (code, *(region_ancestors(found.parent) or (found.parent,)))


def region_in(code: str, within: str) -> bool:
    """Whether a region lies in (or is) another; ``within`` may also be a country's NUTS code."""
    return within in region_ancestors(code)


def region_distance(first: str, second: str) -> int:
    """Return how many levels one climbs from the deeper region to the common ancestor: 0 same … 4 other country."""
    one, other = region_ancestors(first), region_ancestors(second)
    common = next((code for code in one if code in other), None)
    if common is None:
        return DIFFERENT_COUNTRY
    return max(one.index(common), other.index(common))


def regions_of(country: str) -> tuple[Region, ...]:
    """Return a country's regions of all levels, by code; empty for a country that is not in the tree."""
    return _regions_by_country().get(country, ())


@cache
def _regions_by_country() -> dict[str, tuple[Region, ...]]:
    found: dict[str, list[Region]] = {}
    for each in sorted(_regions().values(), key=lambda one: one.code):
        found.setdefault(each.country, []).append(each)
    return {country: tuple(regions) for country, regions in found.items()}
