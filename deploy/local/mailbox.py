"""A mailbox that catches all mail: SMTP in, one ``.eml`` file per message, a small loopback web view out.

It never deduplicates: what was sent twice stands there twice. ``python -m deploy.local.mailbox --folder DIR``.
"""

import argparse
import asyncio
import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.process import LOOPBACK

MAX_MESSAGE_BYTES = 10_000_000
LONGEST_WAIT_SECONDS = 30.0
LINK = re.compile(r"https?://[^\s<>\"')\]]+")


@dataclass(frozen=True)
class Message:
    """One received mail: ``number`` counts up from 1 in order of arrival."""

    number: int
    received_at: str
    sender: str
    recipients: tuple[str, ...]
    mail: EmailMessage

    @classmethod
    def read(cls, file: Path) -> "Message":
        """Read a stored message back."""
        mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        recipients = tuple(str(value) for value in mail.get_all("Delivered-To", []))
        return cls(int(file.stem), str(mail["X-Received-At"]), str(mail["Return-Path"]).strip("<>"), recipients, mail)

    def part(self, kind: str) -> str:
        """Return the ``plain`` or ``html`` body, empty if there is none."""
        body = self.mail.get_body((kind,))
        return str(body.get_content()) if body is not None else ""

    def summary(self) -> dict[str, Any]:
        """Return what a list shows."""
        return {
            "number": self.number,
            "received_at": self.received_at,
            "sender": self.sender,
            "recipients": list(self.recipients),
            "subject": str(self.mail["Subject"] or ""),
            "message_id": str(self.mail["Message-ID"] or ""),
            "occasions": [each.strip() for each in str(self.mail["X-Intercluster-Occasion"] or "").split(",") if each],
            "language": str(self.mail["Content-Language"] or ""),
        }

    def full(self) -> dict[str, Any]:
        """Return everything: headers (repeated ones as lists), both parts, the links of the plain text in order."""
        headers: dict[str, list[str]] = {}
        for name, value in self.mail.items():
            headers.setdefault(name.lower(), []).append(str(value))
        text = self.part("plain")
        return {
            **self.summary(),
            "headers": headers,
            "text": text,
            "html": self.part("html"),
            "links": LINK.findall(text),
            "attachments": [part.get_filename() or part.get_content_type() for part in self.mail.iter_attachments()],
        }


class Mailbox:
    """All received messages, in a folder and in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.messages: list[Message] = []
        self.arrived = asyncio.Condition()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for file in sorted(folder.glob("*.eml")):
            self.messages.append(Message.read(file))

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Store one message; called by the SMTP server, which answers with the returned line."""
        content = envelope.original_content or b""
        # Header lines as a real server adds them on delivery; the mail itself stays byte for byte.
        delivery = [f"Return-Path: <{envelope.mail_from or ''}>", f"X-Received-At: {datetime.now(UTC).isoformat()}"]
        delivery += [f"Delivered-To: {recipient}" for recipient in envelope.rcpt_tos]
        head = "".join(f"{line}\r\n" for line in delivery).encode()
        # One after the other: mails of one moment must not share a number, and readers ask for numbers after the last
        # they saw, so none may appear behind a higher one.
        async with self.arrived:
            file = self.folder / f"{self.messages[-1].number + 1 if self.messages else 1:08d}.eml"
            await asyncio.to_thread(_write_new, file, head + content)
            self.messages.append(Message.read(file))
            self.arrived.notify_all()
        return "250 stored"

    def search(self, to: str = "", after: int = 0) -> Iterator[Message]:
        """Yield messages newer than number ``after`` whose recipients contain ``to``."""
        wanted = to.lower()
        for message in self.messages:
            if message.number > after and any(wanted in each.lower() for each in message.recipients or ("",)):
                yield message

    async def wait(self, to: str, after: int, seconds: float) -> None:
        """Wait until :meth:`search` has a result, or for ``seconds``."""
        try:
            async with asyncio.timeout(min(seconds, LONGEST_WAIT_SECONDS)), self.arrived:
                await self.arrived.wait_for(lambda: any(True for _ in self.search(to, after)))
        except TimeoutError:
            return


def _write_new(file: Path, content: bytes) -> None:
    """Write a file that must not exist yet: overwriting one would lose a mail."""
    with file.open("xb") as target:
        target.write(content)


async def serve(folder: Path, smtp_port: int, http_port: int) -> None:
    """Run both servers until SIGTERM."""
    # Imported here: the web view itself needs the mailbox.
    from deploy.local.mailbox_web import web

    mailbox = Mailbox(folder)

    def session() -> SMTP:
        return SMTP(mailbox, enable_SMTPUTF8=True, data_size_limit=MAX_MESSAGE_BYTES, ident="Intercluster mailbox")

    server = await asyncio.get_running_loop().create_server(session, LOOPBACK, smtp_port)
    config = uvicorn.Config(web(mailbox), LOOPBACK, http_port, log_level="warning", lifespan="off")
    async with server:
        await uvicorn.Server(config).serve()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    given = parser.parse_args()
    asyncio.run(serve(given.folder, given.smtp_port, given.http_port))


if __name__ == "__main__":
    main()
