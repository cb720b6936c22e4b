"""What the story has at hand and what it found out so far."""

from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from deploy.local.demo.mailbox_reader import MailboxReader
from deploy.local.demo.pairs import Mailed, Pair, Side
from deploy.local.demo.person import Person
from deploy.local.operator_client import OperatorClient
from deploy.local.process import StartError


@dataclass
class Scene:
    """The stage: addresses, mailbox, people; then the facts, filled in step by step."""

    urls: dict[str, str]
    mailbox: MailboxReader
    launcher: OperatorClient
    console: Console
    people: dict[str, Person] = field(default_factory=dict)
    mailed: Mailed = field(default_factory=Mailed)
    first_mail_number: int = 0
    organisations: int = 0
    calls: int = 0
    imported_at: float = 0.0
    first_email_seconds: float | None = None
    operator: Person | None = None
    pair: Pair | None = None
    suggestion: dict[str, Any] = field(default_factory=dict)
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    visit: dict[str, Any] = field(default_factory=dict)
    programme: dict[str, Any] = field(default_factory=dict)
    voucher: dict[str, Any] = field(default_factory=dict)
    ledger_balanced: bool = False
    connections: int = 0

    def person(self, email: str) -> Person:
        """Return the person with that address; the same one each time."""
        if email not in self.people:
            self.people[email] = Person(email, self.urls, self.mailbox)
        return self.people[email]

    def organisation(self, organisation_id: str) -> dict[str, Any]:
        """Return an organisation's profile with its contacts, as the operator sees it; asked once."""
        if organisation_id not in self.profiles:
            assert self.operator is not None, "the operator signs in first"
            self.profiles[organisation_id] = self.operator.call("profiles", "GET", f"/organisations/{organisation_id}")
        return self.profiles[organisation_id]

    def contact(self, organisation_id: str, role: str, place: int = 0) -> str | None:
        """Return the address of an organisation's contact in that role, the first one or the one at ``place``."""
        contacts = self.organisation(organisation_id)["contacts"] or []
        found = [str(each["email"]) for each in contacts if role in each["roles"]]
        return found[place] if place < len(found) else None

    def hub_of(self, side: Side) -> tuple[str, str] | None:
        """Return (cluster id, its hub manager's address) of a cluster that the side is a member of."""
        for cluster in self.organisation(side.organisation_id)["clusters"]:
            if manager := self.contact(cluster, "hub_manager"):
                return cluster, manager
        return None

    @property
    def sides(self) -> tuple[Side, Side]:
        """Visitor and host."""
        if self.pair is None:
            raise StartError("no pair was chosen")
        return self.pair.sides

    def close(self) -> None:
        """Close all connections."""
        self.mailbox.close()
        for person in self.people.values():
            person.close()
