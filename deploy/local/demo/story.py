"""The story of the demo, step by step: each step is played, timed and told, and the first that fails ends it."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from deploy.local.demo import importing, meeting, paying
from deploy.local.demo.audience import contact_with_open_suggestions
from deploy.local.demo.mailbox_reader import MailboxReader
from deploy.local.demo.scene import Scene
from deploy.local.operator_client import OperatorClient, ServiceError
from deploy.local.process import StartError
from deploy.local.stack import Stack

Step = Callable[[Scene, Progress], str]

STEPS: tuple[tuple[str, Step], ...] = (
    ("The platform's own people are entered", importing.platform),
    ("Real SMEs and clusters are imported", importing.organisations),
    ("Suggestions arrive by mail, each in its reader's language", importing.first_mails),
    ("Open calls of the EU are imported", importing.calls),
    ("Two firms of different countries say yes by the links in their mails", meeting.both_accept),
    ("Both get the other's contact", meeting.contacts_by_mail),
    ("A visit is requested", meeting.visit_requested),
    ("Four parties sign it", meeting.four_approvals),
    ("A travel programme is open", paying.programme),
    ("A travel voucher is applied for and issued", paying.voucher),
    ("The visit is completed by its report", meeting.report),
    ("Invoice, two-step approval, payment", paying.invoice_and_payment),
    ("The ledger balances", paying.ledger),
    ("The trail of the visitor, across all services", paying.trail),
)


@dataclass
class Outcome:
    """What became of the story: the JSON summary, whether every step held, and who can sign in."""

    summary: dict[str, Any]
    held: bool
    people: dict[str, str] = field(default_factory=dict)
    scene: Scene | None = None

    def close(self) -> None:
        """Close all connections of the story."""
        if self.scene is not None:
            self.scene.close()

    def print_sign_in_links(self, console: Console) -> None:
        """Print one fresh sign-in link per kind of person; each works once, for 15 minutes."""
        assert self.scene is not None, "the story was played"
        console.print("Sign in as (each link works once; more by asking at /sign-in and looking into the mailbox):")
        for kind, email in self.people.items():
            console.print(f"  {kind:22} {email}\n  {'':22} {self.scene.person(email).ask_for_link()}")


def play(stack: Stack, console: Console) -> Outcome:
    """Play the story on a running stack and tell it."""
    installation = stack.installation
    began = time.monotonic()
    with OperatorClient(installation) as launcher:
        mailbox = MailboxReader(installation.url("mailbox"))
        scene = Scene(installation.urls(), mailbox, launcher, console)
        held = _play_steps(scene, console)
        summary = _summary(scene, stack.ready_seconds, time.monotonic() - began)
    outcome = Outcome(summary, held and _all_held(summary), scene=scene)
    if outcome.held:
        outcome.people = _people(scene)
        console.print(f"[green]The whole story took {summary['seconds']['story']} s.[/green]")
    return outcome


def _play_steps(scene: Scene, console: Console) -> bool:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        overall = progress.add_task("story", total=len(STEPS))
        for title, step in STEPS:
            progress.update(overall, description=title)
            started = time.monotonic()
            try:
                told = step(scene, progress)
            except (StartError, ServiceError, KeyError, AssertionError) as error:
                words = escape(f"{type(error).__name__}: {error}")
                progress.console.print(f"[red]✗ {title}[/red]: {words}")
                return False
            progress.console.print(f"[green]✓[/green] {title} [dim]({time.monotonic() - started:.1f} s)[/dim]")
            progress.console.print(f"    {told}", markup=False, style="dim")
            progress.advance(overall)
    return True


def _summary(scene: Scene, ready: float, story: float) -> dict[str, Any]:
    install = float(os.environ.get("INTERCLUSTER_INSTALL_SECONDS") or 0)
    return {
        "organisations": scene.organisations,
        "calls": scene.calls,
        "suggestions": _count(scene, "/suggestions"),
        "emails": scene.mailbox.newest(),
        "connections": scene.connections,
        "visit": scene.visit.get("state"),
        "voucher": scene.voucher.get("state"),
        "ledger_balanced": scene.ledger_balanced,
        "seconds": {
            "install": round(install, 1),
            "ready": round(ready, 1),
            "first_email": None if scene.first_email_seconds is None else round(scene.first_email_seconds, 1),
            "story": round(story, 1),
        },
    }


def _count(scene: Scene, path: str) -> int:
    """Count a list by walking its pages, as any client must."""
    count, query = 0, {"limit": "100"}
    while True:
        page = scene.launcher.call("matching", "GET", path, params=query)
        count += len(page["items"])
        if not page.get("next_cursor"):
            return count
        query["cursor"] = page["next_cursor"]


def _all_held(summary: dict[str, Any]) -> bool:
    return (
        summary["visit"] == "completed"
        and summary["voucher"] == "paid"
        and summary["ledger_balanced"] is True
        and min(summary["organisations"], summary["suggestions"], summary["emails"], summary["connections"]) > 0
    )


def _people(scene: Scene) -> dict[str, str]:
    """Return one address per kind of person: such a one as finds something to do on her page.

    The visitor has answered already, so her page of suggestions may be empty; her visit and voucher are there to see.
    """
    assert scene.operator is not None, "the operator signs in first"
    visitor, _ = scene.sides
    hub = scene.hub_of(visitor)
    return {
        "SME contact": contact_with_open_suggestions(scene) or visitor.email,
        "Visiting SME contact": visitor.email,
        "Hub manager": hub[1] if hub else "",
        "Voucher administrator": paying.administrator(scene, 0),
        "Operator": scene.operator.email,
    }
