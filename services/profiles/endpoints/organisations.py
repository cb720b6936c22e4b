"""Routes of organisations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.profiles import access, organisations, people
from services.profiles.endpoints.common import SignedIn, etag
from services.profiles.finding import Filters, find
from services.profiles.profile import Profile
from services.profiles.repository import people as people_repository
from services.profiles.schemas import (
    ContactCard,
    ContactIn,
    ContactOut,
    OrganisationIn,
    OrganisationLine,
    OrganisationOut,
    Page,
)
from shared.auth import Principal, RoleName
from shared.http import ExpectedVersion, Session

router = APIRouter(tags=["organisations"])


async def _shown(session: Session, caller: Principal, profile: Profile, response: Response) -> OrganisationOut:
    response.headers["ETag"] = etag(profile.version)
    values = {name: getattr(profile, name) for name in OrganisationOut.model_fields if hasattr(profile, name)}
    shown = OrganisationOut.model_validate(
        {**values, "version": str(profile.version), "may_edit": access.may_edit(caller, profile)}
    )
    if access.sees_contacts(caller, profile):
        persons = await people_repository.load_of_organisations(session, [profile.id])
        shown.contacts = [
            ContactOut(
                person_id=each.id,
                name=each.name or "",
                email=each.email or "",
                language=each.language or "en",
                roles=[RoleName(held.role) for held in sorted(each.roles) if held.organisation_id == profile.id],
            )
            for each in persons.values()
        ]
    return shown


@router.get("/organisations")
async def list_organisations(
    caller: SignedIn, session: Session, filters: Annotated[Filters, Query()]
) -> Page[OrganisationLine]:
    """Filter and search: by relevance when ``q`` is given, else by name. Repeat a filter for any of several values."""
    return await find(session, caller, filters)


@router.post("/organisations", status_code=201)
async def create_organisation(
    caller: SignedIn, session: Session, body: OrganisationIn, response: Response
) -> OrganisationOut:
    """Add an organisation (operator; a hub for a member of its cluster)."""
    profile = await organisations.create(session, caller, body)
    response.headers["Location"] = f"/organisations/{profile.id}"
    return await _shown(session, caller, profile, response)


@router.get("/organisations/{organisation_id}")
async def read_organisation(
    caller: SignedIn, session: Session, organisation_id: UUID, response: Response
) -> OrganisationOut:
    """Return the public profile; contacts for its own people, its hub, operators and services."""
    profile = await organisations.visible(session, caller, organisation_id)
    return await _shown(session, caller, profile, response)


@router.put("/organisations/{organisation_id}")
async def change_organisation(
    caller: SignedIn,
    session: Session,
    organisation_id: UUID,
    body: OrganisationIn,
    expected: ExpectedVersion,
    response: Response,
) -> OrganisationOut:
    """Replace the profile if nobody changed it meanwhile (``If-Match``)."""
    profile = await organisations.change(session, caller, organisation_id, body, expected)
    return await _shown(session, caller, profile, response)


@router.post("/organisations/{organisation_id}/withdraw")
async def withdraw_organisation(
    caller: SignedIn, session: Session, organisation_id: UUID, response: Response
) -> OrganisationOut:
    """Take the organisation out of everything; it is kept."""
    profile = await organisations.withdraw(session, caller, organisation_id)
    return await _shown(session, caller, profile, response)


@router.delete("/organisations/{organisation_id}", status_code=204)
async def erase_organisation(caller: SignedIn, session: Session, organisation_id: UUID) -> None:
    """Erase the organisation for good (operator)."""
    await organisations.erase(session, caller, organisation_id)


@router.post("/organisations/{organisation_id}/people", status_code=201)
async def add_contact(
    caller: SignedIn, session: Session, organisation_id: UUID, body: ContactIn, response: Response
) -> ContactCard:
    """Give a person a role in the organisation; she is made if the address is new."""
    person, shown = await people.add_contact(session, caller, organisation_id, body)
    response.headers["ETag"] = etag(person.version)
    return person.card(shown)
