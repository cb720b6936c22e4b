"""Events in: what mobility knows of organisations, people (ids only) and connections."""

from sqlalchemy.ext.asyncio import AsyncSession

from services.mobility.repository import organisations as rows
from shared.contracts.matching import SUGGESTION_CONNECTED, SuggestionSnapshot
from shared.contracts.profiles import (
    ORGANISATION_CHANGED,
    ORGANISATION_ERASED,
    ORGANISATION_WITHDRAWN,
    PERSON_CHANGED,
    PERSON_ERASED,
    OrganisationErased,
    OrganisationSnapshot,
    PersonChanged,
)
from shared.messaging import Event, Handlers, forget_failed

handlers = Handlers("mobility")


@handlers.on(ORGANISATION_CHANGED, ORGANISATION_WITHDRAWN)
async def project_organisation(session: AsyncSession, event: Event[OrganisationSnapshot]) -> None:
    """Keep the organisation's public profile as far as rules and pages need it."""
    await rows.put_organisation(session, event.body)


@handlers.on(ORGANISATION_ERASED)
async def forget_organisation(session: AsyncSession, event: Event[OrganisationErased]) -> None:
    """Drop the profile; the id stays in visits and in the ledger."""
    await rows.erase_organisation(session, event.body)
    await forget_failed(session, event.body.organisation_id)


@handlers.on(PERSON_CHANGED, PERSON_ERASED)
async def project_person(session: AsyncSession, event: Event[PersonChanged]) -> None:
    """Keep that a person exists and for whom she works; nothing else about her is ever stored here."""
    await rows.put_person(session, event.body, erased=event.type is PERSON_ERASED)


@handlers.on(SUGGESTION_CONNECTED)
async def project_connection(session: AsyncSession, event: Event[SuggestionSnapshot]) -> None:
    """Keep that two organisations agreed to meet, so that a visit can refer to it."""
    await rows.put_connection(session, event.body)
