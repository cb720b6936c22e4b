"""A mail server that can misbehave."""

from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.process import free_port


class MailServer:
    """A real SMTP server on loopback that keeps every mail it accepts, doubles included, and refuses as told.

    ``on_recipient`` and ``on_data`` may return another reply than yes; ``hang_up``: take the mail, then say nothing.
    """

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.hang_up = False
        self.connections = 0
        self.on_recipient: Callable[[str], str | None] = lambda _address: None
        self.on_data: Callable[[], str | None] = lambda: None
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port())

    def start(self) -> None:
        self.controller.start()

    def stop(self) -> None:
        if not self.controller.loop.is_closed():
            self.controller.stop(no_assert=True)

    @property
    def port(self) -> int:
        return int(self.controller.port)

    async def handle_EHLO(
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        refusal = self.on_recipient(address)
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        refusal = self.on_data()
        if refusal is None:
            content = envelope.content
            assert isinstance(content, bytes)
            self.mails.append(message_from_bytes(content, policy=policy.default))  # type: ignore[arg-type]
            if self.hang_up:
                server.transport.abort()
        return refusal or "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        """Return the mails to an address, oldest first."""
        return [each for each in self.mails if address in str(each["To"])]

    def occasions(self) -> list[tuple[str, str]]:
        """Return each (recipient, occasion) as often as it was delivered."""
        return [
            (str(each["To"]), occasion)
            for each in self.mails
            for occasion in str(each["X-Intercluster-Occasion"]).replace("\n", "").split(", ")
        ]
