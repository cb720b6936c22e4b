"""The mail itself: headers through :class:`email.message.EmailMessage` only, two bodies, optional DKIM. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any
from uuid import UUID

from services.notifier.rendering import Rendered


class VerbatimHeader(UnstructuredHeader):
    """A header of ASCII words that is folded between words and never turned into encoded words.

    The standard library encodes any word that is longer than a line; a link in ``=?utf-8?q?…?=`` is none for a
    mail provider's one-click button.
    """

    name: str

    def fold(self, *, policy: Any) -> str:
        lines = [f"{self.name}:"]
        for word in str(self).split(" "):
            if len(lines[-1]) + 1 + len(word) > (policy.max_line_length or 78) and not lines[-1].endswith(":"):
                lines.append("")
            lines[-1] += f" {word}"
        return str(policy.linesep).join([*lines, ""])


VERBATIM = (
    "message-id", "list-id", "list-unsubscribe", "list-unsubscribe-post", "x-intercluster-delivery",
    "x-intercluster-occasion",
)  # fmt: skip


def _header_factory() -> Any:
    factory: Any = HeaderRegistry()
    for name in VERBATIM:
        factory.map_to_type(name, VerbatimHeader)
    return factory


POLICY = SMTP.clone(cte_type="7bit", max_line_length=78, header_factory=_header_factory())
"""Seven-bit with CRLF: no relay on the way rewrites the body, so a DKIM signature stays valid."""

SIGNED_HEADERS = (
    b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type",
    b"auto-submitted", b"list-id", b"list-unsubscribe", b"list-unsubscribe-post",
)  # fmt: skip
"""RFC 8058 wants both List-Unsubscribe headers under the signature."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_ADDRESS = re.compile(r"[^\s<>(),:;@\"\\\[\]]+@[^\s<>(),:;@\"\\\[\]_]+")


class UnmailableError(ValueError):
    """The mail can't be built from these values, now or later (for example a line break in a header)."""


@dataclass(frozen=True)
class Sender:
    """Who writes: shown name and address; ``domain`` names our Message-IDs and lists."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


@dataclass(frozen=True)
class DkimKey:
    """A DKIM key: its selector, the signing domain, and the private key in PEM."""

    selector: str
    domain: str
    private_key: bytes


@dataclass(frozen=True)
class Envelope:
    """Everything around the text. ``occasions``: the delivery keys this mail is for; ``list_name``: of bulk mail."""

    delivery_id: UUID
    name: str
    address: str
    date: datetime
    occasions: Sequence[str]
    unsubscribe_url: str | None = None
    list_name: str | None = None


def message_id(delivery_id: UUID, sender: Sender) -> str:
    """Return the delivery's Message-ID: the same at every attempt, so that a mailbox can tell a double."""
    return f"<{delivery_id}@{sender.domain}>"


def build(sender: Sender, envelope: Envelope, rendered: Rendered) -> EmailMessage:
    """Build the mail. Raises :class:`UnmailableError` on control characters in a header or on an impossible address."""
    message = EmailMessage(policy=POLICY)
    _set(message, "From", _address(sender.name, sender.address))
    _set(message, "To", _address(envelope.name, envelope.address))
    _set(message, "Subject", rendered.subject)
    message["Date"] = envelope.date
    _set(message, "Message-ID", message_id(envelope.delivery_id, sender))
    _set(message, "Auto-Submitted", "auto-generated")
    _set(message, "X-Intercluster-Delivery", str(envelope.delivery_id))
    _set(message, "X-Intercluster-Occasion", ", ".join(envelope.occasions))
    if envelope.list_name and envelope.unsubscribe_url:
        _set(message, "List-Id", f"<{envelope.list_name}.{sender.domain}>")
        _set(message, "List-Unsubscribe", f"<{envelope.unsubscribe_url}>")
        _set(message, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    _set(message, "Content-Language", rendered.language)
    return message


def as_bytes(message: EmailMessage, key: DkimKey | None = None) -> bytes:
    """Serialise for SMTP (CRLF, seven-bit), signed with DKIM when there is a key."""
    raw = message.as_bytes(policy=POLICY)
    if key is None:
        return raw
    # Imported here: it brings a DNS library along, and most installations of one machine have no key.
    import dkim

    present = [name for name in SIGNED_HEADERS if name.decode() in message]
    signature: bytes = dkim.sign(
        raw, key.selector.encode(), key.domain.encode(), key.private_key,
        canonicalize=(b"relaxed", b"relaxed"), include_headers=present,
    )  # fmt: skip
    return signature + raw


def _set(message: EmailMessage, name: str, value: str | Address) -> None:
    if isinstance(value, str) and _CONTROL.search(value):
        raise UnmailableError(f"control character in {name}")
    if name.lower() in VERBATIM and not str(value).isascii():
        raise UnmailableError(f"{name} is not ASCII")
    try:
        message[name] = value
    except (ValueError, IndexError) as error:
        raise UnmailableError(f"{name} can't be written") from error


def _address(name: str, address: str) -> Address:
    # EmailMessage would quote a strange name, but a line break in one is an attack, never a name.
    if _CONTROL.search(name) or not _ADDRESS.fullmatch(address):
        raise UnmailableError("name or address is not one")
    local, _, domain = address.rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
        local.encode("ascii")
        return Address(display_name=name, username=local, domain=ascii_domain)
    except (ValueError, IndexError) as error:
        raise UnmailableError("address can't be written in ASCII") from error
