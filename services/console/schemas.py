"""What the console reads from the other services, as far as its pages need it. Unknown fields are ignored."""

from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from shared.auth import Role
from shared.contracts.profiles import Statement
from shared.problems import Problem

ItemT = TypeVar("ItemT")


class Reading(BaseModel):
    """Base of everything read: extra fields are no error."""

    model_config = ConfigDict(extra="ignore")


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


def one(kind: type[ItemT], answer: Any) -> ItemT:
    """Read one thing; an answer of another shape is the other service's fault (502)."""
    try:
        return TypeAdapter(kind).validate_python(answer)
    except ValidationError as error:
        raise Problem(502, "unreadable-answer", "A sister service answered in a way that can't be shown.") from error


def many(kind: type[ItemT], answer: Any) -> list[ItemT]:
    """Read a page of a list, bare or under ``items``."""
    items = answer.get("items", []) if isinstance(answer, dict) else answer
    return one(list[kind], items or [])  # type: ignore[valid-type]


def cursor_of(answer: Any) -> str | None:
    """Return where the next page of a list begins, ``None`` on the last."""
    if not isinstance(answer, dict):
        return None
    following = answer.get("next_cursor", answer.get("next"))
    return str(following) if following else None


class OrganisationLine(Reading):
    """One hit of the search over organisations."""

    id: UUID
    kind: str
    name: str
    country: str
    region: str | None = None
    city: str | None = None
    sectors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    clusters: tuple[UUID, ...] = ()
    status: str = "active"
    offers: int = 0
    needs: int = 0


class Contact(Reading):
    """A contact as profiles shows her beside her organisation, to those who may see her."""

    person_id: UUID
    name: str
    email: str
    language: str = "en"
    roles: tuple[str, ...] = ()


class Organisation(Reading):
    """The public profile."""

    id: UUID
    version: str
    kind: str
    name: str
    country: str
    region: str | None = None
    city: str | None = None
    website: str | None = None
    sectors: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    clusters: tuple[UUID, ...] = ()
    status: str = "active"
    statements: tuple[Statement, ...] = ()
    source: str | None = None
    updated_at: datetime
    may_edit: bool = False
    contacts: tuple[Contact, ...] | None = None
