"""Everything is killed in turn while organisations are imported; afterwards all is as if nothing had happened."""

import pytest

from deploy.local.process import wait_until
from tests.faults.field import Field, Suggestion, seed_lines

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

LINES = seed_lines(clusters=40, organisations=110)
FIRST, SECOND = LINES[:100], LINES[100:]
SCORE_TOLERANCE = 0.02
"""Texts are encoded in other batches the second time; half-precision vectors then differ in their last digit."""


def pairs(suggestions: list[Suggestion]) -> dict[tuple[str, str], float]:
    return {each.pair: each.score for each in suggestions}


def connect_one(field: Field, victim: str) -> Suggestion:
    """Both sides of a proposed suggestion say yes; a service is killed between their answers."""
    chosen = next(each for each in field.suggestions() if each.state == "proposed")
    field.answer(chosen, chosen.first_id)
    field.kill(victim)
    wait_until(lambda: _answered(field, chosen), 60, "the second answer is taken", every=0.5)
    return chosen


def _answered(field: Field, chosen: Suggestion) -> bool:
    from deploy.local.operator_client import ServiceError

    try:
        field.answer(chosen, chosen.second_id)
    except ServiceError:
        return False
    return True


def as_if_undisturbed(field: Field) -> None:
    """Check suggestions, notices and mails after quiescence."""
    assert field.unnoticed() == [], "a live suggestion of which notifier never heard"
    assert field.never_mailed() == [], "a mail that was made and never sent"
    assert field.doubled_without_a_mark() == [], "a mail sent twice without the mark"


def test_every_service_is_killed_in_turn_during_an_import(field: Field) -> None:
    kill = {1: "profiles", 2: "matching", 3: "notifier", 4: "mobility", 5: "console", 6: "matching", 7: "profiles"}
    field.import_lines(FIRST, kill=kill)
    field.wait_quiet()
    chosen = connect_one(field, "matching")
    field.wait_quiet()
    connections = [each for each in field.suggestions() if each.state == "connected"]
    assert [each.id for each in connections] == [chosen.id]
    as_if_undisturbed(field)


def test_the_broker_is_killed_in_the_middle_of_an_import(field: Field) -> None:
    """The embedded broker comes back empty and the journals are replayed; Apache Kafka comes back with its data."""
    field.import_lines(SECOND, kill={1: "broker"})
    field.wait_quiet()
    as_if_undisturbed(field)


def test_the_database_is_killed_in_the_middle_of_an_import(field: Field) -> None:
    field.import_lines(FIRST[:36], kill={1: "postgres"})
    field.wait_quiet()
    as_if_undisturbed(field)


def test_a_matching_that_starts_from_nothing_comes_to_the_same_suggestions(field: Field) -> None:
    """The undisturbed run: matching's database is lost, and everything is read and matched again from the streams."""
    disturbed = pairs([each for each in field.suggestions() if each.state == "proposed"])
    connected = {each.pair for each in field.suggestions() if each.state == "connected"}
    stack = field.stack
    assert stack.postgres is not None
    stack.postgres.drop_database("matching")
    stack.postgres.create_database("matching", "matching")
    stack.migrate()
    field.kill("matching")
    field.wait_quiet()
    undisturbed = pairs(field.suggestions())
    # The answers were in the lost database: its connection is a mere proposal again.
    missing = {pair for pair in disturbed if pair not in undisturbed}
    extra = {pair for pair in undisturbed if pair not in disturbed} - connected
    assert not missing, f"{len(missing)} of {len(disturbed)} are missing"
    assert not extra, f"{len(extra)} beside {len(disturbed)} are new"
    assert all(abs(score - undisturbed[pair]) <= SCORE_TOLERANCE for pair, score in disturbed.items())
