"""Reading the mailbox as the recipients would: mails, and the links in them."""

import base64
import json
import re
import time
from dataclasses import dataclass
from typing import Any

from deploy.local.operator_client import Caller
from deploy.local.process import StartError

ANSWER_LINK = re.compile(r"/answer/([A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+)")
LONGEST_POLL_SECONDS = 10


@dataclass(frozen=True)
class AnswerLink:
    """A one-click link in a suggestion mail: whose answer to what it is stands readable in the signed token."""

    url: str
    email: str
    person_id: str
    suggestion_id: str
    organisation_id: str
    answer: str


class MailboxReader:
    """The demo's mailbox over its JSON."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._caller = Caller()

    def close(self) -> None:
        """Close the connections."""
        self._caller.close()

    def newest(self) -> int:
        """Return the number of the newest message, 0 if there is none."""
        return int(self._caller.send("GET", f"{self.url}/messages?after=999999999").json()["newest"])

    def messages(self, to: str = "", after: int = 0, wait: float = 0) -> list[dict[str, Any]]:
        """Return full messages newer than number ``after``; waits up to ``wait`` seconds for the first one."""
        query = {"to": to, "after": after, "full": "true", "wait": int(wait)}
        found: list[dict[str, Any]] = self._caller.send("GET", f"{self.url}/messages", params=query).json()["messages"]
        return found

    def wait_for(self, to: str, after: int, link: str = "", contains: str = "", seconds: float = 60) -> dict[str, Any]:
        """Return the first message to that address with such a link and text; raises when none came in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for message in self.messages(to, after, wait=LONGEST_POLL_SECONDS):
                has_link = not link or any(link in each for each in message["links"])
                if has_link and contains in message["text"]:
                    return message
                after = message["number"]
        raise StartError(f"no such mail to {to} within {seconds:.0f} s")


def answer_links(message: dict[str, Any]) -> list[AnswerLink]:
    """Return the answer links of a mail in the order of its text."""
    found = []
    for url in message["links"]:
        if match := ANSWER_LINK.search(url):
            claims = _claims(match[2])
            if {"sub", "suggestion_id", "organisation_id", "answer"} <= claims.keys():
                about = (claims["suggestion_id"], claims["organisation_id"], claims["answer"])
                found.append(AnswerLink(url, message["recipients"][0], claims["sub"], *about))
    return found


def link_with(message: dict[str, Any], path: str) -> str:
    """Return the first link of a mail whose address contains ``path``."""
    for url in message["links"]:
        if path in url:
            return str(url)
    raise StartError(f"the mail {message['subject']!r} has no link to {path}")


def _claims(part: str) -> dict[str, str]:
    claims: dict[str, str] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims
