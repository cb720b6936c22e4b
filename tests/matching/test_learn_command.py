"""What operators see of learning: the list of rankers, and the command."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from services.matching.__main__ import main
from services.matching.judging import ACTIVE, RETIRED, SHADOW
from services.matching.training import train
from shared.ids import new_id
from tests.matching.answered import MANY, SHIPPED, remember, settings_of, states
from tests.matching.conftest import Api, Matching


async def test_operators_and_auditors_see_all_rankers_and_why(matching: Matching, api: Api) -> None:
    await remember(matching, MANY)
    await train(matching.context.database, settings_of(matching))
    newest = (await api.get("/rankers?limit=1", "operator")).json()
    assert [each["state"] for each in newest["items"]] == [ACTIVE]
    assert newest["items"][0]["report"]["comparison"]["better"] is True
    rest = (await api.get(f"/rankers?cursor={newest['next_cursor'].replace('+', '%2B')}", "auditor")).json()
    assert [each["version"] for each in rest["items"]] == [SHIPPED.version]
    assert rest["next_cursor"] is None
    assert (await api.get("/rankers?cursor=nonsense", "operator")).status_code == 422
    assert (await api.get("/rankers", "sme_contact", new_id())).status_code == 403


async def test_the_command_learns_and_shows_its_report(
    matching: Matching,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    await remember(matching, MANY)
    picture = tmp_path_factory.mktemp("report") / "reliability.svg"
    monkeypatch.setattr("services.matching.learn.Settings", lambda: settings_of(matching))
    run: Callable[[list[str]], Any] = lambda given: asyncio.to_thread(main, given)  # noqa: E731
    assert await run(["learn", "--dry-run", "--json", "--svg", str(picture)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["dry_run"], told["learned"]["step"], told["compared"]["step"]) == (True, "learned", "taken-over")
    assert told["learned"]["report"]["kinds"].keys() == {"interested", "not_interested"}
    assert "<svg" in picture.read_text(encoding="utf-8")
    assert await states(matching) == {}
    assert await run(["learn"]) == 0
    shown = capsys.readouterr().out
    assert "takes over" in shown
    assert "reliability by tenths" in shown
    assert await run(["learn", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["learned"]["step"] == "learned"  # nothing else on the standard output
    assert sorted((await states(matching)).values()) == [ACTIVE, RETIRED, SHADOW]


async def test_the_command_says_when_there_is_no_database(
    matching: Matching, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = SecretStr("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    away = settings_of(matching).model_copy(update={"database_url": nowhere})
    monkeypatch.setattr("services.matching.learn.Settings", lambda: away)
    assert await asyncio.to_thread(main, ["learn"]) == 1
    assert "Nothing could be learned" in capsys.readouterr().err
