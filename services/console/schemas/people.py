"""People as profiles tells of them."""

from datetime import datetime
from uuid import UUID

from services.console.schemas.base import Reading
from shared.auth import Role


class CardRole(Reading):
    """One role on a contact card."""

    role: str
    organisation_id: UUID | None = None

    def granted(self) -> Role:
        return Role(self.role, self.organisation_id)


class ContactCard(Reading):
    """A person as profiles knows her. It is never written to the console's database."""

    person_id: UUID
    name: str
    email: str
    language: str = "en"
    time_zone: str = "UTC"
    roles: tuple[CardRole, ...] = ()
    status: str = "active"


class Consent(Reading):
    """A recorded yes or no."""

    purpose: str
    given: bool
    at: datetime
    wording: str = ""
    source: str = ""


class Person(ContactCard):
    """A person as she sees herself."""

    consents: tuple[Consent, ...] = ()


class CardOf(Reading):
    """A contact card of one of several organisations asked for."""

    person_id: UUID
    name: str
    email: str
    language: str = "en"
    roles: tuple[CardRole, ...] = ()
