"""From a pair that was really explored to a ranker that takes over: rounds, answers over HTTP, the learning command."""

import asyncio
import json
from datetime import date, datetime
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from services.matching.__main__ import main
from services.matching.models import Scoring
from services.matching.ranking.examples import Example
from services.matching.ranking.learning import learn_ranker
from services.matching.ranking.ranker import start_ranker
from services.matching.repository import history, rankers
from services.matching.settings import Settings
from services.matching.work import begin_to_lead
from tests.matching.conftest import Api, Matching, organisation

COUNTRIES = ("DE", "FR", "IT", "PL")
TRADES = ("recycling of lithium batteries", "sensors for greenhouses")
SECTORS = ("38.32", "26.51", "28.99")
FIRMS = 24


@pytest.fixture
def small_site(matching: Matching, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Much exploration in a week that is always the same, and answers that are enough in a small population."""
    chosen = matching.context.settings
    assert isinstance(chosen, Settings)
    chosen.exploration, chosen.suggestions_per_organisation = 0.2, 3
    chosen.least_answers, chosen.least_comparison = 40, 10
    monkeypatch.setattr("services.matching.rounds.today", lambda: date(2026, 11, 23))
    monkeypatch.setattr("services.matching.learn.Settings", lambda: chosen)
    return chosen


@pytest.fixture
async def shown(matching: Matching, small_site: Settings) -> dict[UUID, Scoring]:
    """What one round with exploration has suggested, by suggestion."""
    return await shown_in_a_round(matching)


async def shown_in_a_round(matching: Matching) -> dict[UUID, Scoring]:
    """Hold a round among firms of two trades and three sectors in four countries; return its scorings."""
    await begin_to_lead(matching.context)
    firms = [
        organisation(
            f"Firm {number:02}", COUNTRIES[number % 4], needs=[TRADES[number % 2]], offers=[TRADES[number % 2]],
            sectors=(SECTORS[number % 3],),
        )
        for number in range(FIRMS)
    ]  # fmt: skip
    await matching.hear(*firms)
    await matching.settle()
    async with matching.context.database.session() as session:
        return {row.suggestion_id: row for row in await history.scorings(session)}


async def answer_all(api: Api, shown: dict[UUID, Scoring]) -> None:
    """Have both sides of every suggestion answer over HTTP: they want partners from their own sector.

    When one has declined, the other is told that the suggestion is not open any more.
    """
    for each in sorted(shown.values(), key=lambda row: (row.first_id, row.second_id)):
        liked = each.factors["sectors"] == 1
        for side, status in ((each.first_id, 200), (each.second_id, 200 if liked else 409)):
            body = {"organisation_id": str(side), "answer": "interested" if liked else "not_interested"}
            answered = await api.post(f"/suggestions/{each.suggestion_id}/answers", body, "sme_contact", side)
            assert answered.status_code == status


async def learn(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Run the command as an operator does, and return its report."""
    capsys.readouterr()
    assert await asyncio.to_thread(main, ["learn", "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


async def examples_until(matching: Matching, moment: str) -> list[Example]:
    """Return the rows that there were to learn from at a moment."""
    async with matching.context.database.session() as session:
        memory = await rankers.memory(session)
    return memory.examples(datetime.fromisoformat(moment))


async def test_answers_to_explored_pairs_teach_a_ranker_that_takes_over(
    api: Api, matching: Matching, shown: dict[UUID, Scoring], capsys: pytest.CaptureFixture[str]
) -> None:
    explored = [each for each in shown.values() if each.explored]
    assert explored
    assert all(0 < each.propensity < 0.5 for each in explored)
    await answer_all(api, shown)

    told = await learn(capsys)
    assert told["learned"]["step"] == "learned"
    report = told["learned"]["report"]
    rows = await examples_until(matching, report["learned_until"])
    learned_explored = {each.shown.pair: each.shown.propensity for each in rows if each.shown.explored}
    assert learned_explored.items() <= {(each.first_id, each.second_id): each.propensity for each in explored}.items()
    assert report["explored"] >= 3
    assert report["effective_rows"] < report["rows"] == len(rows)
    version = told["learned"]["version"]
    assert learn_ranker(start_ranker(), rows).ranker.version == version
    alike = np.ones(len(rows))
    assert learn_ranker(start_ranker(), rows, alike).ranker.version != version, "negative control: all weigh the same"

    assert told["compared"]["step"] == "taken-over"
    listed = (await api.get("/rankers", "operator")).json()["items"]
    assert {each["version"]: each["state"] for each in listed} == {
        version: "active",
        told["compared"]["active"]: "retired",
    }

    await matching.settle()
    (open_now, *_) = (await matching.suggestions()).values()
    again = (await api.get(f"/suggestions/{open_now.id}/replay", "operator")).json()
    assert (again["ranker"], again["same"]) == (version, True)


async def test_without_exploration_the_same_answers_teach_nothing(
    small_site: Settings, api: Api, matching: Matching, capsys: pytest.CaptureFixture[str]
) -> None:
    """Negative control: nothing was shown by chance, so a ranker would only confirm itself."""
    small_site.exploration = 0.0
    shown = await shown_in_a_round(matching)
    assert not any(each.explored for each in shown.values())
    await answer_all(api, shown)
    assert (await learn(capsys))["learned"]["step"] == "own-exposure-alone"
