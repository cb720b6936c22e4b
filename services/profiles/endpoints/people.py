"""Routes of people."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Response

from services.profiles import people
from services.profiles.endpoints.common import SignedIn, etag
from services.profiles.schemas import ContactCard, PersonExport, PersonIn
from shared.http import Session, expected_version

router = APIRouter(prefix="/people", tags=["people"])


@router.get("/{person_id}")
async def read_person(caller: SignedIn, session: Session, person_id: UUID, response: Response) -> ContactCard:
    """Return a person to herself, to people of her organisations, their hubs, operators and services."""
    person, within = await people.seen(session, caller, person_id)
    response.headers["ETag"] = etag(person.version)
    return person.card(within)


@router.put("/{person_id}")
async def change_person(
    caller: SignedIn,
    session: Session,
    person_id: UUID,
    body: PersonIn,
    response: Response,
    if_match: Annotated[str | None, Header()] = None,
) -> ContactCard:
    """Change language, time zone or consent; what is not named stays. ``If-Match`` is honoured when sent."""
    expected = await expected_version(if_match) if if_match else None
    person = await people.change(session, caller, person_id, body, expected)
    response.headers["ETag"] = etag(person.version)
    return person.card()


@router.delete("/{person_id}", status_code=204)
async def erase_person(caller: SignedIn, session: Session, person_id: UUID) -> None:
    """Erase a person for good (herself or an operator)."""
    await people.erase(session, caller, person_id)


@router.get("/{person_id}/export")
async def export_person(caller: SignedIn, session: Session, person_id: UUID) -> PersonExport:
    """Return all that profiles holds about a person (herself or an operator)."""
    return await people.export(session, caller, person_id)
