"""Distances between countries and between regions."""

import pytest

from shared import reference
from shared.reference.distances import distance_km, place_of, regions_km


def test_distances_are_those_of_the_map() -> None:
    assert distance_km("DE", "PL") == pytest.approx(520, abs=20)  # Berlin to Warsaw
    assert distance_km("PT", "FI") == pytest.approx(3360, abs=60)  # Lisbon to Helsinki
    assert distance_km("FR", "FR") == 0
    assert distance_km("PL", "DE") == distance_km("DE", "PL")
    assert distance_km("DE", "ZZ") is None


def test_regions_on_both_sides_of_a_border_are_nearer_than_their_countries() -> None:
    assert regions_km("DE13", "FRF1") == pytest.approx(65, abs=15)  # Freiburg to Strasbourg
    assert regions_km("DE132", "FRF11") == regions_km("FRF1", "DE13"), (
        "a smaller region lies where the one around it is"
    )
    assert regions_km("ES70", "PT11") == pytest.approx(1580, abs=60)  # not as far as Madrid is
    assert regions_km("FRY4", "IE06") == pytest.approx(9900, abs=300)  # Réunion is no suburb of Paris
    assert regions_km("DE13", "DE13") == 0
    assert regions_km("DE13", "XX99") is None


def test_a_large_region_lies_in_the_middle_of_those_in_it_unless_they_are_scattered_over_the_world() -> None:
    assert regions_km("DE2", "DE21") == pytest.approx(130, abs=80)  # Bavaria, from Munich
    assert place_of("FRY") is None


def test_every_region_of_the_second_level_lies_somewhere_and_not_far_from_its_country() -> None:
    for country in reference.COUNTRIES:
        for each in reference.regions_of(country):
            if each.level == 2:
                assert place_of(each.code), each
                near = regions_km(each.code, f"{each.parent}") or 0.0
                assert near < 1500 or each.code.startswith("FRY"), each
