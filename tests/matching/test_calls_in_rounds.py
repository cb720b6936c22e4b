"""An open call that fits both sides is named with their suggestion, and nothing stale ever is."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.matching.calls import fit
from services.matching.encoder.spaces import Space
from services.matching.repository import calls as rows
from services.matching.suggestions import answer_suggestion
from shared.clock import today
from shared.contracts.matching import Answer, CallFit
from shared.contracts.profiles import OrganisationStatus
from tests.matching.callers import TODAY, call, it_is, load
from tests.matching.conftest import Api, Matching, identifier, organisation

BATTERY = "recycling of lithium batteries from electric cars"
CHEESE = "organic goat cheese with a protected origin"
PAIR = frozenset(("Akku", "Pile"))


@pytest.fixture(autouse=True)
def _on_a_fixed_day(monkeypatch: pytest.MonkeyPatch) -> None:
    it_is(TODAY, monkeypatch)


async def two_firms(matching: Matching) -> None:
    """Two that fit each other."""
    await matching.hear(
        organisation("Akku", "DE", needs=[BATTERY]),
        organisation("Pile", "FR", offers=[BATTERY]),
    )


async def named(matching: Matching, state: str = "proposed") -> CallFit | None:
    """Return the call that the one suggestion names."""
    row = (await matching.suggestions(state))[PAIR]
    return CallFit.model_validate(row.call) if row.call else None


async def is_owed(matching: Matching) -> bool:
    """Whether calls alone owe a round."""
    async with matching.context.database.session() as session:
        return await rows.is_round_owed(session, today())


async def test_a_suggestion_names_the_open_call_that_fits_both_sides(matching: Matching) -> None:
    await load(matching, [call("batteries", BATTERY, url="https://calls.example.org/1"), call("cheese", CHEESE)])
    await two_firms(matching)
    await matching.settle()
    fitting = await named(matching)
    assert fitting is not None
    assert (fitting.title, fitting.deadline, fitting.url) == (BATTERY, date(2027, 3, 1), "https://calls.example.org/1")
    assert fitting.first_similarity == fitting.second_similarity == pytest.approx(1.0)
    met = {fitting.first_statement_id, fitting.second_statement_id}
    assert met == {identifier(f"Akku need {BATTERY}"), identifier(f"Pile offer {BATTERY}")}
    (_, told) = (await matching.events())[-1]
    assert told is not None
    assert CallFit.model_validate(told["call"]) == fitting


async def test_a_call_that_fits_one_side_only_is_not_named(matching: Matching) -> None:
    await load(matching, [call("cheese", CHEESE)])
    await matching.hear(
        organisation("Akku", "DE", needs=[BATTERY, CHEESE]), organisation("Pile", "FR", offers=[BATTERY])
    )
    await matching.settle()
    assert len(matching.engine.calls.index) == 1
    assert await named(matching) is None


async def test_without_asking_both_sides_such_a_call_would_be_named(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control of the test above: that both sides are asked is what keeps the call away."""
    real = fit.best_for_both
    monkeypatch.setattr(
        "services.matching.calls.book.best_for_both",
        lambda one, other, index, day: real(one or other, other or one, index, day),
    )
    with pytest.raises(AssertionError):
        await test_a_call_that_fits_one_side_only_is_not_named(matching)


async def test_a_new_call_changes_the_suggestion_without_proposing_it_again(matching: Matching) -> None:
    await two_firms(matching)
    await matching.settle()
    assert await named(matching) is None
    assert not await is_owed(matching)
    await load(matching, [call("batteries", BATTERY)])
    assert not await is_owed(matching), "what nobody has read yet owes no round"
    await matching.read()
    assert await is_owed(matching)
    await matching.settle()
    assert not await is_owed(matching)
    assert await named(matching)
    assert await matching.occasions() == ["suggestion.proposed", "suggestion.changed"]
    await matching.settle()
    assert len(await matching.occasions()) == 2, "the same call again is not told again"


async def test_a_call_whose_deadline_has_passed_goes(matching: Matching, monkeypatch: pytest.MonkeyPatch) -> None:
    await load(matching, [call("soon", BATTERY, "2026-11-30"), call("later", f"{BATTERY} and trains", "2027-06-01")])
    await two_firms(matching)
    await matching.settle()
    first = await named(matching)
    assert first
    assert first.deadline == date(2026, 11, 30)
    it_is(date(2026, 11, 30), monkeypatch)
    assert not await is_owed(matching), "on the day itself it can still be answered"
    it_is(date(2026, 12, 1), monkeypatch)
    assert await is_owed(matching)
    await matching.settle()
    following = await named(matching)
    assert following
    assert following.deadline == date(2027, 6, 1)
    it_is(date(2027, 6, 2), monkeypatch)
    await matching.settle()
    assert await named(matching) is None
    assert not await is_owed(matching)


async def test_of_several_deadlines_the_next_one_counts(matching: Matching, monkeypatch: pytest.MonkeyPatch) -> None:
    twice = {"supplied_id": "twice", "title": BATTERY, "deadlines": ["2027-05-05", "2026-01-01", "2026-12-01"]}
    await load(matching, [twice])
    await two_firms(matching)
    await matching.settle()
    assert (await named(matching)).deadline == date(2026, 12, 1)  # type: ignore[union-attr]
    it_is(date(2026, 12, 2), monkeypatch)
    await matching.settle()
    assert (await named(matching)).deadline == date(2027, 5, 5)  # type: ignore[union-attr]


@pytest.mark.parametrize("answers", [("Akku",), ("Akku", "Pile")], ids=["answered", "connected"])
async def test_what_is_answered_or_connected_loses_a_call_that_is_over_too(
    matching: Matching, monkeypatch: pytest.MonkeyPatch, answers: tuple[str, ...]
) -> None:
    await load(matching, [call("soon", BATTERY, "2026-11-30")])
    await two_firms(matching)
    await matching.settle()
    suggestion = (await matching.suggestions())[PAIR]
    for side in answers:
        async with matching.context.database.transaction() as session:
            await answer_suggestion(session, suggestion.id, identifier(side), Answer.INTERESTED)
    await matching.settle()
    state = "connected" if len(answers) == 2 else "proposed"
    assert await named(matching, state)
    it_is(date(2026, 12, 1), monkeypatch)
    assert await is_owed(matching)
    await matching.settle()
    assert await named(matching, state) is None
    assert not await is_owed(matching)


async def test_a_closed_call_goes_before_its_deadline(matching: Matching) -> None:
    await load(matching, [call("batteries", BATTERY)])
    await two_firms(matching)
    await matching.settle()
    assert await named(matching)
    await load(matching, [call("batteries", BATTERY, status="closed")])
    assert await is_owed(matching)
    await matching.settle()
    assert await named(matching) is None


async def shown_call(matching: Matching, api: Api, role: str = "operator") -> Any:
    """Return the call of the one suggestion as the API shows it."""
    (item,) = (await api.get("/suggestions", role)).json()["items"]
    return item["call"]


async def test_nothing_stale_is_shown_before_the_next_round(
    matching: Matching, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await load(matching, [call("batteries", BATTERY, "2026-11-30")])
    await two_firms(matching)
    await matching.settle()
    assert (await shown_call(matching, api))["deadline"] == "2026-11-30"
    await load(matching, [call("batteries", BATTERY, "2026-12-15")])
    assert (await shown_call(matching, api))["deadline"] == "2026-12-15", "postponed, as everybody knows by now"
    it_is(date(2026, 12, 16), monkeypatch)
    assert await shown_call(matching, api) is None


async def test_without_looking_again_a_stale_call_would_be_shown(
    matching: Matching, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control of the test above."""

    async def everything(session: Any, ids: Any, day: date) -> dict[UUID, Any]:
        return {each.id: each for each in await rows.calls(session, list(ids))}

    monkeypatch.setattr(rows, "still_open", everything)
    monkeypatch.setattr("services.matching.endpoints.suggestions.today", lambda: TODAY - timedelta(days=1))
    with pytest.raises(AssertionError):
        await test_nothing_stale_is_shown_before_the_next_round(matching, api, monkeypatch)


async def test_an_erased_organisation_leaves_no_call_behind(matching: Matching) -> None:
    await load(matching, [call("batteries", BATTERY)])
    await two_firms(matching)
    await matching.settle()
    assert await named(matching)
    await matching.erase("Pile")
    await matching.settle()
    async with matching.context.database.session() as session:
        kept = await rows.changes(session, today(), matching.engine.version)
    assert len(kept) == 1, "the call itself stays, and so does the vector of its text"
    (row,) = (await matching.suggestions(None)).values()
    assert row.call is None
    assert [body for _, body in await matching.events() if body and body.get("call")] == []
    await matching.hear(organisation("Neu", "FR", offers=[BATTERY]))
    await matching.settle()
    new = (await matching.suggestions())[frozenset(("Akku", "Neu"))]
    assert new.call


async def test_a_withdrawn_partner_takes_the_call_off_a_connection(matching: Matching) -> None:
    await load(matching, [call("batteries", BATTERY)])
    await two_firms(matching)
    await matching.settle()
    suggestion = (await matching.suggestions())[PAIR]
    for side in ("Akku", "Pile"):
        async with matching.context.database.transaction() as session:
            await answer_suggestion(session, suggestion.id, identifier(side), Answer.INTERESTED)
    gone = organisation("Pile", "FR", offers=[BATTERY], n=2, status=OrganisationStatus.WITHDRAWN)
    await matching.hear(gone)
    await matching.settle()
    assert await named(matching, "connected") is None


async def test_calls_survive_a_crash_and_are_not_read_twice(matching: Matching) -> None:
    await load(matching, [call("batteries", BATTERY)])
    await two_firms(matching)
    await matching.settle()
    before = len(matching.models[Space.ENGLISH].read)
    await matching.restart()
    await matching.settle()
    assert await named(matching)
    assert len(matching.models[Space.ENGLISH].read) == before


async def test_what_is_over_is_never_read(matching: Matching) -> None:
    await load(matching, [call("past", CHEESE, "2026-11-21"), call("closed", CHEESE, status="closed")])
    assert await matching.read() == 0
    assert not matching.models[Space.ENGLISH].read
