"""A mail that waits in the queue, and what became of it."""

from uuid import UUID

import sqlalchemy as sa

from services.notifier.models import Attempt
from shared.messaging.tables import job, journal
from tests.notifier.events import organisation, suggestion
from tests.notifier.support import Notifier

OURS, THEIRS = organisation("Alpha GmbH"), organisation("Beta SAS", "FR")


async def queued(notifier: Notifier) -> tuple[UUID, UUID]:
    """One person with one suggestion mail in the queue; returns person and delivery."""
    await notifier.knows(OURS, THEIRS)
    anna = await notifier.person("Anna", (OURS.organisation_id, "sme_contact"))
    await notifier.proposes(suggestion(OURS.organisation_id, THEIRS.organisation_id))
    await notifier.composes()
    (delivery,) = await notifier.deliveries()
    return anna, delivery.delivery_id


async def trail(notifier: Notifier) -> list[tuple[str, int | None]]:
    async with notifier.context.database.session() as session:
        found = await session.scalars(sa.select(Attempt).order_by(Attempt.number))  # type: ignore[arg-type]
        return [(each.outcome, each.code) for each in found]


async def queued_jobs(notifier: Notifier) -> int:
    async with notifier.context.database.session() as session:
        return int(await session.scalar(sa.select(sa.func.count()).select_from(job)) or 0)


async def published(notifier: Notifier) -> list[str]:
    async with notifier.context.database.session() as session:
        bodies = await session.scalars(sa.select(journal.c.body).order_by(journal.c.seq))
        return [body["state"] for body in bodies]
