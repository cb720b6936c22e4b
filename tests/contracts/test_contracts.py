"""Contracts only ever gain optional fields, are documented by their schemas, and carry no personal data."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from shared.contracts import EVENT_TYPES, EventType
from shared.contracts.schema_files import FOLDER, file, schema, text
from shared.contracts.topics import SERVICES, TOPICS
from tests.contracts.examples import EXAMPLES

GOLDEN = Path(__file__).parent / "golden"
TYPES = list(EVENT_TYPES.values())
PERSONAL = re.compile(r"e_?mail|phone|first_name|last_name|full_name|address|birth|iban", re.IGNORECASE)

every_type = pytest.mark.parametrize("event_type", TYPES, ids=lambda each: each.occasion)


@every_type
def test_the_committed_schema_is_the_contract(event_type: EventType[Any]) -> None:
    written = file(event_type).read_text(encoding="utf-8")
    assert written == text(event_type), "run: python -m shared.contracts.schema_files"


def test_no_schema_is_left_of_a_type_that_is_gone() -> None:
    assert {each.name for each in FOLDER.iterdir()} == {f"{each.name}.json" for each in TYPES}


@every_type
def test_an_example_of_the_body_keeps_to_its_schema(event_type: EventType[Any]) -> None:
    body = EXAMPLES[event_type.body].model_dump(mode="json")
    jsonschema.validate(body, schema(event_type), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("golden", sorted(GOLDEN.glob("*.json")), ids=lambda each: each.stem)
def test_every_payload_ever_published_can_still_be_read(golden: Path) -> None:
    name, _, _ = golden.stem.partition("@")
    body = EVENT_TYPES[name].body.model_validate_json(golden.read_text(encoding="utf-8"))
    stored = json.loads(golden.read_text(encoding="utf-8"))
    now = body.model_dump(mode="json")
    assert {key: now.get(key) for key in stored} == stored


@every_type
def test_every_type_has_a_golden_payload(event_type: EventType[Any]) -> None:
    assert list(GOLDEN.glob(f"{event_type.name}@*.json")), "write one from tests/contracts/examples.py; never change it"


@every_type
def test_consumers_ignore_what_a_later_release_adds(event_type: EventType[Any]) -> None:
    body = EXAMPLES[event_type.body].model_dump(mode="json") | {"added_later": {"x": 1}}
    assert event_type.body.model_validate(body) == EXAMPLES[event_type.body]


@every_type
def test_no_body_has_a_place_for_personal_data(event_type: EventType[Any]) -> None:
    def fields(node: Any) -> Any:
        if isinstance(node, dict):
            yield from node.get("properties", {})
            for each in node.values():
                yield from fields(each)

    assert not [name for name in fields(schema(event_type)) if PERSONAL.search(name)]


@every_type
def test_a_type_is_named_and_placed_as_agreed(event_type: EventType[Any]) -> None:
    assert re.fullmatch(r"org\.intercluster\.[a-z]+\.[a-z-]+\.v\d+", event_type.name)
    assert event_type.topic in {each.name for each in TOPICS}
    example = EXAMPLES[event_type.body]
    assert example.aggregate_id
    assert all(example.organisations)


def test_topics_have_three_partitions_and_every_service_its_dead_letters() -> None:
    assert {each.partitions for each in TOPICS} == {3}
    names = {each.name for each in TOPICS}
    assert {f"{each}.dead-letters" for each in SERVICES} <= names
    assert len(names) == len(TOPICS)
