"""What is kept in memory between rounds is what reading and working out everything anew would give."""

from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.considering import Considering
from services.matching.meetings import Meetings
from services.matching.parties import Party, StatementFact
from services.matching.ranking.ranker import Curve, start_ranker
from services.matching.scoring import Judge, Scored
from services.matching.search import StatementIndex
from services.matching.standing import Book
from services.matching.store import StatementStore, index_of
from services.matching.suggestions import answer_suggestion
from shared.contracts.matching import Answer
from shared.contracts.profiles import OrganisationKind
from tests.matching.conftest import Matching, identifier, organisation
from tests.matching.test_meetings import some
from tests.matching.test_search import CALIBRATIONS

LEAST = (0.5, 0.55)
JUDGE = Judge(start_ranker())
NEED = "recycling of lithium batteries from electric cars"


Worked = tuple[list[Scored], dict[object, str], dict[UUID, StatementFact]]


def candidates(made: Considering, index: StatementIndex, parties: dict[UUID, Party], judge: Judge = JUDGE) -> Worked:
    """Return what is worked out of an index, with all reasons."""
    found = made.candidates(index, parties, judge)
    reasons: dict[object, str] = {each.pair: found.reasons[each.pair] for each in found.scored}
    return found.scored, reasons, dict(found.statements)


def a_history(seed: int) -> bool:
    """Let statements and organisations change; tell whether what is kept is right after each step."""
    chance = np.random.default_rng(seed)
    kept, store = Considering(*LEAST), StatementStore(CALIBRATIONS)
    stored = {number: some(chance, number) for number in range(1, 16)}
    store.put(stored.values())
    parties = {
        number: Party(UUID(int=number), OrganisationKind.SME, f"Firm {number}", entry.country)
        for number, entry in stored.items()
    }
    for step in range(5):
        there = {UUID(int=number): party for number, party in parties.items() if number in stored}
        anew = candidates(Considering(*LEAST), index_of(stored.values(), CALIBRATIONS), there)
        if candidates(kept, store.snapshot(), there) != anew:
            return False
        for number in chance.integers(1, 16, size=3).tolist():
            if chance.integers(2):
                parties[number] = replace(parties[number], name=f"Firm {number} of step {step}", sectors=("28.99",))
            elif number in stored and not chance.integers(3):
                del stored[number]
                store.drop([UUID(int=number)])
            else:
                stored[number] = replace(some(chance, number), country=parties[number].country)
                store.put([stored[number]])
    return True


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1_000_000))
def test_kept_scores_and_reasons_are_those_worked_out_anew(seed: int) -> None:
    assert a_history(seed)


@pytest.mark.parametrize("part", ["parties", "meetings"])
def test_scores_kept_without_looking_at_what_they_were_made_of_would_be_stale(
    monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Negative control: changed parties, or what has met since, are passed over."""
    owner, guard = (Considering, "_between") if part == "parties" else (Meetings, "update")
    whole = getattr(owner, guard)

    def careless(self: object, *arguments: object) -> object:
        return whole(self, *arguments)[:0]

    monkeypatch.setattr(owner, guard, careless)
    assert not all(map(a_history, range(20)))


def test_another_judge_scores_every_pair_again() -> None:
    chance = np.random.default_rng(3)
    stored = {number: some(chance, number) for number in range(1, 16)}
    kept, index = Considering(*LEAST), index_of(stored.values(), CALIBRATIONS)
    parties = {
        UUID(int=number): Party(UUID(int=number), OrganisationKind.SME, f"Firm {number}", entry.country)
        for number, entry in stored.items()
    }
    curves = {**JUDGE.ranker.curves, "statements": Curve((0.0, 1.0), (0.0, 9.0))}
    other = Judge(replace(JUDGE.ranker, curves=curves))
    before, *_ = candidates(kept, index, parties)
    assert before
    after = candidates(kept, index, parties, other)
    assert after == candidates(Considering(*LEAST), index, parties, other)
    assert {each.score for each in after[0]} != {each.score for each in before}


def identifiers() -> list[UUID]:
    """Return the organisations of the history below."""
    return [identifier("Akku"), identifier("Pile")]


async def what_stands(matching: Matching, book: Book) -> tuple[set[object], list[object]]:
    """Return what a book says after reading what has changed."""
    async with matching.context.database.session() as session:
        await book.refresh(session)
    standing = {(pair, each.state, each.answered, each.reason) for pair, each in book.standing.items()}
    assert {pair for side in identifiers() for pair in book.of(side)} == book.standing.keys()
    return standing, sorted(book.unsettled)


async def through_its_life(matching: Matching) -> bool:
    """Take a suggestion through its life; tell whether a kept book says what a new one does at each step."""
    kept = Book()
    same = []
    await matching.hear(organisation("Akku", "DE", needs=[NEED]), organisation("Pile", "FR", offers=[NEED]))
    await matching.settle()
    same.append(await what_stands(matching, kept) == await what_stands(matching, Book()))
    (suggestion,) = (await matching.suggestions()).values()
    async with matching.context.database.transaction() as session:
        await answer_suggestion(session, suggestion.id, identifier("Akku"), Answer.INTERESTED)
    same.append(await what_stands(matching, kept) == await what_stands(matching, Book()))
    await matching.settle()
    same.append(await what_stands(matching, kept) == await what_stands(matching, Book()))
    await matching.erase("Pile")
    await matching.settle()
    same.append(await what_stands(matching, kept) == await what_stands(matching, Book()))
    return all(same)


async def test_a_kept_book_says_what_a_new_one_does(matching: Matching) -> None:
    assert await through_its_life(matching)


async def test_a_book_that_did_not_look_at_changes_would_be_stale(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: after the first look nothing seems to have changed."""
    from services.matching.repository import suggestions as rows

    changed_since = rows.changed_since

    async def nothing(session: object, transaction: int | None) -> object:
        return [] if transaction is not None else await changed_since(session, transaction)  # type: ignore[arg-type]

    monkeypatch.setattr(rows, "changed_since", nothing)
    assert not await through_its_life(matching)
