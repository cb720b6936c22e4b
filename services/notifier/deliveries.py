"""Use cases of deliveries: queue a mail, say what has become of it, send it again on request."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier import audience
from services.notifier.jobs import SEND, SEND_NOW, jobs
from services.notifier.models import Delivery, Notice, Occasion
from services.notifier.repository import deliveries, people, projections
from services.notifier.repository import notices as notice_rows
from shared.clock import now
from shared.contracts import Version
from shared.contracts.mobility import VisitSnapshot, VoucherSnapshot
from shared.contracts.notifier import DELIVERY_CHANGED, DeliverySnapshot, DeliveryState
from shared.database import next_version
from shared.ids import new_id
from shared.messaging import publish
from shared.problems import conflict

CAN_BE_REPEATED = ("sent", "failed", "suppressed")


async def queue(
    session: AsyncSession,
    person_id: UUID,
    organisation_id: UUID | None,
    occasion: str,
    template: str,
    notices: Iterable[Notice] = (),
    *,
    content_of: UUID | None = None,
    secret: str | None = None,
) -> Delivery:
    """Add a mail to the durable queue, with the notices it tells, in the caller's transaction."""
    first = await next_version(session, None)
    delivery = Delivery(
        delivery_id=new_id(),
        person_id=person_id,
        organisation_id=organisation_id,
        occasion=occasion,
        template=template,
        state=DeliveryState.QUEUED,
        content_of=content_of,
        secret=secret,
        created_at=now(),
        changed_at=now(),
        version_epoch=first.epoch,
        version_n=first.n,
    )
    await deliveries.add(session, delivery)
    await notice_rows.put_into(session, [each.notice_id for each in notices], delivery.delivery_id)
    await tell(session, delivery)
    await enqueue(session, delivery)
    return delivery


async def enqueue(session: AsyncSession, delivery: Delivery, **when: object) -> None:
    """Have a queued mail sent; suggestions never stand in the way of the other mails.

    A job is for the attempt that follows those made so far: one that a second worker took over meanwhile, because the
    first was slow, finds that its turn is over.
    """
    job = SEND if delivery.template == audience.SUGGESTION else SEND_NOW
    payload = {"delivery_id": str(delivery.delivery_id), "attempts": delivery.attempts}
    await jobs.enqueue(session, job, payload, **when)  # type: ignore[arg-type]


async def change(session: AsyncSession, delivery: Delivery, state: str, reason: str | None = None) -> None:
    """Move a locked delivery to another state and publish it."""
    following = await next_version(session, Version(epoch=delivery.version_epoch, n=delivery.version_n))
    delivery.state = state
    delivery.reason = reason
    delivery.changed_at = now()
    delivery.version_epoch, delivery.version_n = following.epoch, following.n
    if state in deliveries.FINAL:
        delivery.secret = None
    await session.flush()
    await tell(session, delivery)


async def tell(session: AsyncSession, delivery: Delivery) -> None:
    """Publish the delivery's state, without any address."""
    state = (
        DeliveryState.AMBIGUOUS if delivery.state == "sent" and delivery.ambiguous else DeliveryState(delivery.state)
    )
    snapshot = DeliverySnapshot(
        version=Version(epoch=delivery.version_epoch, n=delivery.version_n),
        delivery_id=delivery.delivery_id,
        person_id=delivery.person_id,
        organisation_id=delivery.organisation_id,
        occasion=delivery.occasion,
        template=delivery.template,
        state=state,
        attempts=delivery.attempts,
        changed_at=delivery.changed_at,
    )
    await publish(session, DELIVERY_CHANGED, snapshot)


async def facts_are_there(session: AsyncSession, occasion: Occasion, notice: Notice) -> bool:
    """Whether everything a mail must name has arrived from the other topics."""
    if occasion.template == audience.CONNECTION:
        stored = (await projections.suggestions(session, [occasion.subject_id])).get(occasion.subject_id)
        if stored is None:
            return False
        sides = {stored.first_id, stored.second_id}
        partner = (sides - {notice.organisation_id}).pop()
        named = await projections.organisations(session, sides)
        return named.keys() == sides and bool(await people.contacts(session, partner, audience.ACTING))
    if occasion.template == audience.VISIT:
        visit = VisitSnapshot.model_validate(occasion.facts)
        needed = {visit.visitor_id, visit.host_id, notice.organisation_id}
    else:
        voucher = VoucherSnapshot.model_validate(occasion.facts)
        needed = {voucher.beneficiary_id, voucher.funder_id, notice.organisation_id}
    return (await projections.organisations(session, needed)).keys() == needed


async def resend(session: AsyncSession, delivery: Delivery) -> Delivery:
    """Send a mail again on request: a delivery of its own, with a Message-ID of its own, telling the same."""
    if delivery.template == audience.SIGN_IN:
        raise conflict("sign-in-is-not-repeated", "A sign-in link works once; ask for a new one.")
    if delivery.state not in CAN_BE_REPEATED:
        raise conflict("still-being-sent", "This mail is still being sent.")
    origin = delivery.content_of or delivery.delivery_id
    number = await deliveries.repetitions(session, origin) + 1
    return await queue(
        session,
        delivery.person_id,
        delivery.organisation_id,
        f"{delivery.occasion.split('#')[0]}#{number}",
        delivery.template,
        content_of=origin,
    )
