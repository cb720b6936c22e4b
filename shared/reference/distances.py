"""How far two countries are from each other, by the point that the time zone database gives for each: its main city."""

from functools import cache
from math import asin, cos, radians, sin, sqrt

from shared.reference.tables import rows

EARTH_RADIUS_KM = 6371.0


@cache
def _points() -> dict[str, tuple[float, float]]:
    return {row["country"]: (float(row["latitude"]), float(row["longitude"])) for row in rows("points.csv")}


@cache
def distance_km(one: str, other: str) -> float | None:
    """Return the great-circle distance (haversine) in km; ``None`` when one of the countries is not known."""
    first, second = (_points().get(each) for each in sorted((one, other)))
    if first is None or second is None:
        return None
    (north, east), (north_2, east_2) = ((radians(each[0]), radians(each[1])) for each in (first, second))
    half = sin((north_2 - north) / 2) ** 2 + cos(north) * cos(north_2) * sin((east_2 - east) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(half))
