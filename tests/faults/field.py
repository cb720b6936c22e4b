"""The whole stack as the fault tests handle it: import, kill, wait until all is quiet, look at what came of it."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from deploy.local.broker import ApacheKafka
from deploy.local.demo.mailbox_reader import MailboxReader, answer_links
from deploy.local.operating import status
from deploy.local.operator_client import OperatorClient, ServiceError
from deploy.local.process import StartError, wait_until
from deploy.local.stack import Stack
from deploy.local.supervisor import Supervisor
from shared.auth import Role, TokenIssuer

SEED = Path(__file__).resolve().parents[2] / "deploy" / "local" / "seed"
ROWS_PER_REQUEST = 12

OWED = """SELECT EXISTS (SELECT 1 FROM organisation WHERE matched_sequence IS DISTINCT FROM change_sequence)
          OR EXISTS (SELECT 1 FROM suggestion WHERE NOT settled AND state <> 'withdrawn')"""
DUE = """SELECT EXISTS (SELECT 1 FROM notice WHERE state = 'waiting' AND look_at < now() + interval '2 minutes')
         OR EXISTS (SELECT 1 FROM delivery WHERE state IN ('queued', 'sending'))"""


def seed_lines(clusters: int, organisations: int) -> list[str]:
    """Return import lines of seed clusters and of firms that are their members (or of none), in import order."""
    chosen = list(islice((SEED / "clusters.jsonl").read_text(encoding="utf-8").splitlines(), clusters))
    names = {json.loads(line)["supplied_id"] for line in chosen}
    firms = []
    for line in (SEED / "organisations.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if set(record["member_of"]) <= names:
            firms.append(line)
    return [*chosen, *firms[:organisations]]


@dataclass(frozen=True)
class Suggestion:
    """A live suggestion as both sides see it."""

    id: str
    first_id: str
    second_id: str
    state: str
    score: float

    @property
    def pair(self) -> tuple[str, str]:
        return self.first_id, self.second_id


class Field:
    """A running stack and what a test does with it. All requests are public ones, with tokens as people have them."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.supervisor = Supervisor(stack, report=lambda words: None)
        self.operator = OperatorClient(stack.installation)
        self.mailbox = MailboxReader(stack.installation.url("mailbox"))
        self._console = TokenIssuer.from_file("console", stack.keys.private("console"))

    # --- doing

    def import_lines(self, lines: list[str], *, kill: dict[int, str] | None = None) -> None:
        """Import in small requests. ``kill``: request number → the process killed (-9) while that request runs."""
        with ThreadPoolExecutor(max_workers=1) as thread:
            for number, start in enumerate(range(0, len(lines), ROWS_PER_REQUEST)):
                sending = thread.submit(self._import_until_taken, lines[start : start + ROWS_PER_REQUEST])
                if victim := (kill or {}).get(number):
                    self.kill(victim)
                sending.result()

    def _import_until_taken(self, lines: list[str]) -> None:
        content = "\n".join(lines).encode()

        def taken() -> bool:
            try:
                query = {"format": "jsonl", "source": "fault test"}
                report = self.operator.call("profiles", "POST", "/imports", params=query, content=content)
            except ServiceError as error:
                if error.status not in (None, 409, 503):
                    raise
                return False
            assert report["rejected"] == 0, report["errors"]
            return True

        wait_until(taken, 60, "profiles takes the import", every=0.3)

    def kill(self, name: str) -> None:
        """Kill a service, the broker or the database as a crash would; the supervisor starts it again."""
        stack = self.stack
        if name == "broker":
            assert stack.broker is not None
            stack.broker.kill()
        elif name == "postgres":
            assert stack.postgres is not None
            stack.postgres.kill()
        else:
            stack.processes[name].kill()

    def answer(self, suggestion: Suggestion, side: str, answer: str = "interested") -> None:
        """Answer as a contact of that organisation."""
        organisation = self.operator.call("profiles", "GET", f"/organisations/{side}")
        contact = organisation["contacts"][0]
        role = Role(contact["roles"][0], organisation_id=_uuid(side))
        token = self._console.person_token(_uuid(contact["person_id"]), [role])
        url = f"{self.stack.installation.url('matching')}/suggestions/{suggestion.id}/answers"
        self.operator.send("POST", url, token, json={"organisation_id": side, "answer": answer})

    def wipe_broker(self) -> None:
        """Kill the broker and remove what it stored; the supervisor starts it again."""
        broker = self.stack.broker
        assert broker is not None
        if isinstance(broker, ApacheKafka):
            # Renamed while it runs: the supervisor can't start it on the old data in between.
            broker.folder.rename(broker.folder.with_name(f"wiped-{broker.process.pid}"))
        broker.kill()

    @contextmanager
    def services_stopped(self) -> Iterator[None]:
        """Stop the five services for the time of the block; the supervisor looks away meanwhile."""
        stack = self.stack
        self.supervisor.stop()
        for service in stack.services:
            stack.processes[service].stop()
        yield
        for service in stack.services:
            stack.start_service(service)
        stack.wait_ready(stack.services)
        self.supervisor = Supervisor(stack, report=lambda words: None)
        self.supervisor.start()

    # --- waiting

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = 90.0) -> None:
        """Wait for a condition that asks services; while one of them is away the condition does not hold."""

        def holds() -> bool:
            try:
                return condition()
            except ServiceError:
                return False

        wait_until(holds, seconds, what, every=0.3)

    def wait_quiet(self, seconds: float = 150.0) -> None:
        """Wait until every service is ready and nothing is left to send, read, match, tell or mail; twice in a row."""
        quiet = 0

        def is_quiet() -> bool:
            nonlocal quiet
            quiet = quiet + 1 if not self.busy() else 0
            return quiet >= 3

        try:
            wait_until(is_quiet, seconds, "all is quiet", every=0.5)
        except StartError as error:
            raise AssertionError(f"{error}: {self.busy()}") from None

    def busy(self) -> list[str]:
        """Return what still goes on."""
        found = status(self.operator)
        left = [f"{each['service']}: {each['faults']}" for each in found["services"] if not each["ready"]]
        if left:
            return left
        for each in found["services"]:
            counts = (each["journal"]["unpublished"], each["parked"], each["jobs"]["waiting"])
            if any(counts):
                left.append(f"{each['service']}: unsent, parked, jobs = {counts}")
        left += [f"{each['reader']} lags {each['lag']} on {each['topic']}" for each in found["streams"] if each["lag"]]
        left += ["matching owes a round"] * self.sql_true("matching", OWED)
        left += ["notifier has mails to make or send"] * self.sql_true("notifier", DUE)
        return left

    def sql_true(self, service: str, query: str) -> bool:
        """Ask a service's database a yes-or-no question (tests only: nothing of the product does this)."""
        assert self.stack.postgres is not None
        return self.stack.postgres.sql(query, database=service).strip() == "t"

    # --- looking

    def organisations(self) -> list[dict[str, Any]]:
        """Return all active organisations."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            query = {"status": "active", "limit": 100, **cursor}
            page = self.operator.call("profiles", "GET", "/organisations", params=query)
            found += page["items"]
            if not page.get("next_cursor"):
                return found
            cursor = {"cursor": page["next_cursor"]}

    def person_with(self, address: str) -> dict[str, Any]:
        """Return the contact who has this address."""
        for each in self.organisations():
            shown = self.operator.call("profiles", "GET", f"/organisations/{each['id']}")
            for contact in shown["contacts"] or []:
                if contact["email"] == address:
                    return dict(contact)
        raise LookupError(address)

    def suggestions(self) -> list[Suggestion]:
        """Return the live suggestions (proposed or connected) as the operator sees them."""
        found: list[Suggestion] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.operator.call("matching", "GET", "/suggestions", params={"limit": 100, **cursor})
            for each in page["items"]:
                if each["state"] in ("proposed", "connected"):
                    fields = (each["suggestion_id"], each["first_id"], each["second_id"], each["state"], each["score"])
                    found.append(Suggestion(*fields))
            if not page.get("next_cursor"):
                return found
            cursor = {"cursor": page["next_cursor"]}

    def mailed(self) -> Counter[tuple[str, str]]:
        """Return how many mails told (person, suggestion), counted over every mail that ever arrived.

        By person and not by address: who was erased and is imported again is another person at the same address.
        """
        told: Counter[tuple[str, str]] = Counter()
        for message in self._every_mail():
            told.update({(link.person_id, link.suggestion_id) for link in answer_links(message)})
        return told

    def mails_about(self, words: str) -> Counter[str]:
        """Return how many mails with these words in the subject each recipient got."""
        return Counter(mail["recipients"][0] for mail in self._every_mail() if words in mail["subject"])

    def _every_mail(self) -> list[dict[str, Any]]:
        mails: list[dict[str, Any]] = []
        while more := self.mailbox.messages(after=mails[-1]["number"] if mails else 0):
            mails += more
        return mails

    def somebody_mailed(self) -> str:
        """Return the address of somebody who was told a suggestion."""
        return next(link.email for mail in self._every_mail() for link in answer_links(mail))

    def doubled_without_a_mark(self) -> list[tuple[str, str]]:
        """Return (person, suggestion) told twice although the delivery is not marked ambiguous."""
        ambiguous = self.operator.call("notifier", "GET", "/deliveries", params={"state": "ambiguous", "limit": 100})
        excused = {each["person_id"] for each in ambiguous["items"]}
        return [told for told, count in self.mailed().items() if count > 1 and told[0] not in excused]

    def never_mailed(self) -> list[str]:
        """Return notices that are neither mailed nor rightly waiting (consent, cap) nor moot."""
        assert self.stack.postgres is not None
        query = """SELECT key FROM notice WHERE state = 'mailed' AND delivery_id NOT IN (
                     SELECT delivery_id FROM delivery WHERE state IN ('sent', 'ambiguous', 'suppressed', 'failed'))"""
        return self.stack.postgres.sql(query, database="notifier").split()

    def unnoticed(self) -> list[str]:
        """Return live suggestions of which one side has no notice at all in notifier."""
        assert self.stack.postgres is not None
        known = set(self.stack.postgres.sql("SELECT subject_id || ' ' || organisation_id FROM notice",
                                            database="notifier").splitlines())  # fmt: skip
        sides = ((each, side) for each in self.suggestions() for side in each.pair)
        return [f"{each.id} {side}" for each, side in sides if f"{each.id} {side}" not in known]


def _uuid(text: str) -> Any:
    from uuid import UUID

    return UUID(text)
