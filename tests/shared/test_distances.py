"""Distances between countries, for what a visit takes."""

import pytest

from shared.reference.distances import distance_km


def test_distances_are_those_of_the_map() -> None:
    assert distance_km("DE", "PL") == pytest.approx(520, abs=20)  # Berlin to Warsaw
    assert distance_km("PT", "FI") == pytest.approx(3360, abs=60)  # Lisbon to Helsinki
    assert distance_km("FR", "FR") == 0
    assert distance_km("PL", "DE") == distance_km("DE", "PL")
    assert distance_km("DE", "ZZ") is None
