"""Tables of what mobility knows from profiles and matching."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from services.mobility.models.base import MOMENT, UUIDS, Versioned, words
from shared.contracts.profiles import OrganisationKind


class Organisation(Versioned, table=True):
    """Projection of profiles: what the rules and the pages of mobility need to know."""

    __tablename__ = "organisation"

    organisation_id: UUID = Field(primary_key=True)
    kind: OrganisationKind = Field(sa_type=words(OrganisationKind))
    name: str
    country: str
    city: str | None = None
    clusters: list[UUID] = Field(default_factory=list, sa_type=UUIDS)
    active: bool
    undertaking_group: str | None = Field(default=None, index=True)
    """What it has in common with the firms linked to it, as :func:`undertakings.key` writes it."""
    sectors: list[str] = Field(default_factory=list, sa_type=ARRAY(sa.String()))
    """NACE codes, asked for by registers of state aid."""


class Person(Versioned, table=True):
    """Projection of profiles: that a person exists and whom she works for; nothing about who she is."""

    __tablename__ = "person"

    person_id: UUID = Field(primary_key=True)
    organisation_ids: list[UUID] = Field(default_factory=list, sa_type=UUIDS)
    erased: bool = False


class Connection(Versioned, table=True):
    """Projection of matching: two organisations that agreed to meet; ``suggestion_id`` is the connection's id."""

    __tablename__ = "connection"

    suggestion_id: UUID = Field(primary_key=True)
    first_id: UUID
    second_id: UUID
    connected_at: datetime | None = Field(default=None, sa_type=MOMENT)
