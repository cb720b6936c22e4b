"""Organisations as profiles tells of them."""

from datetime import datetime
from uuid import UUID

from services.console.schemas.base import Reading
from shared.contracts.profiles import Statement


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
    undertaking_group: str | None = None
    status: str = "active"
    statements: tuple[Statement, ...] = ()
    source: str | None = None
    updated_at: datetime
    may_edit: bool = False
    contacts: tuple[Contact, ...] | None = None
