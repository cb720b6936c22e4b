"""Events in → the console's projections: names and gists for its pages. All are versioned, so order does not matter."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.console import repository
from services.console.models import OrganisationName, ProgrammeGist, SuggestionGist, VisitGist
from shared.contracts.matching import (
    SUGGESTION_ANSWERED,
    SUGGESTION_CHANGED,
    SUGGESTION_CONNECTED,
    SUGGESTION_PROPOSED,
    SUGGESTION_WITHDRAWN,
    SuggestionSnapshot,
    SuggestionState,
)
from shared.contracts.mobility import (
    PROGRAMME_CHANGED,
    VISIT_APPROVED,
    VISIT_CANCELLED,
    VISIT_COMPLETED,
    VISIT_REFUSED,
    VISIT_REQUESTED,
    VISIT_SIGNED,
    ProgrammeSnapshot,
    VisitSnapshot,
)
from shared.contracts.profiles import (
    ORGANISATION_CHANGED,
    ORGANISATION_ERASED,
    ORGANISATION_WITHDRAWN,
    PERSON_ERASED,
    OrganisationErased,
    OrganisationSnapshot,
    PersonErased,
)
from shared.database import upsert_if_newer
from shared.messaging import Event, Handlers, forget_failed

ERASED = "erased"
NO_NAME = "(erased)"

handlers = Handlers("console")


@handlers.on(ORGANISATION_CHANGED, ORGANISATION_WITHDRAWN)
async def project_organisation(session: AsyncSession, event: Event[OrganisationSnapshot]) -> None:
    """Keep an organisation's name, place and memberships."""
    body = event.body
    values = {
        "kind": str(body.kind),
        "name": body.name,
        "country": body.country,
        "city": body.city,
        "clusters": list(body.clusters),
        "status": str(body.status),
    }
    await upsert_if_newer(session, OrganisationName, {"id": body.organisation_id}, event.version, values)


@handlers.on(ORGANISATION_ERASED)
async def erase_organisation(session: AsyncSession, event: Event[OrganisationErased]) -> None:
    """Forget an organisation; the nameless row keeps late snapshots from bringing it back."""
    values: dict[str, Any] = {
        "kind": "",
        "name": NO_NAME,
        "country": "",
        "city": None,
        "clusters": [],
        "status": ERASED,
    }
    await upsert_if_newer(session, OrganisationName, {"id": event.body.organisation_id}, event.version, values)
    await repository.forget_organisation(session, event.body.organisation_id)
    await forget_failed(session, event.body.organisation_id)


@handlers.on(PERSON_ERASED)
async def erase_person(session: AsyncSession, event: Event[PersonErased]) -> None:
    """End all sessions and links of a person who was erased."""
    await repository.forget_person(session, event.body.person_id)


@handlers.on(SUGGESTION_PROPOSED, SUGGESTION_CHANGED, SUGGESTION_ANSWERED, SUGGESTION_CONNECTED, SUGGESTION_WITHDRAWN)
async def project_suggestion(session: AsyncSession, event: Event[SuggestionSnapshot]) -> None:
    """Keep who is suggested to whom; the reason quotes both sides, so it goes when the suggestion does."""
    body = event.body
    live = body.state in (SuggestionState.PROPOSED, SuggestionState.CONNECTED)
    values = {
        "first_id": body.first_id,
        "second_id": body.second_id,
        "state": str(body.state),
        "reason": body.reason if live else "",
    }
    await upsert_if_newer(session, SuggestionGist, {"id": body.suggestion_id}, event.version, values)


@handlers.on(PROGRAMME_CHANGED)
async def project_programme(session: AsyncSession, event: Event[ProgrammeSnapshot]) -> None:
    """Keep a programme's name, pot and dates."""
    body = event.body
    values = {
        "funder_id": body.funder_id,
        "name": body.name,
        "kind": str(body.kind),
        "currency": body.budget.currency,
        "budget": body.budget.amount,
        "available": body.available.amount,
        "opens_on": body.opens_on,
        "closes_on": body.closes_on,
    }
    await upsert_if_newer(session, ProgrammeGist, {"id": body.programme_id}, event.version, values)


@handlers.on(VISIT_REQUESTED, VISIT_SIGNED, VISIT_APPROVED, VISIT_REFUSED, VISIT_CANCELLED, VISIT_COMPLETED)
async def project_visit(session: AsyncSession, event: Event[VisitSnapshot]) -> None:
    """Keep who goes where, when, without the traveller."""
    body = event.body
    values = {
        "kind": str(body.kind),
        "state": str(body.state),
        "visitor_id": body.visitor_id,
        "visitor_hub_id": body.visitor_hub_id,
        "host_id": body.host_id,
        "host_hub_id": body.host_hub_id,
        "starts_on": body.starts_on,
        "ends_on": body.ends_on,
    }
    await upsert_if_newer(session, VisitGist, {"id": body.visit_id}, event.version, values)
