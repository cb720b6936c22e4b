"""When somebody is erased, what two others need to have their score again stays, and nothing else does."""

from uuid import UUID

import pytest
import sqlalchemy as sa

from services.matching.repository import history
from services.matching.work import begin_to_lead
from tests.matching.conftest import Api, Matching, identifier, organisation

NEED = "recycling of lithium batteries from electric cars"
STAYING, ENDED, APART = frozenset(("Akku", "Pile")), frozenset(("Akku", "Bateria")), frozenset(("Bateria", "Solo"))


@pytest.fixture
async def suggested(matching: Matching) -> dict[frozenset[str], UUID]:
    """Suggestions by the names of both sides. Bateria meets Akku, who meets Pile too, and Solo, who meets nobody else.

    All of Akku's were made with one version of its profile.
    """
    await begin_to_lead(matching.context)
    await matching.hear(
        organisation("Akku", "DE", needs=[NEED]),
        organisation("Pile", "FR", offers=[NEED]),
        organisation("Bateria", "PL", offers=[NEED], needs=["quiet heat pumps"]),
        organisation("Solo", "IT", offers=["quiet heat pumps"]),
    )
    await matching.settle()
    made = {pair: row.id for pair, row in (await matching.suggestions()).items()}
    assert made.keys() == {STAYING, ENDED, APART}
    return made


async def kept_profiles(matching: Matching) -> set[str]:
    """Return the names in the profile versions that are kept."""
    async with matching.context.database.session() as session:
        return set((await session.scalars(sa.text("SELECT facts ->> 'name' FROM profile_version"))).all())


async def test_a_suggestion_between_two_others_can_still_be_replayed(
    api: Api, matching: Matching, suggested: dict[frozenset[str], UUID]
) -> None:
    before = (await api.get(f"/suggestions/{suggested[STAYING]}/replay", "operator")).json()
    await matching.erase("Bateria")
    await matching.settle()
    after = await api.get(f"/suggestions/{suggested[STAYING]}/replay", "operator")
    assert (after.status_code, after.json()) == (200, before)
    assert after.json()["same"]


@pytest.mark.parametrize("asked", ["replay", "explanation"])
async def test_the_suggestions_of_who_is_erased_answer_erased(
    api: Api, matching: Matching, suggested: dict[frozenset[str], UUID], asked: str
) -> None:
    await matching.erase("Bateria")
    for pair in (ENDED, APART):
        gone = await api.get(f"/suggestions/{suggested[pair]}/{asked}", "operator")
        assert (gone.status_code, gone.json()["rule"]) == (410, "erased")
    mine = await api.get(f"/suggestions/{suggested[ENDED]}/explanation", "sme_contact", identifier("Akku"))
    assert mine.status_code == 410


async def test_profiles_that_no_other_score_was_made_with_go_too(
    matching: Matching, suggested: dict[frozenset[str], UUID]
) -> None:
    assert await kept_profiles(matching) == {"Akku", "Pile", "Bateria", "Solo"}
    await matching.erase("Bateria")
    assert await kept_profiles(matching) == {"Akku", "Pile"}


async def test_if_partners_profiles_went_with_the_erased_one_others_could_not_be_replayed(
    api: Api, matching: Matching, suggested: dict[frozenset[str], UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: nothing that another score was made with is spared."""
    monkeypatch.setattr(history, "scored_with", sa.false)
    await matching.erase("Bateria")
    gone = await api.get(f"/suggestions/{suggested[STAYING]}/replay", "operator")
    assert (gone.status_code, gone.json()["rule"]) == (409, "not-replayable")


async def test_if_all_profiles_of_partners_stayed_more_would_be_kept_than_anything_needs(
    matching: Matching, suggested: dict[frozenset[str], UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control of the other side."""
    monkeypatch.setattr(history, "scored_with", sa.true)
    await matching.erase("Bateria")
    assert "Solo" in await kept_profiles(matching)
