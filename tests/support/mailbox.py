"""The demo's mailbox as tests use it: an own process, read over its JSON."""

import sys
from pathlib import Path
from typing import Any

import httpx

from deploy.local.process import LOOPBACK, Process, free_port, listens, wait_until


class MailboxProcess:
    """Start, stop and read a mailbox. ``smtp_host``/``smtp_port`` are where services send to."""

    smtp_host = LOOPBACK

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.smtp_port = free_port()
        self.http_port = free_port()
        self.url = f"http://{LOOPBACK}:{self.http_port}"
        self._after = 0
        ports = ["--smtp-port", str(self.smtp_port), "--http-port", str(self.http_port)]
        command = [sys.executable, "-m", "deploy.local.mailbox", "--folder", str(folder / "mails"), *ports]
        self.process = Process("mailbox", command, folder / "mailbox.log")

    def start(self) -> None:
        """Start and wait until both ports answer."""
        self.process.start()
        wait_until(lambda: listens(self.smtp_port) and listens(self.http_port), 20, "the mailbox listens")

    def stop(self) -> None:
        """Stop; the mails stay in their folder."""
        self.process.stop(seconds=3)

    def forget(self) -> None:
        """Show only later messages from now on."""
        self._after = int(self._get("/messages")["newest"])

    def messages(self, to: str = "") -> list[dict[str, Any]]:
        """Return the messages since :meth:`forget`, with text, html, headers and links, oldest first."""
        found: list[dict[str, Any]] = self._get("/messages", to=to, after=self._after, full="true")["messages"]
        return found

    def wait_for(self, to: str = "", count: int = 1, seconds: float = 20.0) -> list[dict[str, Any]]:
        """Wait until ``count`` messages to that address came; return all of them."""
        wait_until(lambda: len(self.messages(to)) >= count, seconds, f"{count} mail(s) to {to or 'anybody'}", every=0.1)
        return self.messages(to)

    def _get(self, path: str, **query: Any) -> Any:
        return httpx.get(self.url + path, params=query, timeout=40, trust_env=False).raise_for_status().json()
