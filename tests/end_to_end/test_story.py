"""The story of the demo on the whole stack, by public HTTP and the mailbox only, and what operators see of it."""

import io
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from deploy.local.cli import app
from deploy.local.demo import Outcome, play
from deploy.local.demo.mailbox_reader import MailboxReader, answer_links
from deploy.local.process import wait_until
from deploy.local.stack import Stack
from shared.contracts.topics import SERVICES

QUIET_SECONDS = 6.0

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def told() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(scope="module")
def outcome(stack: Stack, told: io.StringIO) -> Iterator[Outcome]:
    """The story, played once."""
    played = play(stack, Console(file=told, width=200))
    yield played
    played.close()


def run(stack: Stack, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--folder", str(stack.installation.folder)])


def test_every_step_of_the_story_holds(outcome: Outcome, told: io.StringIO) -> None:
    assert outcome.held, told.getvalue()
    summary = outcome.summary
    assert summary["visit"] == "completed"
    assert summary["voucher"] == "paid"
    assert summary["ledger_balanced"] is True
    assert summary["connections"] >= 1
    assert summary["organisations"] > 300
    assert set(summary["seconds"]) == {"install", "ready", "first_email", "story"}


def test_mails_are_in_their_readers_languages(outcome: Outcome) -> None:
    assert outcome.scene is not None
    mailbox = outcome.scene.mailbox

    def spoken() -> set[str]:
        return {mail["language"] for mail in mailbox.messages()} & {"en", "fr", "de", "pl"}

    # The story goes on with the first mails; the others come while matching reads on.
    wait_until(lambda: len(spoken()) >= 3, 180, "mails in three languages have come", every=1)


def test_both_firms_lie_in_different_countries_and_the_reason_quotes_both_statements(outcome: Outcome) -> None:
    assert outcome.scene is not None
    first, second = (outcome.scene.organisation(side.organisation_id) for side in outcome.scene.sides)
    assert first["country"] != second["country"]
    for evidence in outcome.scene.suggestion["evidence"]:
        statements = {each["id"]: each["text"] for firm in (first, second) for each in firm["statements"]}
        # A long statement is quoted from its beginning.
        assert statements[evidence["need_statement_id"]].startswith(evidence["need_text"])
        assert statements[evidence["offer_statement_id"]].startswith(evidence["offer_text"])


def test_no_address_of_the_other_side_was_mailed_before_both_said_yes(outcome: Outcome) -> None:
    assert outcome.scene is not None
    first, second = outcome.scene.sides
    for side, other in ((first, second), (second, first)):
        mails = [mail for mail in outcome.scene.mailbox.messages(side.email) if other.email in mail["text"]]
        assert mails, "the connection mail brings it"
        assert all(not any("/answer/" in link for link in mail["links"]) for mail in mails)


def test_a_second_telling_on_the_same_data_works_too(outcome: Outcome, stack: Stack) -> None:
    again = io.StringIO()
    second = play(stack, Console(file=again, width=200))
    assert second.held, again.getvalue()
    assert outcome.scene is not None
    assert second.scene is not None
    assert second.scene.suggestion["suggestion_id"] != outcome.scene.suggestion["suggestion_id"]
    second.close()


def test_status_sees_all_services_and_no_dead_letters(outcome: Outcome, stack: Stack) -> None:
    result = run(stack, "status", "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    assert [each["service"] for each in found["services"]] == list(SERVICES)
    assert all(each["ready"] and each["dead_letters"] == 0 for each in found["services"])
    readers = {each["reader"] for each in found["streams"]}
    assert {"matching", "notifier", "mobility", "console"} <= readers
    assert "profiles" in run(stack, "status").stdout


def test_trace_follows_the_visitor_through_all_services(outcome: Outcome, stack: Stack) -> None:
    assert outcome.scene is not None
    visitor, _ = outcome.scene.sides
    shown = run(stack, "trace", visitor.organisation_id).stdout
    for event in (
        "organisation.changed",
        "suggestion.connected",
        "visit.completed",
        "voucher.paid",
        "delivery.changed",
    ):
        assert event in shown


def test_replaying_everything_sends_no_mail_and_pays_nothing_again(outcome: Outcome, stack: Stack) -> None:
    assert outcome.scene is not None
    _last_mail(outcome.scene.mailbox)
    refused = run(stack, "replay")
    assert refused.exit_code != 0
    counted = run(stack, "replay", "--all", "--dry-run").stdout
    assert "would be sent again" in counted
    assert run(stack, "replay", "--all", "--yes").exit_code == 0
    _wait_until_sent(stack)
    _last_mail(outcome.scene.mailbox)
    # Matching may still find new pairs meanwhile, so what counts is that no occasion was mailed again.
    arrived = outcome.scene.mailbox.messages()
    told = Counter(occasion for mail in arrived for occasion in mail["occasions"])
    assert {key.split(":")[0] for key in told} >= {"suggestion", "connection", "visit-approved", "voucher-paid"}
    assert [key for key, times in told.items() if times > 1] == []
    links = Counter((each.email, each.suggestion_id, each.answer) for mail in arrived for each in answer_links(mail))
    assert [key for key, times in links.items() if times > 1] == []
    assert [key for key, times in Counter(mail["message_id"] for mail in arrived).items() if times > 1] == []
    path = f"/programmes/{outcome.scene.programme['programme_id']}/ledger"
    assert outcome.scene.person(outcome.people["Voucher administrator"]).call("mobility", "GET", path)["balanced"]


def test_importing_a_file_with_a_bad_row_keeps_the_good_ones(outcome: Outcome, stack: Stack, tmp_path: Path) -> None:
    good = {"supplied_id": "cli-1", "kind": "sme", "name": "Neu GmbH", "country": "AT", "sectors": ["28.99"]}
    bad = {**good, "supplied_id": "cli-2", "country": "XX"}
    file = tmp_path / "firms.jsonl"
    file.write_text("\n".join(map(json.dumps, (good, bad))))
    result = run(stack, "import", str(file))
    assert result.exit_code == 2
    assert "1 created" in result.stdout
    assert "row 2, country" in result.stdout


def _last_mail(mailbox: MailboxReader) -> int:
    """Wait until no mail but suggestions has come for a while; return the newest one's number."""
    seen, since = mailbox.newest(), time.monotonic()

    def quiet() -> bool:
        nonlocal seen, since
        arrived = mailbox.messages(after=seen)
        seen = max((mail["number"] for mail in arrived), default=seen)
        if any(not answer_links(mail) for mail in arrived):
            since = time.monotonic()
        return time.monotonic() - since > QUIET_SECONDS

    wait_until(quiet, 120, "the story's mails have arrived", every=0.3)
    return seen


def _wait_until_sent(stack: Stack) -> None:
    def quiet() -> bool:
        found = json.loads(run(stack, "status", "--json").stdout)
        sent = all(each["journal"]["unpublished"] == 0 for each in found["services"])
        return sent and all(each["lag"] == 0 for each in found["streams"])

    wait_until(quiet, 60, "journals are sent and read", every=0.5)
