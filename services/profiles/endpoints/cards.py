"""Contact cards, for services only: the one way personal data leaves profiles besides its own pages."""

from uuid import UUID

from fastapi import APIRouter

from services.profiles import access, people
from services.profiles.endpoints.common import SignedIn
from services.profiles.repository import people as repository
from services.profiles.schemas import ContactCard, EmailIn, OrganisationIds, Page
from shared.auth import Principal
from shared.http import Session
from shared.problems import forbidden, not_found

router = APIRouter(tags=["contact cards"])


def _only(caller: Principal, services: frozenset[str]) -> None:
    if caller.service not in services:
        raise forbidden("Only sister services may read contact cards.")


@router.get("/people/{person_id}/contact-card")
async def read_card(caller: SignedIn, session: Session, person_id: UUID) -> ContactCard:
    """Return one card; 404 also for an erased person."""
    _only(caller, access.CARD_READERS)
    return (await people.active(session, person_id)).card()


@router.post("/contact-cards/by-email")
async def card_by_email(caller: SignedIn, session: Session, body: EmailIn) -> ContactCard:
    """Return the card with this address, for signing in (console only); the same 404 for whatever is none of ours."""
    _only(caller, frozenset({"console"}))
    person = None if "\0" in body.email else await repository.find_by_email(session, body.email.strip())
    if person is None:
        raise not_found("person", "with this address")
    return person.card()


@router.post("/contact-cards/by-organisation")
async def cards_by_organisation(caller: SignedIn, session: Session, body: OrganisationIds) -> Page[ContactCard]:
    """Return the cards of all people who hold a role in one of the organisations."""
    _only(caller, access.CARD_READERS)
    persons = await repository.load_of_organisations(session, body.organisation_ids)
    return Page(items=[each.card() for each in persons.values()])
