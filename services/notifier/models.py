"""Tables of the notifier. Addresses and names of people stand in ``person`` alone, so erasing one row erases them."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from shared.database import table_base

if TYPE_CHECKING:
    from sqlmodel import SQLModel as Base
else:
    Base = table_base()


class Organisation(Base, table=True):
    """Projection: how mails name an organisation. An erased one keeps its id and version only."""

    __tablename__ = "organisation"

    organisation_id: UUID = Field(primary_key=True)
    name: str | None = None
    country: str | None = None
    kind: str | None = None
    languages: list[str] = Field(default_factory=list, sa_type=ARRAY(sa.Text))
    clusters: list[UUID] = Field(default_factory=list, sa_type=ARRAY(sa.Uuid))
    status: str
    source: str | None = None
    version_epoch: int
    version_n: int


class Programme(Base, table=True):
    """Projection: a programme's name."""

    __tablename__ = "programme"

    programme_id: UUID = Field(primary_key=True)
    name: str
    version_epoch: int
    version_n: int


class Suggestion(Base, table=True):
    """Projection: a suggestion as it stands now; a withdrawn or answered one is not mailed any more."""

    __tablename__ = "suggestion"

    suggestion_id: UUID = Field(primary_key=True)
    first_id: UUID = Field(index=True)
    second_id: UUID = Field(index=True)
    state: str
    score: float
    reason: str
    evidence: list[dict[str, Any]] = Field(sa_type=JSONB)
    call: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    first_answer: str | None = None
    second_answer: str | None = None
    version_epoch: int
    version_n: int


class Person(Base, table=True):
    """A person and her contact card. ``version``: the newest event about her; ``wanted_at``: when to fetch her card.

    ``fresh``: the card has changed, occasions are to be looked through for her. An erased person keeps id and version.
    """

    __tablename__ = "person"

    person_id: UUID = Field(primary_key=True)
    organisation_ids: list[UUID] = Field(default_factory=list, sa_type=ARRAY(sa.Uuid))
    erased: bool = False
    wanted_at: datetime | None = None
    wanted_attempts: int = 0
    fresh: bool = False
    name: str | None = None
    email: str | None = None
    language: str | None = None
    time_zone: str | None = None
    consents: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB)
    noticed_at: datetime | None = None
    version_epoch: int
    version_n: int


class PersonRole(Base, table=True):
    """A role of a person with a card, for one organisation."""

    __tablename__ = "person_role"

    person_id: UUID = Field(primary_key=True)
    organisation_id: UUID = Field(primary_key=True, index=True)
    role: str = Field(primary_key=True)


class Preference(Base, table=True):
    """What a person chose here: suggestions or none, how many mails a week, at which hour of her day."""

    __tablename__ = "preference"

    person_id: UUID = Field(primary_key=True)
    suggestions: bool
    mails_per_week: int | None = None
    delivery_hour: int | None = None
    changed_at: datetime


class Suppression(Base, table=True):
    """An address (keyed hash) whose mailbox a server has declared not to exist. It outlives the person's card."""

    __tablename__ = "suppression"

    address_hash: str = Field(primary_key=True)
    reason: str
    at: datetime


class Occasion(Base, table=True):
    """Something to tell, durable until every recipient is known. ``resolved``: looked at with the people known then."""

    __tablename__ = "occasion"

    key: str = Field(primary_key=True)
    template: str
    verb: str
    subject_id: UUID = Field(index=True)
    facts: dict[str, Any] = Field(sa_type=JSONB)
    occurred_at: datetime
    recorded_at: datetime
    resolved: bool = False
    version_epoch: int
    version_n: int


class OccasionAudience(Base, table=True):
    """Who an occasion is for: holders of a role for an organisation, or (``role`` empty) one named person."""

    __tablename__ = "occasion_audience"

    occasion_key: str = Field(primary_key=True)
    organisation_id: UUID = Field(primary_key=True, index=True)
    role: str = Field(primary_key=True)
    person_id: UUID | None = None


class Notice(Base, table=True):
    """One occasion for one recipient: ``waiting`` until it is in a mail (``mailed``), or no longer of use (``moot``).

    Not the notice of ``consent.py``, by which the law has somebody told that her address is kept.

    ``look_at``: when to look at it again (names missing, weekly cap reached, no consent yet).
    """

    __tablename__ = "notice"

    notice_id: UUID = Field(primary_key=True)
    key: str = Field(index=True)
    occasion_key: str = Field(index=True)
    template: str
    subject_id: UUID = Field(index=True)
    person_id: UUID = Field(index=True)
    organisation_id: UUID
    state: str = "waiting"
    created_at: datetime
    look_at: datetime
    delivery_id: UUID | None = Field(default=None, index=True)


class Delivery(Base, table=True):
    """One mail to one person. ``occasion`` is its unique delivery key; ``content_of`` names the delivery it repeats.

    ``secret``: a sign-in link, gone as soon as it is sent.
    """

    __tablename__ = "delivery"

    delivery_id: UUID = Field(primary_key=True)
    person_id: UUID = Field(index=True)
    organisation_id: UUID | None = Field(default=None, index=True)
    occasion: str = Field(index=True)
    template: str
    state: str
    ambiguous: bool = False
    attempts: int = 0
    reason: str | None = None
    content_of: UUID | None = None
    secret: str | None = None
    created_at: datetime
    changed_at: datetime
    version_epoch: int
    version_n: int


class Attempt(Base, table=True):
    """One try to hand a mail to the server: the delivery trail. ``reply``: the server's words without addresses."""

    __tablename__ = "attempt"

    delivery_id: UUID = Field(primary_key=True)
    number: int = Field(primary_key=True)
    started_at: datetime
    ended_at: datetime | None = None
    outcome: str
    code: int | None = None
    reply: str | None = None


def _partial_index(name: str, table: type[Base], column: str, condition: str) -> None:
    mapped = sa.inspect(table).local_table
    sa.Index(name, mapped.c[column], postgresql_where=sa.text(condition))


_partial_index("ix_notice_due", Notice, "look_at", "state = 'waiting'")
_partial_index("ix_occasion_unresolved", Occasion, "key", "NOT resolved")
_partial_index("ix_person_fresh", Person, "person_id", "fresh")
_partial_index("ix_person_wanted", Person, "wanted_at", "wanted_at IS NOT NULL")
