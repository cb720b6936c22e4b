"""A stack that runs under supervision for as long as a command needs it."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from deploy.local.stack import Outside, Stack
from deploy.local.state import Installation
from deploy.local.supervisor import Supervisor

NAMES = {"console": "Console (start here)", "mailbox": "Mailbox (all mail)"}


@contextmanager
def running(installation: Installation, console: Console) -> Iterator[Stack]:
    """Start everything, supervise it, and stop it in order at the end, also on Ctrl-C and SIGTERM.

    A second Ctrl-C while stopping ends everything at once.
    """
    log = installation.logs / "launcher.log"

    def report(words: str) -> None:
        console.print(f"[dim]{escape(words)}[/dim]")
        note(words)

    def note(words: str) -> None:
        with log.open("a", encoding="utf-8") as lines:
            lines.write(f"{datetime.now().astimezone().isoformat(timespec='milliseconds')} {words}\n")

    stack = Stack(installation, os.environ.get("KAFKA_HOME") or None, Outside.from_environment(), report=report)
    supervisor = Supervisor(stack, report)
    try:
        stack.start()
        console.print(f"[green]Everything is ready after {stack.ready_seconds:.1f} s[/green]")
        supervisor.start()
        yield stack
    except KeyboardInterrupt:
        console.print("\nStopping; Ctrl-C again ends everything at once")
    finally:
        signal.signal(signal.SIGINT, lambda *_: stack.kill())
        supervisor.stop()
        stack.stop()
        note("stopped")


def print_addresses(stack: Stack, console: Console) -> None:
    """Print where to look."""
    installation = stack.installation
    console.print()
    for name in ("console", "mailbox", "profiles", "matching", "mobility", "notifier"):
        extra = "" if name in NAMES else "  (/docs, /asyncapi, /metrics)"
        console.print(f"  {NAMES.get(name, name):22} {installation.url(name)}{extra}")
    console.print(f"  {'Logs and data':22} {_relative(installation.folder)}")
    console.print("\nLook inside: `.venv/bin/intercluster status`. Ctrl-C stops everything.\n")


def stay_up(stack: Stack, console: Console) -> None:
    """Wait until Ctrl-C."""
    console.print("Running.")
    while True:
        time.sleep(3600)


def _relative(folder: Path) -> Path:
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
