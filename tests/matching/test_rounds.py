"""Rounds: what is proposed follows from profiles and answers alone, whatever happened on the way."""

import random

import pytest

from services.matching import considering, parties
from services.matching.encoder.spaces import Space
from services.matching.engine import LastChange
from services.matching.repository import suggestions as rows
from services.matching.work import is_due
from shared.contracts.profiles import OrganisationStatus
from tests.matching.conftest import Matching, identifier, organisation

BATTERY = "recycling of lithium batteries from electric cars"
CHEESE = "organic goat cheese with a protected origin"
PUMPS = "quiet heat pumps for old town houses"


def town() -> list:
    """Return profiles of which several fit across borders and some only at home."""
    return [
        organisation("Akku", "DE", needs=[BATTERY], offers=[PUMPS]),
        organisation("Pile", "FR", offers=[BATTERY], needs=[PUMPS]),
        organisation("Bateria", "PL", offers=[BATTERY]),
        organisation("Accu", "NL", needs=[BATTERY]),
        organisation("Zelle", "DE", offers=[BATTERY]),
        organisation("Queso", "ES", needs=[CHEESE]),
        organisation("Chevre", "FR", offers=[CHEESE]),
        organisation("Cabra", "ES", offers=[CHEESE]),
    ]


EXPECTED = {
    frozenset(pair)
    for pair in (
        ("Akku", "Pile"),
        ("Akku", "Bateria"),
        ("Accu", "Pile"),
        ("Accu", "Bateria"),
        ("Accu", "Zelle"),
        ("Queso", "Chevre"),
    )
}


async def test_needs_meet_offers_of_other_countries(matching: Matching) -> None:
    await matching.hear(*town())
    await matching.settle()
    assert await matching.pairs() == EXPECTED
    assert set(await matching.occasions()) == {"suggestion.proposed"}


async def test_without_the_country_rule_neighbours_are_suggested(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control of the test above: the rule is what keeps Zelle from Akku."""
    monkeypatch.setattr(considering, "may_meet", lambda one, other: True)
    monkeypatch.setattr("services.matching.search.COMPARE_WITHIN_COUNTRIES", True)
    await matching.hear(*town())
    await matching.settle()
    assert frozenset(("Akku", "Zelle")) in await matching.pairs()


async def test_a_reason_quotes_the_statements_that_met(matching: Matching) -> None:
    await matching.hear(*town())
    await matching.settle()
    both_ways = (await matching.suggestions())[frozenset(("Akku", "Pile"))]
    assert both_ways.reason.count("“") == 4
    assert BATTERY in both_ways.reason
    assert "; in return, " in both_ways.reason
    met = {(each["need_statement_id"], each["offer_statement_id"]) for each in both_ways.evidence}
    assert (str(identifier(f"Akku need {BATTERY}")), str(identifier(f"Pile offer {BATTERY}"))) in met
    assert both_ways.score == pytest.approx(sum(both_ways.features.values()))
    assert 0 <= both_ways.score <= 1


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_order_of_arrival_and_a_crash_on_the_way_change_nothing(matching: Matching, seed: int) -> None:
    chance = random.Random(seed)
    profiles = town()
    chance.shuffle(profiles)
    for index, profile in enumerate(profiles):
        await matching.hear(profile)
        if chance.random() < 0.5:
            await matching.settle()
        if index == len(profiles) // 2:
            await matching.restart()
    await matching.settle()
    await matching.settle()
    assert await matching.pairs() == EXPECTED


async def test_a_round_that_changes_nothing_tells_nothing(matching: Matching) -> None:
    await matching.hear(*town())
    await matching.settle()
    before = await matching.occasions()
    outcome = await matching.settle()
    assert (outcome.proposed, outcome.changed, outcome.withdrawn) == (0, 0, 0)
    await matching.hear(*town())  # redelivered
    await matching.settle()
    assert await matching.occasions() == before


async def test_a_withdrawn_organisation_loses_its_suggestions_and_gets_them_back(matching: Matching) -> None:
    await matching.hear(*town())
    await matching.settle()
    gone = organisation("Pile", "FR", offers=[BATTERY], needs=[PUMPS], n=2, status=OrganisationStatus.WITHDRAWN)
    await matching.hear(gone)
    await matching.settle()
    assert not {pair for pair in await matching.pairs() if "Pile" in pair}
    assert "suggestion.withdrawn" in await matching.occasions()
    await matching.hear(organisation("Pile", "FR", offers=[BATTERY], needs=[PUMPS], n=3))
    await matching.settle()
    assert await matching.pairs() == EXPECTED


async def test_a_pair_has_one_row_for_all_time(matching: Matching) -> None:
    await matching.hear(*town())
    await matching.settle()
    before = (await matching.suggestions())[frozenset(("Queso", "Chevre"))]
    await matching.hear(organisation("Chevre", "FR", offers=[PUMPS], n=2))
    await matching.settle()
    assert frozenset(("Queso", "Chevre")) not in await matching.pairs()
    await matching.hear(organisation("Chevre", "FR", offers=[CHEESE], n=3))
    await matching.settle()
    again = (await matching.suggestions())[frozenset(("Queso", "Chevre"))]
    assert (again.id, again.version_n) == (before.id, before.version_n + 2)


async def test_a_text_is_read_once_whoever_says_it(matching: Matching) -> None:
    await matching.hear(*town())
    await matching.settle()
    english, multilingual = (matching.models[space].read for space in (Space.ENGLISH, Space.MULTILINGUAL))
    assert sorted(english) == sorted({BATTERY, CHEESE, PUMPS})
    assert len(multilingual) == 3
    await matching.hear(organisation("Neu", "AT", needs=[BATTERY]))
    await matching.settle()
    assert len(english) == 3


async def test_statements_of_another_language_meet_in_the_multilingual_space(matching: Matching) -> None:
    await matching.hear(
        organisation("Akku", "DE", needs=[BATTERY], language="de"), organisation("Pile", "FR", offers=[BATTERY])
    )
    await matching.settle()
    assert await matching.pairs() == {frozenset(("Akku", "Pile"))}
    assert len(matching.models[Space.ENGLISH].read) == 1


async def test_an_unreadable_statement_stops_nobody(matching: Matching) -> None:
    nonsense = organisation("Nonsense", "IT", needs=["<b></b> \u200b …", "", "💥" * 50], offers=["<script>x</script>"])
    await matching.hear(nonsense, *town())
    await matching.settle()
    assert await matching.pairs() == EXPECTED


async def test_while_statements_wait_only_very_good_pairs_are_proposed_and_nothing_is_taken_back(
    matching: Matching,
) -> None:
    from services.matching.rounds import run_round

    await matching.hear(*town())
    await matching.settle()
    weaker = "organic goat milk with honey nuts"
    await matching.hear(
        organisation("Chevre", "FR", offers=[PUMPS], n=2),
        organisation("Kaese", "DE", offers=[weaker]),
        organisation("Geit", "NL", offers=[CHEESE]),
    )
    await matching.read()
    await matching.hear(organisation("Late", "FI", needs=[CHEESE]))
    outcome = await run_round(matching.context.database, matching.engine)
    assert not outcome.final
    during = await matching.pairs()
    assert {frozenset(("Queso", "Geit")), frozenset(("Queso", "Chevre"))} <= during
    assert frozenset(("Queso", "Kaese")) not in during
    await matching.settle()
    after = await matching.pairs()
    assert frozenset(("Queso", "Kaese")) in after
    assert frozenset(("Queso", "Chevre")) not in after


async def test_a_round_is_owed_from_a_change_until_a_round_has_seen_it(matching: Matching) -> None:
    async def owed() -> bool:
        async with matching.context.database.session() as session:
            return await rows.is_round_owed(session)

    assert not await owed()
    await matching.hear(*town())
    assert not await owed()  # nothing is read yet
    await matching.read()
    assert await owed()
    await matching.settle()
    assert not await owed()
    await matching.hear(organisation("Pile", "FR", n=2))
    assert await owed()


def test_a_round_comes_at_once_when_idle_and_every_few_seconds_in_a_burst(matching: Matching) -> None:
    engine = matching.engine
    engine.last_round_ended, engine.last_change = 100.0, LastChange(1, 100.8).then(2, 100.9)
    assert is_due(engine, 105.0, waiting=True)
    assert not is_due(engine, 101.0, waiting=True)
    assert not is_due(engine, 101.0, waiting=False)
    assert is_due(engine, 101.5, waiting=False)
    engine.last_change = LastChange(1, 99.0).then(2, 101.0)
    assert is_due(engine, 101.0, waiting=False)
    assert not is_due(engine, 101.0, waiting=True)
    assert engine.last_change.then(2, 102.0) is engine.last_change


def test_pairs_have_one_key_whichever_way_round() -> None:
    one, other = identifier("one"), identifier("other")
    assert parties.pair_of(one, other) == parties.pair_of(other, one)
