"""The reference data: codes exist or they don't, and the tables agree with each other."""

from datetime import date
from importlib.resources import files

import pytest

from shared import reference
from shared.reference import EmailRule, tables

EU27 = frozenset(
    ("AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE").split()  # noqa: SIM905
)


def test_the_27_members_of_the_union_and_the_eea_are_known_with_language_and_time_zone() -> None:
    assert {c.code for c in reference.COUNTRIES.values() if c.group == "EU"} == EU27
    assert {c.code for c in reference.COUNTRIES.values() if c.group == "EEA"} == {"IS", "LI", "NO"}
    assert reference.COUNTRIES["AT"].language == "de"
    assert reference.COUNTRIES["AT"].time_zone == "Europe/Vienna"


def test_every_country_has_known_languages_and_a_known_time_zone() -> None:
    for each in reference.COUNTRIES.values():
        assert all(reference.is_language(code) for code in each.languages), each
        assert reference.is_time_zone(each.time_zone), each


@pytest.mark.parametrize(("written", "meant"), [("EL", "GR"), ("UK", "GB"), ("at", "AT"), ("CH", "CH")])
def test_the_codes_of_eu_institutions_are_understood(written: str, meant: str) -> None:
    found = reference.country(written)
    assert found is not None
    assert found.code == meant


@pytest.mark.parametrize("code", ["", "XX", "AUT", "Austria", "A\0", "٣٣"])
def test_an_unknown_country_is_unknown(code: str) -> None:
    assert reference.country(code) is None


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("United Kingdom", "GB"), ("Czech Republic", "CZ"), ("TURKEY", "TR"), ("Türkiye", "TR"),
        ("Faeroe Islands", "FO"), ("Slovakia", "SK"), ("Costa Rica", "CR"), ("Saudi Arabia", "SA"),
    ],
)  # fmt: skip
def test_countries_are_found_by_the_names_that_cordis_writes(name: str, code: str) -> None:
    found = reference.country_by_name(name)
    assert found is not None
    assert found.code == code


def test_poland_needs_opt_in_and_france_a_notice_first() -> None:
    assert reference.email_rule("PL", date(2026, 11, 22)) is EmailRule.OPT_IN
    assert reference.email_rule("FR", date(2026, 11, 22)) is EmailRule.OPT_OUT_AFTER_NOTICE


def test_a_country_without_a_rule_or_before_its_rule_needs_opt_in() -> None:
    assert reference.email_rule("DE", date(2026, 11, 22)) is EmailRule.OPT_IN
    assert reference.email_rule("IE", date(2011, 6, 30)) is EmailRule.OPT_IN
    assert reference.email_rule("IE", date(2011, 7, 1)) is EmailRule.OPT_OUT
    assert reference.email_rule("nowhere", date(2026, 1, 1)) is EmailRule.OPT_IN


def test_every_region_has_its_parent_up_to_its_country() -> None:
    for row in tables.rows("nuts.csv"):
        ancestors = reference.region_ancestors(row["code"])
        assert len(ancestors) == int(row["level"]) + 1, row
        assert ancestors[-1] == row["country"]
        found = reference.region(row["code"])
        assert found is not None
        assert found.country in reference.COUNTRIES


def test_greek_regions_lie_in_the_country_that_iso_calls_gr() -> None:
    found = reference.region("EL303")
    assert found is not None
    assert found.country == "GR"


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ("AT221", "AT221", 0), ("AT221", "AT222", 1), ("AT221", "AT22", 1), ("AT221", "AT211", 2),
        ("AT221", "AT130", 3), ("AT2", "AT1", 1), ("AT221", "DE111", 4), ("AT221", "nowhere", 4),
    ],
)  # fmt: skip
def test_distance_counts_the_levels_up_to_the_common_region(first: str, second: str, distance: int) -> None:
    assert reference.region_distance(first, second) == distance
    assert reference.region_distance(second, first) == distance


def test_a_region_lies_in_its_ancestors_only() -> None:
    assert reference.region_in("AT221", "AT2")
    assert reference.region_in("AT221", "AT")
    assert not reference.region_in("AT2", "AT221")


def test_old_codes_lead_to_their_successors() -> None:
    assert reference.region_successors("NL332") == ("NL361",)
    assert reference.region_successors("NL31") == ("NL35",)
    assert reference.region_successors("LV007") == ()  # merged into several
    for row in tables.rows("nuts_2021_2024_changes.csv"):
        for code in reference.region_successors(row["code_2021"]):
            assert reference.region(code) is not None, code


def test_sectors_form_a_tree_of_four_levels() -> None:
    for row in tables.rows("nace_2.1_en.csv"):
        assert len(reference.sector_ancestors(row["code"])) == int(row["level"])
    assert reference.sector_ancestors("28.99") == ("28.99", "28.9", "28", "C")
    assert reference.section_of("28.99") == "C"
    assert reference.sector("99.99") is None
    assert reference.section_of("99.99") is None


def test_all_sectors_of_a_level_and_all_regions_of_a_country_can_be_listed() -> None:
    assert len(reference.sectors_at(4)) == 651
    assert [each.code for each in reference.sectors_at(2)][:2] == ["01", "02"]
    codes = [each.code for each in reference.regions_of("GR")]
    assert codes == sorted(codes)
    assert {"EL3", "EL30", "EL301"} <= set(codes)
    assert reference.regions_of("XX") == ()


def test_the_data_carry_their_attribution() -> None:
    notice = files("shared.reference").joinpath("NOTICE").read_text(encoding="utf-8")
    assert (
        "Contains CORDIS, EuroSciVoc, CPV and Eurostat data © European Union, CC BY 4.0; subset and joined." in notice
    )
    for each in files("shared.reference").joinpath("data").iterdir():
        assert f"data/{each.name}" in notice
