"""Tables of the profiles service. The migrations make them; a test compares the two."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from shared.database import NAMING

metadata = sa.MetaData(naming_convention=NAMING)

_TIME = sa.DateTime(timezone=True)


def _organisation_id(
    name: str = "organisation_id", *, primary_key: bool = False, index: bool = False
) -> sa.Column[UUID]:
    target = sa.ForeignKey("organisation.id", ondelete="CASCADE")
    return sa.Column(name, sa.Uuid, target, primary_key=primary_key, nullable=not primary_key, index=index)


organisation = sa.Table(
    "organisation",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("national_id", sa.Text, unique=True),
    sa.Column("supplied_id", sa.Text, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("country", sa.Text, nullable=False),
    sa.Column("region", sa.Text),
    sa.Column("city", sa.Text),
    sa.Column("website", sa.Text),
    sa.Column("sectors", ARRAY(sa.Text), nullable=False),
    sa.Column("languages", ARRAY(sa.Text), nullable=False),
    sa.Column("tags", ARRAY(sa.Text), nullable=False),
    sa.Column("undertaking_group", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("source", sa.Text),
    sa.Column("updated_at", _TIME, nullable=False),
    sa.Column("version_epoch", sa.Integer, nullable=False),
    sa.Column("version_n", sa.Integer, nullable=False),
    # Derived when a profile is saved: the beginning of the name without case and accents, and the profile's words.
    sa.Column("name_key", sa.Text, nullable=False, server_default=""),
    sa.Column("search", TSVECTOR, nullable=False, server_default=""),
    sa.Index("ix_organisation_order", "name_key", "id"),
    sa.Index("ix_organisation_country_order", "country", "name_key", "id"),
    sa.Index("ix_organisation_search", "search", postgresql_using="gin"),
    sa.Index(
        "ix_organisation_name_key", "name_key", postgresql_using="gin", postgresql_ops={"name_key": "gin_trgm_ops"}
    ),
    sa.Index("ix_organisation_sectors", "sectors", postgresql_using="gin"),
    sa.Index("ix_organisation_tags", "tags", postgresql_using="gin"),
)

membership = sa.Table(
    "membership",
    metadata,
    _organisation_id(primary_key=True),
    _organisation_id("cluster_id", primary_key=True, index=True),
)

statement = sa.Table(
    "statement",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column(
        "organisation_id", sa.Uuid, sa.ForeignKey("organisation.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("illustrative", sa.Boolean, nullable=False),
)

person = sa.Table(
    "person",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("supplied_id", sa.Text, unique=True),
    sa.Column("name", sa.Text),
    sa.Column("email", sa.Text),
    sa.Column("language", sa.Text),
    sa.Column("time_zone", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("version_epoch", sa.Integer, nullable=False),
    sa.Column("version_n", sa.Integer, nullable=False),
    # An erased person keeps her id and nothing else.
    sa.CheckConstraint(
        "CASE status WHEN 'erased' THEN num_nonnulls(supplied_id, name, email, language, time_zone) = 0"
        " ELSE num_nonnulls(name, email, language, time_zone) = 4 END",
        name="erased_keeps_only_its_id",
    ),
)
sa.Index("uq_person_email", sa.func.lower(person.c.email), unique=True)

role = sa.Table(
    "role",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id", ondelete="CASCADE"), nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    _organisation_id(index=True),
    sa.UniqueConstraint(
        "person_id", "role", "organisation_id", name="uq_role_once", postgresql_nulls_not_distinct=True
    ),
)

consent = sa.Table(
    "consent",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("person_id", sa.Uuid, sa.ForeignKey("person.id", ondelete="CASCADE"), nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("given", sa.Boolean, nullable=False),
    sa.Column("at", _TIME, nullable=False),
    sa.Column("wording", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("by_herself", sa.Boolean, nullable=False),
    sa.Index("ix_consent_newest", "person_id", "purpose", "at"),
)

import_run = sa.Table(
    "import_run",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("imported_by", sa.Text, nullable=False),
    sa.Column("source", sa.Text),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("started_at", _TIME, nullable=False),
    sa.Column("finished_at", _TIME),
    sa.Column("report", JSONB, nullable=False),
)
