"""Erasing an organisation: its words and vectors are gone, whoever quoted them has been told."""

import json

import sqlalchemy as sa

from services.matching.models import Suggestion
from services.matching.repository.profiles import forget_vectors
from services.matching.repository.suggestions import is_round_owed
from services.matching.rounds import run_round
from services.matching.suggestions import REDACTED_REASON
from tests.matching.conftest import Matching, identifier, organisation
from tests.matching.stored import everything_stored

SECRET = "holographic beekeeping instruments"
SHARED = "recycling of lithium batteries"


async def vectors(matching: Matching) -> int:
    """Count stored vectors."""
    async with matching.context.database.session() as session:
        return await session.scalar(sa.text("SELECT count(*) FROM text_vector")) or 0


async def test_an_erased_organisation_leaves_no_word(matching: Matching) -> None:
    await matching.hear(
        organisation("Bienen", "DE", needs=[SECRET], offers=[SHARED]),
        organisation("Abeilles", "FR", offers=[SECRET]),
        organisation("Akku", "AT", needs=[SHARED], offers=[SHARED]),
    )
    await matching.settle()
    assert SECRET in await everything_stored(matching)
    assert await vectors(matching) == 2
    await matching.erase("Bienen")
    await matching.hear(organisation("Abeilles", "FR", n=2))
    await matching.settle()
    stored = await everything_stored(matching)
    assert "beekeeping" not in stored
    assert "Bienen" not in stored
    assert await vectors(matching) == 1  # Akku still says the other text
    assert await matching.pairs() == set()


async def test_sister_services_are_told_the_redacted_suggestion(matching: Matching) -> None:
    await matching.hear(organisation("Bienen", "DE", needs=[SECRET]), organisation("Abeilles", "FR", offers=[SECRET]))
    await matching.settle()
    await matching.erase("Bienen")
    occasion, body = (await matching.events())[-1]
    assert occasion == "suggestion.withdrawn"
    assert body is not None
    assert (body["reason"], body["evidence"]) == (REDACTED_REASON, [])
    assert all(body is None or SECRET not in json.dumps(body) for _, body in await matching.events())


async def test_after_an_erasure_the_rounds_come_to_rest(matching: Matching) -> None:
    await matching.hear(organisation("Bienen", "DE", needs=[SECRET]), organisation("Abeilles", "FR", offers=[SECRET]))
    await matching.settle()
    await matching.erase("Bienen")
    await matching.settle()
    async with matching.context.database.session() as session:
        assert not await is_round_owed(session)


async def test_a_late_profile_does_not_bring_an_erased_organisation_back(matching: Matching) -> None:
    late = organisation("Bienen", "DE", needs=[SECRET], n=3)
    await matching.erase("Bienen", n=4)
    await matching.hear(late, organisation("Abeilles", "FR", offers=[SECRET]))
    await matching.settle()
    assert await matching.pairs(None) == set()


async def test_an_erasure_in_the_middle_of_reading_leaves_no_vector(matching: Matching) -> None:
    """The statement is erased after the batch was fetched and before its vectors are stored."""
    from services.matching.reading import read_batch

    await matching.hear(organisation("Bienen", "DE", needs=[SECRET]))
    engine = matching.engine
    encode = engine.encode

    async def erased_meanwhile(*texts):
        await matching.erase("Bienen")
        return await encode(*texts)

    engine.encode = erased_meanwhile  # type: ignore[method-assign]
    await read_batch(matching.context.database, engine)
    assert await vectors(matching) == 0


async def test_a_suggestion_written_during_an_erasure_is_redacted_by_the_next_round(matching: Matching) -> None:
    await matching.hear(organisation("Bienen", "DE", needs=[SECRET]), organisation("Abeilles", "FR", offers=[SECRET]))
    await matching.settle()
    row = (await matching.suggestions()).popitem()[1]
    quoting = {"reason": f"Bienen needs “{SECRET}”.", "evidence": row.evidence, "state": "proposed"}
    await matching.erase("Bienen")
    async with matching.context.database.transaction() as session:  # as a round that had not seen the erasure
        await session.execute(sa.update(Suggestion).values(**quoting))
    await run_round(matching.context.database, matching.engine)
    [after] = (await matching.suggestions(None)).values()
    assert (after.state, after.reason, after.evidence) == ("withdrawn", REDACTED_REASON, [])
    assert identifier("Bienen") in (after.first_id, after.second_id)


async def test_more_texts_are_forgotten_at_once_than_a_query_can_have_parameters(matching: Matching) -> None:
    await matching.hear(organisation("Akku", "AT", needs=[SHARED, SECRET]))
    await matching.read()
    async with matching.context.database.transaction() as session:
        hashes = set(await session.scalars(sa.text("SELECT text_hash FROM text_vector")))
        unsaid = "DELETE FROM statement WHERE text = :text RETURNING text_hash"
        gone = await session.scalar(sa.text(unsaid), {"text": SECRET})
        await forget_vectors(session, hashes | {number.to_bytes(16, "big") for number in range(33_000)})
        assert set(await session.scalars(sa.text("SELECT text_hash FROM text_vector"))) == hashes - {gone}
