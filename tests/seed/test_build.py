"""The build script only shortens: offers stay the firms' own words, and the same input gives the same result."""

import pytest

from deploy.local.seed import build, classify, naming, offers, people


def test_an_offer_is_the_title_and_the_chosen_sentences_in_their_own_words() -> None:
    text = offers.shorten(
        "A new pump for canals", "Water is scarce. Our pump needs no fuel, e.g. diesel. It costs €5.", [1]
    )
    assert text == "A new pump for canals. Our pump needs no fuel, e.g. diesel."


def test_a_title_that_is_only_a_name_is_left_out() -> None:
    assert offers.shorten("VEZ", "VEZ will be a zero emission boat.", [0]) == "VEZ will be a zero emission boat."


def test_a_title_drops_the_word_feasibility_study() -> None:
    assert offers.heading("Feasibility study for an innovative tidal turbine") == "Innovative tidal turbine."


def test_an_offer_never_grows_beyond_what_the_encoders_read() -> None:
    long = " ".join(f"Sentence number {n} is about our pumps and turbines for canals." for n in range(40))
    assert len(offers.shorten("Pumps and turbines for canals", long, list(range(40)))) <= offers.LONGEST


def test_a_sentence_that_is_not_there_stops_the_build() -> None:
    with pytest.raises(IndexError):
        offers.shorten("Pumps and turbines for canals", "One sentence only.", [3])


def test_names_in_capitals_become_readable() -> None:
    assert naming.display("OCEAN CLEANER TECNOLOGY GMBH") == "Ocean Cleaner Tecnology GmbH"
    assert naming.display("Amphiro AG") == "Amphiro AG"


def test_addresses_are_plain_letters_of_a_bounded_length() -> None:
    assert naming.slug("Żółw & Łoś Sp. z o.o.") == "zolw-los-sp-z-o-o"
    assert len(naming.slug("x" * 200)) == 40


def test_choices_depend_on_the_key_alone() -> None:
    assert naming.pick(["a", "b", "c"], "key") == naming.pick(["a", "b", "c"], "key")
    assert len({naming.pick(list(range(100)), n) for n in range(100)}) > 30


def test_two_people_of_one_name_get_two_addresses() -> None:
    record = build.empty("x-1", "sme", "Same Name", "DE", "test")
    first = people.contact(record, "sme_contact", given=True)
    record["contacts"] = [first, dict(first)]
    build.unique_addresses([record])
    assert len({contact["email"] for contact in record["contacts"]}) == 2


def test_a_contact_writes_the_language_of_the_country() -> None:
    contact = people.contact(build.empty("x-1", "sme", "Firma", "PL", "test"), "sme_contact", given=True)
    assert (contact["language"], contact["time_zone"]) == ("pl", "Europe/Warsaw")
    assert contact["consent"]["wording"].startswith("Tak")


def test_a_tag_needs_two_mentions() -> None:
    rules = classify.load(build.HERE / "authored" / "tags.csv")
    assert "maritime" in build.tags_of("A boat for the sea and every ship.", rules)
    assert "low-carbon" in build.tags_of("Solar power cuts CO2 of every dairy, farm, crop, fruit and vegetable.", rules)


def test_a_firm_joins_the_cluster_of_its_country_that_shares_its_themes() -> None:
    firm = build.empty("x-1", "sme", "Firm", "ES", "test") | {"tags": ["water"]}
    clusters = [
        build.empty("c-1", "cluster", "Food", "ES", "test") | {"tags": ["agri-food"]},
        build.empty("c-2", "cluster", "Water", "ES", "test") | {"tags": ["water"]},
        build.empty("c-3", "cluster", "Eau", "FR", "test") | {"tags": ["water"]},
        build.empty("c-4", "public_authority", "Agency", "ES", "test") | {"tags": ["water"]},
    ]
    build.join_clusters([firm], clusters)
    assert firm["member_of"] == ["c-2"]
    assert "illustrative-membership" in firm["tags"]
