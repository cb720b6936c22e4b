"""A mail server in the test's process, and a notifier on a fresh database."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from services.notifier.work import close_post
from tests.notifier.mail_server import MailServer
from tests.notifier.support import Notifier, make_notifier


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A real SMTP server that never deduplicates."""
    server = MailServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def notifier(context: Callable[..., Any], mail_server: MailServer) -> AsyncIterator[Notifier]:
    """A notifier whose suggestions settle at once."""
    made = await make_notifier(
        context("notifier", smtp_port=mail_server.port, settle_seconds=0, settle_crowd_seconds=0), mail_server
    )
    yield made
    await close_post(made.context)
