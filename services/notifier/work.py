"""Slow work: fetching cards, bringing occasions and people together, composing, sending."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.notifier import composing, occasions, people
from services.notifier.jobs import SEND, SEND_NOW, jobs
from services.notifier.sending import Post
from services.notifier.settings import Settings
from services.notifier.smtp import MailServer
from services.notifier.state import cards_to_fetch, make_dkim_key, make_links, make_sender, token_keys, work_to_do
from shared.bell import heard
from shared.context import Context
from shared.service import Periodic

LEASE_SECONDS = 10.0
"""A killed sender's mail is taken up after this. A slow one keeps its mail: it holds the delivery, and a worker that
takes the job over meanwhile finds later that its turn is over."""
BREATHING_SECONDS = 0.02
SETTLING_SECONDS = 0.05
IDLE_SECONDS = 0.5
"""How soon to look again: often while suggestions have to settle, seldom else. A ring is heard at once."""
MANY_ATTEMPTS = 200
"""A sending job fails only when our own database does; deferred mails are queued anew with pauses of their own."""


def settings_of(context: Context) -> Settings:
    """Return the settings with their own type."""
    assert isinstance(context.settings, Settings)
    return context.settings


async def open_post(context: Context) -> None:
    """Make ready to compose and to send (start hook)."""
    settings = settings_of(context)
    context.state.rung = work_to_do.listen()
    context.state.cards_rung = cards_to_fetch.listen()
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
    context.state.cards_rung.clear()
    while found := await people.fetch_cards(context.database, context.http):
        work_to_do.ring()
        if found < people.BATCH:
            break
    await heard(context.state.cards_rung, IDLE_SECONDS)


async def compose(context: Context) -> None:
    """Find the recipients of new occasions, and make mails of what is due."""
    settings = settings_of(context)
    late = timedelta(days=settings.late_days)
    context.state.rung.clear()
    while await occasions.resolve(context.database, late) >= occasions.BATCH:
        pass
    composed = await composing.compose(context.database, settings)
    if composed.looked_at:
        # Even should something be due again and again, this loop leaves room for others.
        await asyncio.sleep(BREATHING_SECONDS)
    else:
        await heard(context.state.rung, SETTLING_SECONDS if composed.settling else IDLE_SECONDS)


periodic = (
    Periodic("cards", seconds=0.0, run=fetch_cards),
    Periodic("compose", seconds=0.0, run=compose),
)
