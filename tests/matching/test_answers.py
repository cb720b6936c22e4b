"""Answers: each side speaks for itself, both interested are connected once, and a decline is for good."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.models import Suggestion
from services.matching.repository import suggestions as rows
from services.matching.suggestions import answer_suggestion
from shared.contracts.matching import Answer
from shared.contracts.profiles import OrganisationStatus
from shared.ids import new_id
from shared.messaging.tables import audit_entry
from shared.problems import Problem
from tests.matching.conftest import Api, Matching, identifier, organisation

NEED = "recycling of lithium batteries from electric cars"
PAIR = frozenset(("Akku", "Pile"))
YES, NO = "interested", "not_interested"


@pytest.fixture
async def suggestion(matching: Matching) -> Suggestion:
    """One suggestion: Akku (DE) and Pile (FR)."""
    await matching.hear(organisation("Akku", "DE", needs=[NEED]), organisation("Pile", "FR", offers=[NEED]))
    await matching.settle()
    return (await matching.suggestions())[PAIR]


async def answer(api: Api, suggestion: Suggestion, name: str, said: str) -> Any:
    """Answer as the organisation's contact."""
    body = {"organisation_id": str(identifier(name)), "answer": said}
    return await api.post(f"/suggestions/{suggestion.id}/answers", body, "sme_contact", identifier(name))


async def test_both_interested_are_connected(api: Api, matching: Matching, suggestion: Suggestion) -> None:
    first = await answer(api, suggestion, "Akku", YES)
    assert (first.status_code, first.json()["state"]) == (200, "proposed")
    second = await answer(api, suggestion, "Pile", YES)
    assert second.json()["state"] == "connected"
    assert second.json()["connected_at"]
    assert {second.json()["first_name"], second.json()["second_name"]} == PAIR
    assert await matching.occasions() == ["suggestion.proposed", "suggestion.answered", "suggestion.connected"]
    found = (await api.get("/connections", "sme_contact", identifier("Akku"))).json()["items"]
    assert [each["suggestion_id"] for each in found] == [str(suggestion.id)]


async def test_the_same_answer_again_changes_nothing(api: Api, matching: Matching, suggestion: Suggestion) -> None:
    for name in ("Akku", "Akku", "Pile", "Pile", "Akku"):
        assert (await answer(api, suggestion, name, YES)).status_code == 200
    assert (await matching.occasions()).count("suggestion.connected") == 1
    async with matching.context.database.session() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(audit_entry)) == 2


async def test_a_side_may_change_its_mind_until_they_are_connected(api: Api, suggestion: Suggestion) -> None:
    assert (await answer(api, suggestion, "Akku", NO)).json()["state"] == "declined"
    assert (await answer(api, suggestion, "Akku", YES)).json()["state"] == "proposed"
    assert (await answer(api, suggestion, "Pile", YES)).json()["state"] == "connected"
    refused = await answer(api, suggestion, "Akku", NO)
    assert (refused.status_code, refused.json()["rule"]) == (409, "already-connected")


async def test_only_who_has_declined_sees_that_it_was_declined(api: Api, suggestion: Suggestion) -> None:
    await answer(api, suggestion, "Akku", NO)

    async def states(*token: Any, **signed: Any) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for state in ("proposed", "declined", "withdrawn"):
            items = (await api.get(f"/suggestions?state={state}", *token, **signed)).json()["items"]
            found |= {state: [each["state"] for each in items]} if items else {}
        return found

    assert await states("sme_contact", identifier("Akku")) == {"declined": ["declined"]}
    assert await states("sme_contact", identifier("Pile")) == {"withdrawn": ["withdrawn"]}
    assert await states("operator") == {"declined": ["declined"]}
    shown = (await api.get(f"/suggestions/{suggestion.id}", "sme_contact", identifier("Pile"))).json()
    assert (shown["state"], shown["first_answer"], shown["second_answer"]) == ("withdrawn", None, None)


@pytest.mark.parametrize("said", [YES, NO])
@pytest.mark.parametrize("before", [None, YES])
async def test_by_answering_nobody_learns_that_the_other_side_declined(
    api: Api, matching: Matching, suggestion: Suggestion, said: str, before: str | None
) -> None:
    if before:
        await answer(api, suggestion, "Pile", before)
    await answer(api, suggestion, "Akku", NO)
    declined = await answer(api, suggestion, "Pile", said)
    async with matching.context.database.transaction() as session:
        await session.execute(sa.update(Suggestion).values(state="withdrawn", first_answer=None, second_answer=None))
        own = {"first_answer" if suggestion.first_id == identifier("Pile") else "second_answer": before}
        await session.execute(sa.update(Suggestion).values(**own))
    withdrawn = await answer(api, suggestion, "Pile", said)

    assert (declined.status_code, declined.json()) == (withdrawn.status_code, withdrawn.json())
    if said != before:
        assert declined.json()["rule"] == "suggestion-withdrawn"


async def test_a_declined_pair_is_never_proposed_again(api: Api, matching: Matching, suggestion: Suggestion) -> None:
    await answer(api, suggestion, "Akku", NO)
    await matching.settle()
    await matching.hear(organisation("Pile", "FR", offers=[NEED, NEED + " and vans"], n=2))
    await matching.restart()
    await matching.settle()
    assert await matching.pairs("declined") == {PAIR}
    assert (await matching.occasions()).count("suggestion.proposed") == 1


async def test_an_answered_proposal_stays_when_better_ones_come(
    api: Api, matching: Matching, suggestion: Suggestion
) -> None:
    await answer(api, suggestion, "Pile", YES)
    await matching.hear(*(organisation(f"Better {n}", "PL", offers=[NEED], languages=("en",)) for n in range(8)))
    await matching.settle()
    pairs = await matching.pairs()
    assert PAIR in pairs
    assert sum("Akku" in pair for pair in pairs) == 5


async def test_an_answer_frees_the_place_for_another(api: Api, matching: Matching, suggestion: Suggestion) -> None:
    matching.engine.settings.suggestions_per_organisation = 1
    await matching.hear(organisation("Other", "PL", offers=[NEED]))
    await matching.settle()
    open_pair = (await matching.suggestions()).popitem()
    await answer(api, open_pair[1], "Akku", NO)
    await matching.settle()
    [after] = await matching.pairs()
    assert after != open_pair[0]
    assert "Akku" in after


async def test_who_has_left_can_not_be_met(api: Api, matching: Matching, suggestion: Suggestion) -> None:
    await matching.hear(organisation("Pile", "FR", n=2, status=OrganisationStatus.WITHDRAWN))
    early = await answer(api, suggestion, "Akku", YES)
    assert (early.status_code, early.json()["rule"]) == (409, "organisation-inactive")
    await matching.settle()
    late = await answer(api, suggestion, "Akku", YES)
    assert (late.status_code, late.json()["rule"]) == (409, "suggestion-withdrawn")


async def test_a_link_from_a_mail_gives_just_its_answer(api: Api, suggestion: Suggestion) -> None:
    path = f"/suggestions/{suggestion.id}/answers"
    body = {"organisation_id": str(identifier("Akku")), "answer": YES}
    link = [f"answer:{suggestion.id}:{identifier('Akku')}:{YES}"]
    assert (await api.post(path, {**body, "answer": NO}, actions=link)).status_code == 404
    assert (await api.post(path, {**body, "organisation_id": str(identifier("Pile"))}, actions=link)).status_code == 404
    assert (await api.post(path, body, actions=link)).status_code == 200


async def test_nobody_answers_for_others(api: Api, matching: Matching, suggestion: Suggestion) -> None:
    body = {"organisation_id": str(identifier("Akku")), "answer": YES}
    path = f"/suggestions/{suggestion.id}/answers"
    assert (await api.post(path, body, "sme_contact", identifier("Pile"))).status_code == 403
    assert (await api.post(path, body, "operator")).status_code == 403
    assert (await api.post(path, body, "auditor")).status_code == 403
    assert (await api.post(path, body, "sme_contact", new_id())).status_code == 404
    assert (await api.post(path, body, "voucher_administrator", identifier("Akku"))).status_code == 404
    nowhere = await api.post(f"/suggestions/{new_id()}/answers", body, "sme_contact", identifier("Akku"))
    assert nowhere.status_code == 404
    third = {"organisation_id": str(identifier("Third")), "answer": YES}
    assert (await api.post(path, third, "sme_contact", identifier("Third"))).status_code == 404
    assert (await matching.suggestions())[PAIR].version_n == 1


async def both_at_once(matching: Matching, suggestion: Suggestion) -> None:
    """Answer for both sides in two transactions that overlap: the second begins before the first commits."""
    started = asyncio.Barrier(2)

    async def one(organisation_id: UUID) -> None:
        async with matching.context.database.transaction() as session:
            await session.execute(sa.text("SELECT 1"))
            await started.wait()
            await answer_suggestion(session, suggestion.id, organisation_id, Answer.INTERESTED)

    await asyncio.gather(one(suggestion.first_id), one(suggestion.second_id))


async def test_two_answers_at_once_connect_once(matching: Matching, suggestion: Suggestion) -> None:
    await both_at_once(matching, suggestion)
    assert await matching.occasions() == ["suggestion.proposed", "suggestion.answered", "suggestion.connected"]
    assert (await matching.suggestions("connected"))[PAIR].version_n == 3


async def test_without_the_row_lock_two_answers_at_once_lose_the_connection(
    matching: Matching, suggestion: Suggestion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: both read the row before either writes, so neither sees that the other agreed."""
    both_have_read = asyncio.Barrier(2)

    async def unlocked(session: AsyncSession, suggestion_id: UUID) -> Suggestion | None:
        found = await session.get(Suggestion, suggestion_id)
        await both_have_read.wait()
        return found

    monkeypatch.setattr(rows, "lock", unlocked)
    with pytest.raises(sa.exc.IntegrityError):  # the journal refuses the same version twice
        await both_at_once(matching, suggestion)
    assert "suggestion.connected" not in await matching.occasions()


async def test_an_answer_needs_a_pair_it_belongs_to(matching: Matching, suggestion: Suggestion) -> None:
    async with matching.context.database.transaction() as session:
        with pytest.raises(Problem):
            await answer_suggestion(session, suggestion.id, identifier("Third"), Answer.INTERESTED)
