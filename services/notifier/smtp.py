"""The way to the mail server: connections are reused, and the moment before DATA is visible to the caller.

A mail is handed over in two steps. ``prepare`` names sender and recipient: until it returns, nothing can have been
delivered. ``Submission.deliver`` sends the content: if it breaks off, nobody knows whether the server has taken it.
"""

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiosmtplib
from aiosmtplib import SMTP

from services.notifier.outcomes import recorded
from services.notifier.settings import Settings

IDLE_SECONDS = 20.0
"""An unused connection is closed after this; servers close theirs after minutes."""
MOST_IDLE = 4


@dataclass(frozen=True)
class Reply:
    """A server's answer; ``text`` as the trail keeps it, without addresses."""

    code: int
    text: str


class RefusedError(Exception):
    """The server has answered with something else than yes, so it has not taken the mail."""

    def __init__(self, reply: Reply, *, recipient: bool = False) -> None:
        super().__init__(f"{reply.code} {reply.text}")
        self.reply = reply
        self.recipient = recipient


class UnreachableError(Exception):
    """There was no answer before DATA: the mail has not been handed over."""


class BrokenOffError(Exception):
    """There was no answer after the content had been sent: the mail may have been taken."""


class MailServer:
    """Opens, keeps and closes connections to the one mail server of this site."""

    def __init__(self, settings: Settings, local_hostname: str) -> None:
        self._settings = settings
        self._local_hostname = local_hostname
        self._idle: list[tuple[SMTP, float]] = []

    async def prepare(self, sender: str, recipient: str) -> "Submission":
        """Name sender and recipient. Raises :class:`RefusedError` or :class:`UnreachableError`."""
        while True:
            connection, fresh = await self._take()
            try:
                await connection.mail(sender)
                break
            except aiosmtplib.SMTPResponseException as error:
                await self.give_back(connection, reset=True)
                raise RefusedError(_reply(error)) from error
            except (aiosmtplib.SMTPException, OSError) as error:
                connection.close()
                if fresh:
                    raise UnreachableError(type(error).__name__) from error
                # A kept connection may have been closed by the server meanwhile: that is no failure of this mail.
        try:
            await connection.rcpt(recipient)
        except aiosmtplib.SMTPResponseException as error:
            await self.give_back(connection, reset=True)
            raise RefusedError(_reply(error), recipient=True) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            connection.close()
            raise UnreachableError(type(error).__name__) from error
        return Submission(self, connection)

    async def close(self) -> None:
        """Say goodbye on all kept connections."""
        idle, self._idle = self._idle, []
        for connection, _ in idle:
            await _quit(connection)

    async def _take(self) -> tuple[SMTP, bool]:
        while self._idle:
            connection, since = self._idle.pop()
            if connection.is_connected and time.monotonic() - since < IDLE_SECONDS:
                return connection, False
            await _quit(connection)
        return await self._connect(), True

    async def _connect(self) -> SMTP:
        chosen = self._settings
        connection = SMTP(
            hostname=chosen.smtp_host,
            port=chosen.smtp_port,
            use_tls=chosen.smtp_security == "tls",
            start_tls=chosen.smtp_security == "starttls",
            username=chosen.smtp_username,
            password=chosen.smtp_password.get_secret_value() if chosen.smtp_password else None,
            timeout=chosen.smtp_timeout_seconds,
            local_hostname=self._local_hostname,
            cert_bundle=str(chosen.smtp_root_certificate) if chosen.smtp_root_certificate else None,
        )
        try:
            await connection.connect()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            # Also a refused login or a missing STARTTLS: our set-up, not the recipient, so the mail is tried again.
            connection.close()
            raise UnreachableError(recorded(f"{type(error).__name__}: {error}")) from error
        return connection

    async def give_back(self, connection: SMTP, *, reset: bool = False) -> None:
        """Keep a connection for the next mail; ``reset`` when a transaction was left open on it."""
        try:
            if reset:
                await connection.rset()
        except (aiosmtplib.SMTPException, OSError):
            connection.close()
            return
        if connection.is_connected and len(self._idle) < MOST_IDLE:
            self._idle.append((connection, time.monotonic()))
        else:
            await _quit(connection)


class Submission:
    """One mail whose sender and recipient the server has accepted. Leave it with ``async with``."""

    def __init__(self, server: MailServer, connection: SMTP) -> None:
        self._server = server
        self._connection = connection
        self._done = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._done:
            await self._server.give_back(self._connection, reset=True)

    async def deliver(self, content: bytes) -> Reply:
        """Send the content; returns the server's yes. Raises :class:`RefusedError` or :class:`BrokenOffError`."""
        self._done = True
        try:
            response = await self._connection.data(content)
        except aiosmtplib.SMTPResponseException as error:
            await self._server.give_back(self._connection, reset=True)
            raise RefusedError(_reply(error)) from error
        except BaseException as error:
            self._connection.close()
            if isinstance(error, aiosmtplib.SMTPException | OSError):
                raise BrokenOffError(type(error).__name__) from error
            raise
        await self._server.give_back(self._connection)
        return Reply(response.code, recorded(response.message))


def _reply(error: aiosmtplib.SMTPResponseException) -> Reply:
    return Reply(error.code, recorded(str(error.message)))


async def _quit(connection: SMTP) -> None:
    try:
        await connection.quit(timeout=2)
    except (aiosmtplib.SMTPException, OSError):
        connection.close()
