"""Events in: projections of what mails name, and occasions to tell. Nothing is sent or fetched here."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier import audience
from services.notifier.repository import notices as notice_rows
from services.notifier.repository import occasions, people, projections
from services.notifier.state import cards_to_fetch, work_to_do
from shared.clock import now
from shared.contracts.matching import (
    SUGGESTION_ANSWERED,
    SUGGESTION_CHANGED,
    SUGGESTION_CONNECTED,
    SUGGESTION_PROPOSED,
    SUGGESTION_WITHDRAWN,
    SuggestionSnapshot,
)
from shared.contracts.mobility import (
    PROGRAMME_CHANGED,
    VISIT_APPROVED,
    VISIT_CANCELLED,
    VISIT_COMPLETED,
    VISIT_REFUSED,
    VISIT_REQUESTED,
    VOUCHER_APPLIED,
    VOUCHER_APPROVED,
    VOUCHER_CANCELLED,
    VOUCHER_EXPIRED,
    VOUCHER_INVOICED,
    VOUCHER_ISSUED,
    VOUCHER_PAID,
    VOUCHER_REFUSED,
    ProgrammeSnapshot,
    VisitSnapshot,
    VoucherSnapshot,
)
from shared.contracts.profiles import (
    ORGANISATION_CHANGED,
    ORGANISATION_ERASED,
    ORGANISATION_WITHDRAWN,
    PERSON_CHANGED,
    PERSON_ERASED,
    OrganisationErased,
    OrganisationSnapshot,
    PersonChanged,
    PersonErased,
)
from shared.messaging import Event, Handlers, forget_failed, is_announced_again

handlers = Handlers("notifier")


@handlers.on(ORGANISATION_CHANGED, ORGANISATION_WITHDRAWN)
async def project_organisation(session: AsyncSession, event: Event[OrganisationSnapshot]) -> None:
    """Keep what mails need to name an organisation."""
    await projections.store_organisation(session, event.body)


@handlers.on(ORGANISATION_ERASED)
async def erase_organisation(session: AsyncSession, event: Event[OrganisationErased]) -> None:
    """Forget an organisation and what quotes it."""
    await projections.erase_organisation(session, event.body)
    await forget_failed(session, event.body.organisation_id)


@handlers.on(PROGRAMME_CHANGED)
async def project_programme(session: AsyncSession, event: Event[ProgrammeSnapshot]) -> None:
    """Keep a programme's name."""
    await projections.store_programme(session, event.body)


@handlers.on(PERSON_CHANGED)
async def want_card(session: AsyncSession, event: Event[PersonChanged]) -> None:
    """Have the person's card fetched."""
    await people.want_card(session, event.body, now())
    cards_to_fetch.ring_after_commit(session)


@handlers.on(PERSON_ERASED)
async def erase_person(session: AsyncSession, event: Event[PersonErased]) -> None:
    """Drop the person's card; queued mails hold no address, so none of hers is left."""
    await people.erase(session, event.body)


@handlers.on(SUGGESTION_PROPOSED, SUGGESTION_CONNECTED, SUGGESTION_CHANGED, SUGGESTION_ANSWERED, SUGGESTION_WITHDRAWN)
async def follow_suggestion(session: AsyncSession, event: Event[SuggestionSnapshot]) -> None:
    """Keep a suggestion as it stands; tell both sides when it is proposed and when it is a connection."""
    await projections.store_suggestion(session, event.body)
    if event.type is SUGGESTION_PROPOSED:
        is_new = await _record(session, audience.proposed(event.body))
        if not is_new and not is_announced_again():
            await notice_rows.revive(session, event.body.suggestion_id, now())
    elif event.type is SUGGESTION_CONNECTED:
        await _record(session, audience.connected(event.body))


@handlers.on(VISIT_REQUESTED, VISIT_APPROVED, VISIT_REFUSED, VISIT_CANCELLED, VISIT_COMPLETED)
async def tell_visit(session: AsyncSession, event: Event[VisitSnapshot]) -> None:
    """Tell a step of a visit. A single signature (``signed``) changes nobody's turn and is not mailed."""
    await _record(session, audience.visit(event.body, _verb(event)))


@handlers.on(
    VOUCHER_APPLIED, VOUCHER_ISSUED, VOUCHER_INVOICED, VOUCHER_APPROVED,
    VOUCHER_PAID, VOUCHER_REFUSED, VOUCHER_CANCELLED, VOUCHER_EXPIRED,
)  # fmt: skip
async def tell_voucher(session: AsyncSession, event: Event[VoucherSnapshot]) -> None:
    """Tell a step of a voucher."""
    await _record(session, audience.voucher(event.body, _verb(event)))


async def _record(session: AsyncSession, occasion: audience.Occasion) -> bool:
    """Store what there is to tell; returns whether it is new.

    What a restored service says again was told under its former version's key.
    """
    if is_announced_again():
        return False
    work_to_do.ring_after_commit(session)
    return await occasions.record(session, occasion, now())


def _verb(event: Event[Any]) -> str:
    return event.type.occasion.split(".")[1]
