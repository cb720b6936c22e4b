"""Events of the profiles service: organisations (with their statements) and people (by id only)."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import EventType, Snapshot
from shared.contracts.topics import ORGANISATIONS, PEOPLE


class OrganisationKind(StrEnum):
    """What an organisation is (glossary of the domain)."""

    SME = "sme"
    CLUSTER = "cluster"
    RESEARCH = "research"
    PUBLIC_AUTHORITY = "public_authority"
    FINANCIER = "financier"
    SERVICE_PROVIDER = "service_provider"


class StatementRole(StrEnum):
    """An organisation *offers* or *needs* what a statement says."""

    OFFER = "offer"
    NEED = "need"


class OrganisationStatus(StrEnum):
    """``withdrawn`` organisations are kept but take part in nothing."""

    ACTIVE = "active"
    WITHDRAWN = "withdrawn"


class Statement(BaseModel):
    """One offer or need in the organisation's own words; ``language`` is ISO 639-1."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    role: StatementRole
    text: str
    language: str
    illustrative: bool = False


class OrganisationSnapshot(Snapshot):
    """The public profile. ``region`` is a NUTS code, ``country`` ISO 3166-1 alpha-2, ``sectors`` NACE Rev. 2.1 codes.

    ``clusters`` are the ids of the cluster organisations it is a member of.
    """

    organisation_id: UUID
    kind: OrganisationKind
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
    status: OrganisationStatus = OrganisationStatus.ACTIVE
    statements: tuple[Statement, ...] = ()
    source: str | None = None
    updated_at: datetime

    @property
    def aggregate_id(self) -> UUID:
        return self.organisation_id

    @property
    def organisations(self) -> tuple[UUID, ...]:
        return (self.organisation_id,)


class OrganisationErased(Snapshot):
    """The logical tombstone of an organisation: compaction keeps this and drops every older snapshot of the key."""

    organisation_id: UUID
    erased_at: datetime

    @property
    def aggregate_id(self) -> UUID:
        return self.organisation_id

    @property
    def organisations(self) -> tuple[UUID, ...]:
        return (self.organisation_id,)


class PersonChanged(Snapshot):
    """A person exists or changed. Who she is must be asked from profiles with a service token."""

    person_id: UUID
    organisation_ids: tuple[UUID, ...] = ()

    @property
    def aggregate_id(self) -> UUID:
        return self.person_id

    @property
    def organisations(self) -> tuple[UUID, ...]:
        return self.organisation_ids


class PersonErased(PersonChanged):
    """A person was erased: every service drops its copy of her contact card."""


ORGANISATION_CHANGED = EventType("org.intercluster.organisation.changed.v1", ORGANISATIONS, OrganisationSnapshot)
ORGANISATION_WITHDRAWN = EventType("org.intercluster.organisation.withdrawn.v1", ORGANISATIONS, OrganisationSnapshot)
ORGANISATION_ERASED = EventType("org.intercluster.organisation.erased.v1", ORGANISATIONS, OrganisationErased)
PERSON_CHANGED = EventType("org.intercluster.person.changed.v1", PEOPLE, PersonChanged)
PERSON_ERASED = EventType("org.intercluster.person.erased.v1", PEOPLE, PersonErased)

EVENT_TYPES = (ORGANISATION_CHANGED, ORGANISATION_WITHDRAWN, ORGANISATION_ERASED, PERSON_CHANGED, PERSON_ERASED)
