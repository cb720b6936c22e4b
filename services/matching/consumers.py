"""Events in: organisations as projections, visits and vouchers as outcomes of pairs. What follows from them (reading,
rounds) is owed by the database, not by the event.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.organisations import forget, take_over
from services.matching.outcomes import note_visit, note_voucher
from services.matching.suggestions import work_to_do
from shared.contracts.mobility import VISIT_COMPLETED, VOUCHER_PAID, VisitSnapshot, VoucherSnapshot
from shared.contracts.profiles import (
    ORGANISATION_CHANGED,
    ORGANISATION_ERASED,
    ORGANISATION_WITHDRAWN,
    OrganisationErased,
    OrganisationSnapshot,
)
from shared.messaging import Event, Handlers

handlers = Handlers("matching")


@handlers.on(ORGANISATION_CHANGED, ORGANISATION_WITHDRAWN)
async def project_organisation(session: AsyncSession, event: Event[OrganisationSnapshot]) -> None:
    """Keep what is to be matched."""
    await take_over(session, event.body)


@handlers.on(VISIT_COMPLETED)
async def learn_of_visit(session: AsyncSession, event: Event[VisitSnapshot]) -> None:
    """Note that a pair has met."""
    await note_visit(session, event.body, work_to_do)


@handlers.on(VOUCHER_PAID)
async def learn_of_voucher(session: AsyncSession, event: Event[VoucherSnapshot]) -> None:
    """Note that a pair's work together was paid for."""
    await note_voucher(session, event.body, work_to_do)


@handlers.on(ORGANISATION_ERASED)
async def erase_organisation(session: AsyncSession, event: Event[OrganisationErased]) -> None:
    """Forget an organisation and its words."""
    await forget(session, event.body)
