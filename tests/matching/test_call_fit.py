"""Which open call fits a pair: pure, exact, and the same in whatever company."""

from datetime import date
from uuid import UUID

import numpy as np
import pytest

from services.matching.calls.comparing import Plain
from services.matching.calls.fit import CallIndex, Fits, Met, OpenCall, best_for_both
from services.matching.calls.text import OBJECTIVE_CHARACTERS, objective, read_text_of
from services.matching.encoder.fusion import Fused, load_fusion
from services.matching.encoder.spaces import ground_of, spaces_of
from services.matching.parties import StatementFact
from services.matching.search import Indexed
from shared.contracts.profiles import StatementRole

TODAY = date(2026, 11, 22)
FUSION = load_fusion()
PLAIN = Plain(FUSION.calibrations)
CHANCE = np.random.default_rng(7)
DIRECTIONS = CHANCE.standard_normal((12, FUSION.dimensions))


def vector(language: str, *parts: int) -> Fused:
    """Return the fused vector of a text in a language that is made of some directions."""
    total = DIRECTIONS[list(parts)].sum(axis=0)
    fused = np.zeros(FUSION.dimensions)
    for space in spaces_of(language):
        part = total[FUSION.part(space)]
        fused[FUSION.part(space)] = part / np.linalg.norm(part) * np.sqrt(FUSION.weights[space])
    return fused.astype(np.float16)


def call(number: int, *parts: int, deadlines: tuple[date, ...] = (date(2027, 3, 1),)) -> OpenCall:
    """Return a call."""
    name = f"Call {number}"
    return OpenCall(UUID(int=number), name, "en", None, deadlines, PLAIN.of_call(vector("en", *parts), "en"))


def said(number: int, *parts: int, language: str = "en") -> Indexed:
    """Return a statement of somebody."""
    fact = StatementFact(UUID(int=number), UUID(int=number * 1000), StatementRole.OFFER, language, "text")
    return Indexed(fact, "DE", ground_of(language), vector(language, *parts))


def index(*calls: OpenCall) -> CallIndex:
    """Return an index of calls."""
    return CallIndex(calls, PLAIN)


def fitting(calls: CallIndex, *entries: Indexed) -> dict[int, Met]:
    """Return what fits, by the number of the call."""
    return {key.int: met for key, met in calls.fitting(entries, 0.5).items()}


def test_a_call_fits_by_the_statement_that_comes_closest() -> None:
    found = fitting(index(call(1, 0, 1), call(2, 5)), said(11, 0, 1, 2), said(12, 0, 1), said(13, 6))
    assert found.keys() == {1}
    assert found[1].statement_id == UUID(int=12)
    assert found[1].similarity == pytest.approx(1.0, abs=1e-3)


def test_of_two_statements_that_say_the_same_the_smaller_id_is_told() -> None:
    assert fitting(index(call(1, 0)), said(12, 0), said(11, 0))[1].statement_id == UUID(int=11)


@pytest.mark.parametrize("language", ["en", "de", "fi"])
def test_the_similarity_is_the_same_in_whatever_company(language: str) -> None:
    alone = fitting(index(call(1, 0, 1)), said(11, 0, 1, 2, language=language))[1]
    crowd = [call(number, number % 12, (number * 5) % 12) for number in range(2, 60)]
    others = [said(number, 3 + number % 9, language=("en", "de", "fi")[number % 3]) for number in range(20, 40)]
    assert fitting(index(*crowd, call(1, 0, 1)), *others, said(11, 0, 1, 2, language=language))[1] == alone


def test_without_calls_or_statements_nothing_fits() -> None:
    assert fitting(index(), said(11, 0)) == {}
    assert fitting(index(call(1, 0))) == {}


def test_the_pair_is_served_as_well_as_the_side_that_is_served_less() -> None:
    calls = index(call(1, 0), call(2, 1))
    first = {UUID(int=1): Met(0.9, UUID(int=11)), UUID(int=2): Met(0.7, UUID(int=12))}
    second = {UUID(int=1): Met(0.6, UUID(int=21)), UUID(int=2): Met(0.65, UUID(int=22))}
    best = best_for_both(first, second, calls, TODAY)
    assert best is not None
    assert (best.call_id.int, best.similarity) == (2, 0.65)
    assert (best.first_statement_id.int, best.second_statement_id.int) == (12, 22)


def test_a_call_that_fits_one_side_only_is_none() -> None:
    met = {UUID(int=1): Met(0.9, UUID(int=11))}
    assert best_for_both(met, {}, index(call(1, 0)), TODAY) is None
    assert best_for_both({}, met, index(call(1, 0)), TODAY) is None


def test_ties_go_to_the_earlier_deadline_then_to_the_smaller_id() -> None:
    early, late = (date(2027, 1, 1),), (date(2027, 6, 1),)
    calls = index(call(1, 0, deadlines=late), call(3, 0, deadlines=early), call(2, 0, deadlines=early))
    met = {UUID(int=number): Met(0.8, UUID(int=9)) for number in (1, 2, 3)}
    assert best_for_both(met, met, calls, TODAY).call_id.int == 2  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("deadlines", "next_one"),
    [
        ((date(2026, 11, 21),), None),
        ((date(2026, 11, 22),), date(2026, 11, 22)),
        ((date(2027, 5, 1), date(2026, 12, 1), date(2026, 1, 1)), date(2026, 12, 1)),
    ],
)
def test_a_call_counts_until_its_last_deadline_is_over(deadlines: tuple[date, ...], next_one: date | None) -> None:
    met = {UUID(int=1): Met(0.8, UUID(int=9))}
    found = best_for_both(met, met, index(call(1, 0, deadlines=deadlines)), TODAY)
    assert (found.deadline if found else None) == next_one


def test_what_is_kept_between_rounds_follows_statements_and_calls() -> None:
    fits, somebody = Fits(0.5), UUID(int=5)
    calls, entries = index(call(1, 0)), [said(11, 0)]
    first = fits.of(somebody, entries, calls)
    assert fits.of(somebody, entries, calls) is first
    assert fits.of(somebody, [said(11, 4)], calls) == {}
    assert fits.of(somebody, entries, index(call(2, 0))).keys() == {UUID(int=2)}
    fits.keep(set(), {somebody})
    assert not fits._known, "an erased organisation's words are not kept"


def test_the_models_read_the_title_and_the_beginning_of_the_objective() -> None:
    text = "Expected Outcome: Projects are expected to contribute to all of the following: cheaper pumps. Scope: …"
    assert read_text_of("Pumps for all.", text) == "Pumps for all. cheaper pumps. Scope: …"
    assert read_text_of("Pumps", "") == "Pumps"
    long = read_text_of("Pumps", "word " * 500)
    assert len(long) <= len("Pumps. ") + OBJECTIVE_CHARACTERS


@pytest.mark.parametrize("text", ["", ":", "a:", "a: b: c: d: e: f", "Ratio 3:4 of salt"])
def test_an_objective_is_never_longer_than_the_text_and_never_lost(text: str) -> None:
    assert text.endswith(objective(text))
    assert bool(objective(text)) == bool(text)
