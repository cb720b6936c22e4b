"""The demo's own organisations are good input, and fast to take."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.profiles.conftest import Api

SEED = Path(__file__).resolve().parents[2] / "deploy" / "local" / "seed"


def seed() -> str:
    names = ("platform.jsonl", "clusters.jsonl", "organisations.jsonl")
    return "".join((SEED / name).read_text(encoding="utf-8") for name in names)


async def test_every_seed_row_is_taken_and_the_same_file_again_changes_nothing(
    operator: Api, events: Callable[[], Any]
) -> None:
    first = await operator.load(seed(), source="seed")
    assert first["errors"] == []
    assert first["ignored_fields"] == []
    assert first["created"] == len(seed().splitlines())
    published = await events()
    again = await operator.load(seed(), source="seed")
    assert (again["unchanged"], again["created"], again["updated"]) == (first["created"], 0, 0)
    assert len(await events()) == len(published)
    organisations = {each["key"] for each in published if each["topic"] == "profiles.organisations"}
    assert len(organisations) == first["created"]
    assert not any("example.org" in str(dict(each)) for each in published)
