"""Events in: organisations as projections. What follows from them (reading, rounds) is owed by the database, not by
the event.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.organisations import forget, take_over
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


@handlers.on(ORGANISATION_ERASED)
async def erase_organisation(session: AsyncSession, event: Event[OrganisationErased]) -> None:
    """Forget an organisation and its words."""
    await forget(session, event.body)
