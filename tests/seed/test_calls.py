"""The seed's calls are the portal's own words, shortened and mended, and nothing in them belongs to a person."""

import json

import pytest

from deploy.local.seed import calls
from tests.seed.test_seed import SEED, foreign_addresses

LINES = (SEED / "calls.jsonl").read_text(encoding="utf-8").splitlines()


def test_there_are_629_calls_each_once() -> None:
    assert len({json.loads(line)["supplied_id"] for line in LINES}) == len(LINES) == 629


def test_no_text_is_longer_than_it_says_and_no_letter_is_broken() -> None:
    for line in LINES:
        record = json.loads(line)
        assert len(record.get("description", "")) <= calls.LONGEST
        assert not set("âÃÂ") & set(record["title"] + record.get("description", "")), record["supplied_id"]
        assert not foreign_addresses(line)


def test_every_call_names_its_source_and_links_to_the_portal() -> None:
    for line in LINES:
        record = json.loads(line)
        assert "© European Union" in record["source"]
        assert record["url"].startswith("https://ec.europa.eu/")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Europeâ€™s â€œno net land takeâ€\x9d", "Europe’s “no net land take”"),
        ("reducing burdenâ€. To that end", "reducing burden”. To that end"),
        ("19,000 kmÂ² of land", "19,000 km² of land"),
        ("food securityÂ", "food security"),
        ("outcomes:An increase in spaces[1].More needs.", "outcomes: An increase in spaces. More needs."),
        ("write to jane@ec.example.eu now", "write to now"),
        ("Hâtez-vous, São Paulo", "Hâtez-vous, São Paulo"),
    ],
)
def test_texts_are_mended(text: str, wanted: str) -> None:
    assert calls.mended(text) == wanted


def test_a_cut_is_at_a_word_and_shown() -> None:
    assert calls.shortened("one two three", 9) == "one two…"
    assert calls.shortened("one two", 9) == "one two"


def test_what_the_portal_does_not_say_is_left_out() -> None:
    topic = {
        "topicId": "X", "title": "T", "description": "", "programme": "P", "typesOfAction": "", "actionType": "",
        "callStatus": "open", "deadline": "2027-01-01", "budgetMin": 0, "budgetMax": 7, "portalUrl": "https://x",
    }  # fmt: skip
    made = calls.record(topic)
    assert made["budget_max"] == 7
    assert not {"budget_min", "description", "kind_of_action"} & made.keys()
