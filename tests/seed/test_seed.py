"""The demo's seed files are what their README says: valid, anonymous, illustrative where invented."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.profiles.schemas import Record
from shared.contracts.profiles import OrganisationKind
from shared.reference import country, is_language, is_time_zone, region, sector

SEED = Path(__file__).parents[2] / "deploy" / "local" / "seed"
FILES = ("clusters.jsonl", "platform.jsonl", "organisations.jsonl")
ADDRESS = re.compile(r"[^\s@<>\"]+@[^\s@<>\"]+\.\w+")


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SEED / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    return [record for name in FILES for record in read(name)]


def needs_of(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [need for record in records for need in record["needs"]]


def foreign_addresses(text: str) -> list[str]:
    """Addresses in a text that could belong to someone."""
    return [found for found in ADDRESS.findall(text) if not found.endswith(".example.org")]


def test_every_record_is_accepted_by_the_import(records: list[dict[str, Any]]) -> None:
    for record in records:
        assert Record.model_validate(record).supplied_id == record["supplied_id"]


def test_the_import_would_refuse_a_broken_record(records: list[dict[str, Any]]) -> None:
    """Control: the check above can fail."""
    with pytest.raises(ValidationError):
        Record.model_validate({**records[0], "country": "ZZ"})


def test_countries_regions_sectors_languages_and_time_zones_exist(records: list[dict[str, Any]]) -> None:
    for record in records:
        assert country(record["country"]), record
        if record["region"]:
            found = region(record["region"])
            assert found is not None, record
            assert found.country == record["country"], record
        assert record["sectors"], record
        assert all(sector(code) for code in record["sectors"]), record
        assert record["languages"], record
        assert all(map(is_language, record["languages"])), record
        assert all(is_language(each["language"]) for each in record["offers"] + record["needs"])
        assert all(is_time_zone(contact["time_zone"]) for contact in record["contacts"])


def test_every_address_is_at_example_org_and_belongs_to_one_person(records: list[dict[str, Any]]) -> None:
    addresses = Counter(contact["email"] for record in records for contact in record["contacts"])
    assert all(address.endswith(".example.org") for address in addresses)
    assert set(addresses.values()) == {1}


@pytest.mark.parametrize("name", FILES)
def test_no_text_holds_a_real_address(name: str) -> None:
    assert foreign_addresses((SEED / name).read_text(encoding="utf-8")) == []


def test_a_real_address_would_be_found() -> None:
    """Control: the search above can find."""
    assert foreign_addresses("write to jane@firm.eu or to a@b.example.org") == ["jane@firm.eu"]


def test_every_need_is_illustrative_and_an_offer_only_where_its_organisation_is_invented(
    records: list[dict[str, Any]],
) -> None:
    assert all(need["illustrative"] is True for need in needs_of(records))
    for record in records:
        invented = record["supplied_id"].startswith("demo-")
        assert all(offer["illustrative"] is invented for offer in record["offers"])


def test_invented_organisations_say_so_in_name_tag_and_source(records: list[dict[str, Any]]) -> None:
    invented = [record for record in records if record["supplied_id"].startswith("demo-")]
    assert invented
    for record in invented:
        assert "illustrative" in record["source"]
        assert "illustrative" in record["tags"]
        assert "(illustrative)" in record["name"]


def test_memberships_lead_to_a_cluster_of_the_same_country_and_are_marked(records: list[dict[str, Any]]) -> None:
    clusters = {record["supplied_id"]: record for record in records if record["kind"] == OrganisationKind.CLUSTER}
    for record in records:
        for supplied_id in record["member_of"]:
            assert clusters[supplied_id]["country"] == record["country"]
            assert "illustrative-membership" in record["tags"]


def test_ids_are_unique(records: list[dict[str, Any]]) -> None:
    organisations = [record["supplied_id"] for record in records]
    people = [contact["supplied_id"] for record in records for contact in record["contacts"]]
    assert len(set(organisations)) == len(organisations)
    assert len(set(people)) == len(people)


def test_every_kind_of_organisation_is_there(records: list[dict[str, Any]]) -> None:
    assert {record["kind"] for record in records} == set(OrganisationKind)


def test_there_is_enough_to_match_across_borders_and_languages(records: list[dict[str, Any]]) -> None:
    firms = [record for record in records if record["kind"] == OrganisationKind.SME]
    needs = needs_of(records)
    assert len(firms) >= 300
    assert len({firm["country"] for firm in firms}) >= 20
    assert len(needs) >= 250
    assert len({need["language"] for need in needs}) >= 8
    assert max(Counter(need["text"] for need in needs).values()) <= 3


def test_every_firm_offers_something_in_at_most_900_characters(records: list[dict[str, Any]]) -> None:
    for record in records:
        if record["kind"] == OrganisationKind.SME:
            assert record["offers"], record["supplied_id"]
        assert all(20 < len(offer["text"]) <= 900 for offer in record["offers"]), record["supplied_id"]


def test_every_organisation_has_a_contact_of_its_role(records: list[dict[str, Any]]) -> None:
    for record in records:
        roles = {contact["role"] for contact in record["contacts"]}
        if record["kind"] == OrganisationKind.CLUSTER:
            assert roles == {"hub_manager"}
        elif record["supplied_id"].startswith("demo-funder-"):
            assert roles == {"voucher_administrator"}
            assert len(record["contacts"]) == 2  # staff and finance must be different people
        elif record["supplied_id"] == "demo-platform":
            assert roles == {"operator", "auditor"}
        else:
            assert roles == {"sme_contact"}


def test_a_few_contacts_have_not_agreed_to_mails(records: list[dict[str, Any]]) -> None:
    consents = [contact["consent"] for record in records for contact in record["contacts"]]
    without = [consent for consent in consents if consent is None or not consent["given"]]
    assert any(consent is None for consent in without)
    assert any(consent is not None for consent in without)
    assert 0.02 < len(without) / len(consents) < 0.08


def test_the_committed_files_stay_small() -> None:
    assert sum((SEED / name).stat().st_size for name in FILES) < 2_000_000


def test_the_attribution_stands_beside_the_data() -> None:
    text = (SEED / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert "Contains CORDIS, EuroSciVoc, CPV and Eurostat data © European Union, CC BY 4.0; subset and joined." in text
    assert "EU calls: © European Union (Decision 2011/833/EU)" in text
