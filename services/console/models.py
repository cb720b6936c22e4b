"""Tables of the console: sessions, sign-in tokens, rate limits, and projections that put names on pages."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from shared.database import table_base

if TYPE_CHECKING:
    from sqlmodel import SQLModel as Base
else:
    Base = table_base()

MOMENT: Any = sa.DateTime(timezone=True)


class BrowserSession(Base, table=True):
    """A signed-in browser. Only the hash of its cookie is kept; ``revoked_at`` ends it at once."""

    __tablename__ = "browser_session"

    id_hash: str = Field(primary_key=True, max_length=64)
    person_id: UUID = Field(index=True)
    created_at: datetime = Field(sa_type=MOMENT)
    expires_at: datetime = Field(sa_type=MOMENT, index=True)
    revoked_at: datetime | None = Field(default=None, sa_type=MOMENT)


class SignInToken(Base, table=True):
    """A magic link that was mailed: hashed, 15 minutes, used once. ``next_path`` is where it leads."""

    __tablename__ = "sign_in_token"

    token_hash: str = Field(primary_key=True, max_length=64)
    person_id: UUID = Field(index=True)
    next_path: str
    created_at: datetime = Field(sa_type=MOMENT)
    expires_at: datetime = Field(sa_type=MOMENT, index=True)
    used_at: datetime | None = Field(default=None, sa_type=MOMENT)


class RateCount(Base, table=True):
    """How often a key was seen in one window; shared by all replicas. ``key`` is a pseudonym, never an address."""

    __tablename__ = "rate_count"

    key: str = Field(primary_key=True)
    window_start: datetime = Field(primary_key=True, sa_type=MOMENT)
    seen: int


class OrganisationName(Base, table=True):
    """Projection of ``profiles.organisations``: what a page needs to name an organisation."""

    __tablename__ = "organisation"
    __table_args__ = (sa.Index("ix_organisation_clusters", "clusters", postgresql_using="gin"),)

    id: UUID = Field(primary_key=True)
    kind: str
    name: str
    country: str
    city: str | None = None
    clusters: list[UUID] = Field(sa_column=sa.Column(ARRAY(sa.Uuid()), nullable=False))
    status: str
    version_epoch: int
    version_n: int


class SuggestionGist(Base, table=True):
    """Projection of ``matching.suggestions``: what a one-click answer page shows before anybody signed in."""

    __tablename__ = "suggestion"

    id: UUID = Field(primary_key=True)
    first_id: UUID = Field(index=True)
    second_id: UUID = Field(index=True)
    state: str
    reason: str
    version_epoch: int
    version_n: int


class ProgrammeGist(Base, table=True):
    """Projection of ``mobility.programmes``: names and pots for forms and lists of vouchers."""

    __tablename__ = "programme"

    id: UUID = Field(primary_key=True)
    funder_id: UUID = Field(index=True)
    name: str
    kind: str
    currency: str
    budget: Decimal = Field(sa_type=sa.Numeric(14, 2))
    available: Decimal = Field(sa_type=sa.Numeric(14, 2))
    opens_on: date
    closes_on: date
    version_epoch: int
    version_n: int


class VisitGist(Base, table=True):
    """Projection of ``mobility.visits``: who goes where, to choose a visit for a voucher."""

    __tablename__ = "visit"

    id: UUID = Field(primary_key=True)
    kind: str
    state: str
    visitor_id: UUID = Field(index=True)
    visitor_hub_id: UUID
    host_id: UUID = Field(index=True)
    host_hub_id: UUID
    starts_on: date
    ends_on: date
    version_epoch: int
    version_n: int
