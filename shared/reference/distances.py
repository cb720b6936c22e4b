"""How far two countries, or two regions, are from each other.

A country lies where the time zone database has its main city, a NUTS 2 region where its main place is
(``nuts_points.csv``: our own table, to a tenth of a degree), a smaller region where the one around it is, and a larger
one in the middle of those that it holds.
"""

from functools import cache
from math import asin, cos, radians, sin, sqrt
from statistics import fmean

from shared.reference.nuts import region, region_ancestors
from shared.reference.tables import rows

EARTH_RADIUS_KM = 6371.0
TOGETHER_KM = 1500.0
"""Regions that lie farther from each other (France's overseas ones) have no middle."""

Point = tuple[float, float]
"""Latitude and longitude in degrees."""


@cache
def _points(table: str, key: str) -> dict[str, Point]:
    return {row[key]: (float(row["latitude"]), float(row["longitude"])) for row in rows(table)}


@cache
def distance_km(one: str, other: str) -> float | None:
    """Return the great-circle distance (haversine) in km; ``None`` when one of the countries is not known."""
    return _between(*(_points("points.csv", "country").get(each) for each in sorted((one, other))))


@cache
def regions_km(one: str, other: str) -> float | None:
    """Return the distance of two NUTS regions in km; ``None`` when one of them is not known or lies nowhere."""
    return _between(*map(place_of, sorted((one, other))))


@cache
def place_of(code: str) -> Point | None:
    """Return where a NUTS region lies: its NUTS 2 region's main place, or the middle of the NUTS 2 regions in it."""
    points = _points("nuts_points.csv", "region")
    for each in region_ancestors(code):
        if each in points:
            return points[each]
    inside = [points[each] for each in sorted(points) if region(each) and code in region_ancestors(each)]
    if not region(code) or not inside:
        return None
    middle = fmean(point[0] for point in inside), fmean(point[1] for point in inside)
    return middle if all((_between(middle, each) or 0.0) <= TOGETHER_KM for each in inside) else None


def _between(first: Point | None, second: Point | None) -> float | None:
    if first is None or second is None:
        return None
    (north, east), (north_2, east_2) = ((radians(each[0]), radians(each[1])) for each in (first, second))
    half = sin((north_2 - north) / 2) ** 2 + cos(north) * cos(north_2) * sin((east_2 - east) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(half))
