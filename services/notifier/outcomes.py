"""What an SMTP reply means, and when to try again. Pure."""

import re
from datetime import timedelta
from enum import StrEnum

FIRST_DELAY = timedelta(seconds=10)
LONGEST_DELAY = timedelta(hours=2)
GIVE_UP_AFTER = timedelta(days=3)
"""How long a mail is tried (RFC 5321, 4.5.4.1: at least 4–5 days for relays; ours concern matters of days)."""

_MAILBOX_GONE = re.compile(r"\b5\.(1\.[0-9]+|2\.1)\b")
_ADDRESS = re.compile(r"\S+@\S+")
_TEXT_LENGTH = 300


class Outcome(StrEnum):
    """End of one attempt. ``unknown``: the connection or we broke off after DATA, so the mail may have arrived."""

    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    REFUSED = "refused"
    UNKNOWN = "unknown"


def of_reply(code: int) -> Outcome:
    """Classify a reply code of RFC 5321: 2xx done, 4xx try again, 5xx never. Nonsense is tried again."""
    if 200 <= code < 300:
        return Outcome.SENT
    return Outcome.REFUSED if 500 <= code < 600 else Outcome.DEFERRED


def means_no_mailbox(code: int, text: str) -> bool:
    """Whether a refusal of the *recipient* says that the mailbox does not exist (RFC 3463 status 5.1.x, 5.2.1)."""
    if code not in (550, 551, 553):
        return False
    return bool(_MAILBOX_GONE.search(text)) or not re.search(r"\b5\.\d+\.\d+\b", text)


def delay_before(attempt: int) -> timedelta:
    """Return the pause before attempt number ``attempt`` (2, 3, …): doubling from 10 s to 2 h."""
    doublings = min(max(0, attempt - 2), 20)
    return min(FIRST_DELAY * float(2**doublings), LONGEST_DELAY)


def recorded(text: str) -> str:
    """Return a server's words as the trail keeps them: addresses removed (no personal data), one bounded line."""
    return " ".join(_ADDRESS.sub("<address>", text).split())[:_TEXT_LENGTH]
