"""What was erased stays erased through any replay, and databases restored from different moments come together."""

from pathlib import Path

import pytest

from deploy.local.backup import restore_database
from deploy.local.process import run_apart
from deploy.topics import ensure_topics
from tests.faults.field import Field, seed_lines
from tests.faults.searching import places_with

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

LINES = seed_lines(clusters=30, organisations=60)


@pytest.fixture(autouse=True)
def imported(field: Field) -> None:
    """Organisations are there; importing them again changes nothing."""
    field.import_lines(LINES)
    field.wait_quiet()


def wipe_the_broker(field: Field) -> None:
    """Kill the broker; what it kept is gone, on Apache Kafka too. The supervisor starts it and makes the topics."""
    stack = field.stack
    assert stack.broker is not None
    epoch = run_apart(lambda: ensure_topics({"bootstrap_servers": stack.bootstrap}))
    field.wipe_broker()
    field.wait_until(lambda: _epoch(field) not in (None, epoch), "the broker is back, empty")


def _epoch(field: Field) -> str | None:
    found = field.operator.call("profiles", "GET", "/operations/status")
    return str(found["broker_epoch"]) if found["broker_epoch"] else None


def test_an_erased_persons_address_is_nowhere_after_the_broker_was_wiped_and_all_was_replayed(field: Field) -> None:
    address = field.somebody_mailed()
    person = field.person_with(address)
    assert {"database:profiles", "database:notifier"} <= set(places_with(field.stack, address)), "control: it is found"

    field.operator.call("profiles", "DELETE", f"/people/{person['person_id']}")
    field.wait_quiet()
    wipe_the_broker(field)
    for service in field.stack.services:
        field.operator.call(service, "POST", "/operations/replay", json={"topic": None})
    field.wait_quiet()
    assert places_with(field.stack, address) == []
    assert places_with(field.stack, person["name"]) == []


def test_databases_restored_from_different_moments_come_together(field: Field, tmp_path: Path) -> None:
    stack = field.stack
    assert stack.postgres is not None
    stack.postgres.run("pg_dump", "--format=custom", "--file", str(tmp_path / "profiles.dump"), "profiles")
    later = seed_lines(clusters=30, organisations=75)[len(LINES) :]
    field.import_lines(later)
    withdrawn = next(each for each in field.organisations() if each["kind"] == "sme")
    field.operator.call(
        "profiles",
        "POST",
        f"/organisations/{withdrawn['id']}/withdraw",
        headers={"If-Match": f'"{withdrawn["version"]}"'},
    )
    field.wait_quiet()
    stack.postgres.run("pg_dump", "--format=custom", "--file", str(tmp_path / "matching.dump"), "matching")
    field.import_lines(seed_lines(clusters=30, organisations=80)[len(LINES) + len(later) :])
    field.wait_quiet()

    with field.services_stopped():
        for service in ("profiles", "matching"):
            restore_database(stack.postgres, service, tmp_path / f"{service}.dump")
    field.wait_quiet()

    truth = {each["id"]: each["name"] for each in field.organisations()}
    assert len(truth) < len(LINES) + len(later) + 3, "profiles is as old as its backup"
    assert withdrawn["id"] in truth, "its withdrawal came after the backup"
    active = "SELECT id || ' ' || name FROM organisation WHERE status = 'active'"
    assert set(stack.postgres.sql(active, database="matching").splitlines()) == {f"{k} {v}" for k, v in truth.items()}
    sides = {side for each in field.suggestions() for side in each.pair}
    assert sides <= set(truth), "a suggestion names an organisation that profiles does not know"
    assert field.unnoticed() == []
