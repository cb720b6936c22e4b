"""Explanation and replay as they are asked for: who may, in which language, and what is gone when a side is erased."""

from uuid import UUID

import pytest
import sqlalchemy as sa

from services.matching.ranking.ranker import DECIMALS
from services.matching.work import begin_to_lead
from shared.auth import Role
from tests.matching.conftest import Api, Matching, identifier, organisation

NEED = "recycling of lithium batteries from electric cars"
OFFER = "we recycle lithium batteries of electric cars"


@pytest.fixture
async def suggestion(matching: Matching) -> UUID:
    """A suggestion between two firms without a language in common; Akku is a member of Hub."""
    await begin_to_lead(matching.context)
    await matching.hear(
        organisation("Hub", "DE", kind="cluster"),
        organisation("Akku", "DE", needs=[NEED], language="de", languages=("de",), clusters=["Hub"]),
        organisation("Pile", "FR", offers=[OFFER], language="fr", languages=("fr",)),
    )
    await matching.settle()
    (row,) = (await matching.suggestions()).values()
    return row.id


async def test_a_side_reads_why_in_its_own_language(api: Api, matching: Matching, suggestion: UUID) -> None:
    path = f"/suggestions/{suggestion}/explanation?language=de&reads=de,en"
    shown = (await api.get(path, "sme_contact", identifier("Akku"))).json()
    (row,) = (await matching.suggestions()).values()
    assert (shown["language"], shown["score"]) == ("de", row.score)
    assert round(sum(each["share"] for each in shown["factors"]), DECIMALS) == row.score
    values = {each["name"]: each["value"] for each in shown["factors"]}
    assert values["before"] is None
    assert values["languages"] == 0.0
    assert values["statements"] == row.evidence[0]["similarity"]
    assert shown["sentence"] == f"Akku sucht „{NEED}“, und Pile bietet „{OFFER}“."
    (meeting,) = shown["meetings"]
    assert (meeting["need"]["language_name"], meeting["need"]["foreign"]) == ("Deutsch", False)
    assert (meeting["offer"]["language_name"], meeting["offer"]["foreign"]) == ("Französisch", True)
    assert meeting["need"]["statement_id"] == row.evidence[0]["need_statement_id"]
    assert set(shown["gains"]) == {str(identifier("Akku")), str(identifier("Pile"))}
    assert "Es ist keine gemeinsame Sprache verzeichnet." in shown["against"]
    model = shown["model"]
    assert model["model_version"] == f"{model['encoder']} ranker {model['ranker']}"
    assert model["profiles"] == {str(identifier("Akku")): "1.1", str(identifier("Pile")): "1.1"}
    assert model["scored_at"]


async def test_what_the_readers_own_organisation_has_listed_is_not_foreign_to_her(
    api: Api, matching: Matching, suggestion: UUID
) -> None:
    path = f"/suggestions/{suggestion}/explanation?language=el"
    own = (await api.get(path, "sme_contact", identifier("Pile"))).json()["meetings"][0]
    assert (own["offer"]["foreign"], own["need"]["foreign"]) == (False, True)
    others = (await api.get(path, "operator")).json()["meetings"][0]
    assert (others["offer"]["foreign"], others["need"]["foreign"]) == (True, True)


async def test_who_gets_an_explored_pair_is_told_so(api: Api, matching: Matching, suggestion: UUID) -> None:
    path = f"/suggestions/{suggestion}/explanation?language=de"
    assert (await api.get(path, "operator")).json()["explored"] is None
    async with matching.context.database.transaction() as session:
        await session.execute(sa.text("UPDATE scoring SET explored = true"))
    assert "Antworten" in (await api.get(path, "operator")).json()["explored"]


async def test_a_reader_of_another_language_gets_english_and_is_told_so(api: Api, suggestion: UUID) -> None:
    shown = (await api.get(f"/suggestions/{suggestion}/explanation?language=hu", "operator")).json()
    assert shown["language"] == "en"
    assert all(each[side]["foreign"] for each in shown["meetings"] for side in ("need", "offer"))


@pytest.mark.parametrize("query", ["language=german", "language=D!", "reads=de;en", "reads=", "reads=de,"])
async def test_languages_that_are_none_are_refused(api: Api, suggestion: UUID, query: str) -> None:
    answer = await api.get(f"/suggestions/{suggestion}/explanation?{query}", "operator")
    assert answer.status_code == 422


async def test_a_suggestion_from_before_shares_were_kept_has_its_reason_and_no_factors(
    api: Api, matching: Matching, suggestion: UUID
) -> None:
    async with matching.context.database.transaction() as session:
        await session.execute(sa.text("DELETE FROM scoring"))
        await session.execute(sa.text("""UPDATE suggestion SET features = '{"needs": 0.9}'"""))
    shown = (await api.get(f"/suggestions/{suggestion}/explanation", "operator")).json()
    assert (shown["factors"], shown["against"]) == ([], [])
    assert (shown["model"]["ranker"], shown["model"]["scored_at"]) == (None, None)
    assert shown["sentence"].startswith("Akku needs")
    assert (await api.get(f"/suggestions/{suggestion}/replay", "operator")).status_code == 404


async def test_an_erased_side_answers_erased(api: Api, matching: Matching, suggestion: UUID) -> None:
    await matching.erase("Pile")
    for what in ("explanation", "replay"):
        answer = await api.get(f"/suggestions/{suggestion}/{what}", "operator")
        assert (answer.status_code, answer.json()["rule"]) == (410, "erased")
        assert OFFER not in answer.text


async def test_control_an_explanation_that_does_not_look_whether_a_side_is_erased_is_found(
    api: Api, matching: Matching, suggestion: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look_away(*_: object) -> None:
        pass

    monkeypatch.setattr("services.matching.endpoints.explanations.require_not_erased", look_away)
    await matching.erase("Pile")
    assert (await api.get(f"/suggestions/{suggestion}/explanation", "operator")).status_code == 200


async def test_operators_and_auditors_have_a_score_computed_again(
    api: Api, matching: Matching, suggestion: UUID
) -> None:
    path = f"/suggestions/{suggestion}/replay"
    for token in (("operator",), ("auditor",), ("auditor", identifier("Akku"))):
        shown = (await api.get(path, *token)).json()
        (row,) = (await matching.suggestions()).values()
        assert (shown["score"], shown["again"], shown["same"]) == (row.score, row.score, True)
        assert shown["version"] == "1.1"
        assert shown["profiles"] == {str(identifier("Akku")): "1.1", str(identifier("Pile")): "1.1"}
        assert set(shown["factors"]) >= {"statements", "languages"}
    assert (await api.get(f"{path}?version=1.1", "operator")).json()["same"]
    assert (await api.get(f"{path}?version=0.9", "operator")).status_code == 404
    assert (await api.get(f"{path}?version=newest", "operator")).status_code == 422


async def test_a_side_may_not_replay_and_a_stranger_does_not_learn_that_there_is_anything(
    api: Api, suggestion: UUID
) -> None:
    path = f"/suggestions/{suggestion}/replay"
    assert (await api.get(path, "sme_contact", identifier("Akku"))).status_code == 403
    assert (await api.get(path, "hub_manager", identifier("Hub"))).status_code == 403
    elsewhere = (Role("sme_contact", identifier("Akku")), Role("auditor", identifier("Other")))
    assert (await api.get(path, roles=elsewhere)).status_code == 403, "an auditor of another organisation"
    assert (await api.get(path, "auditor", identifier("Other"))).status_code == 404
    assert (await api.get(path, "sme_contact", identifier("Other"))).status_code == 404
