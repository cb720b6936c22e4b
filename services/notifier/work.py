"""Slow work: fetching cards, bringing occasions and people together, composing, sending."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from services.notifier import composing, occasions, pace, people
from services.notifier.jobs import SEND, SEND_NOW, jobs
from services.notifier.sending import Post
from services.notifier.settings import Settings
from services.notifier.smtp import MailServer
from services.notifier.state import make_dkim_key, make_links, make_sender, token_keys
from shared.context import Context
from shared.service import Periodic

LEASE_SECONDS = 10.0
"""A killed sender's mail is taken up after this. A slow one keeps its mail: it holds the delivery, and a worker that
takes the job over meanwhile finds later that its turn is over."""
MANY_ATTEMPTS = 200
"""A sending job fails only when our own database does; deferred mails are queued anew with pauses of their own."""


def settings_of(context: Context) -> Settings:
    """Return the settings with their own type."""
    assert isinstance(context.settings, Settings)
    return context.settings


async def open_post(context: Context) -> None:
    """Make ready to send (start hook)."""
    settings = settings_of(context)
    sender = make_sender(settings)
    context.state.post = Post(
        database=context.database,
        server=MailServer(settings, sender.domain),
        sender=sender,
        dkim_key=make_dkim_key(settings),
        links=make_links(settings, context.issuer),
        address_key=token_keys(settings)[-1],
        settings=settings,
        profiles=context.http,
    )


async def close_post(context: Context) -> None:
    """Close the mail connections (stop hook)."""
    await context.state.post.server.close()


async def _send(context: Context, payload: dict[str, Any]) -> None:
    await context.state.post.send(UUID(payload["delivery_id"]), payload.get("attempts"))


jobs.job(SEND, workers=3, max_attempts=MANY_ATTEMPTS, lease_seconds=LEASE_SECONDS)(_send)
jobs.job(SEND_NOW, workers=2, max_attempts=MANY_ATTEMPTS, lease_seconds=LEASE_SECONDS)(_send)


async def fetch_cards(context: Context) -> None:
    """Fetch the contact cards that are wanted."""
    while found := await people.fetch_cards(context.database, context.http):
        pace.composing.ring()
        if found < people.BATCH:
            break


async def compose(context: Context) -> None:
    """Find the recipients of new occasions, and make mails of what is due."""
    await pace.composing.wait()
    settings = settings_of(context)
    late = timedelta(days=settings.late_days)
    found = 0
    while more := await occasions.resolve(context.database, late):
        found += more
    if found + await composing.compose(context.database, settings):
        pace.composing.ring()


periodic = (
    Periodic("cards", seconds=0.25, run=fetch_cards),
    Periodic("compose", seconds=0.05, run=compose),
)
