"""Statements on deliveries and their attempts."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.notifier import audience
from services.notifier.models import Attempt, Delivery

FINAL = ("sent", "failed", "suppressed")


async def add(session: AsyncSession, delivery: Delivery) -> None:
    """Insert a delivery."""
    session.add(delivery)
    await session.flush()


async def get(session: AsyncSession, delivery_id: UUID) -> Delivery | None:
    """Return a delivery as committed."""
    return await session.get(Delivery, delivery_id, populate_existing=True)


async def lock(session: AsyncSession, delivery_id: UUID) -> Delivery | None:
    """Return a delivery, its row locked until the end of the transaction."""
    return await session.get(Delivery, delivery_id, with_for_update=True, populate_existing=True)


async def try_hold(session: AsyncSession, delivery_id: UUID) -> bool:
    """Be the only one to send this delivery until the transaction ends (or the process dies). ``False``: another is."""
    query = sa.text("SELECT pg_try_advisory_xact_lock(hashtext('delivery'), hashtext(:id))")
    return bool(await session.scalar(query, {"id": str(delivery_id)}))


async def suggestion_mails(session: AsyncSession, person_id: UUID, since: datetime) -> list[datetime]:
    """Return when suggestion mails for a person were made that count against the weekly cap."""
    found = await session.scalars(
        sa.select(col(Delivery.created_at)).where(
            col(Delivery.person_id) == person_id,
            col(Delivery.template) == audience.SUGGESTION,
            col(Delivery.content_of).is_(None),
            col(Delivery.created_at) > since,
            col(Delivery.state).not_in(("failed", "suppressed")),
        )
    )
    return list(found)


async def has_mail(session: AsyncSession, person_id: UUID, template: str) -> bool:
    """Whether a person has ever been sent, or is about to be sent, a mail of that template."""
    query = sa.exists().where(
        col(Delivery.person_id) == person_id, col(Delivery.template) == template, col(Delivery.state) != "failed"
    )
    return bool(await session.scalar(sa.select(query)))


async def begin_attempt(session: AsyncSession, attempt: Attempt) -> None:
    """Insert an attempt."""
    session.add(attempt)
    await session.flush()


async def attempt_is_open(session: AsyncSession, delivery_id: UUID, number: int) -> bool:
    """Whether an attempt has begun and nobody has written down its end."""
    query = sa.exists().where(
        col(Attempt.delivery_id) == delivery_id, col(Attempt.number) == number, col(Attempt.ended_at).is_(None)
    )
    return bool(await session.scalar(sa.select(query)))


async def end_attempt(
    session: AsyncSession,
    delivery_id: UUID,
    number: int,
    at: datetime,
    outcome: str,
    code: int | None,
    reply: str | None,
) -> None:
    """Write down how an attempt ended."""
    await session.execute(
        sa.update(Attempt)
        .where(col(Attempt.delivery_id) == delivery_id, col(Attempt.number) == number)
        .values(ended_at=at, outcome=outcome, code=code, reply=reply)
    )


async def attempts(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, list[Attempt]]:
    """Return the attempts of deliveries in their order."""
    found = await session.scalars(
        sa.select(Attempt)
        .where(col(Attempt.delivery_id).in_(set(ids)))
        .order_by(col(Attempt.delivery_id), col(Attempt.number))
    )
    trail: dict[UUID, list[Attempt]] = {}
    for each in found:
        trail.setdefault(each.delivery_id, []).append(each)
    return trail


async def repetitions(session: AsyncSession, delivery_id: UUID) -> int:
    """Return how often a delivery was sent again on request."""
    query = sa.select(sa.func.count()).select_from(Delivery).where(col(Delivery.content_of) == delivery_id)
    return int(await session.scalar(query) or 0)


async def list_deliveries(
    session: AsyncSession,
    *,
    visible_to: UUID | None,
    visible_organisations: set[UUID],
    everything: bool,
    person_id: UUID | None,
    organisation_id: UUID | None,
    states: Sequence[str],
    before: UUID | None,
    limit: int,
) -> list[Delivery]:
    """Return deliveries the caller may see, newest first, from the cursor ``before`` on."""
    query = sa.select(Delivery).order_by(col(Delivery.delivery_id).desc()).limit(limit)
    if not everything:
        own = col(Delivery.person_id) == visible_to if visible_to else sa.false()
        query = query.where(sa.or_(own, col(Delivery.organisation_id).in_(visible_organisations)))
    if person_id:
        query = query.where(col(Delivery.person_id) == person_id)
    if organisation_id:
        query = query.where(col(Delivery.organisation_id) == organisation_id)
    if states:
        shown = sa.case(
            (sa.and_(col(Delivery.state) == "sent", col(Delivery.ambiguous).is_(True)), "ambiguous"),
            else_=col(Delivery.state),
        )
        query = query.where(shown.in_(states))
    if before:
        query = query.where(col(Delivery.delivery_id) < before)
    return list(await session.scalars(query))


async def close_open_attempts(session: AsyncSession, delivery_id: UUID, at: datetime) -> None:
    """Note of attempts whose process died that nobody knows how they ended."""
    await session.execute(
        sa.update(Attempt)
        .where(col(Attempt.delivery_id) == delivery_id, col(Attempt.ended_at).is_(None))
        .values(ended_at=at, outcome="unknown")
    )
