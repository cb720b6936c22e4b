"""Messaging tables; organisations, people and imports, with their indexes."""

from alembic import op

from shared.messaging import migrations as messaging

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    "CREATE EXTENSION IF NOT EXISTS unaccent",
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    """
    CREATE TABLE organisation (
        id uuid CONSTRAINT pk_organisation PRIMARY KEY,
        national_id text CONSTRAINT uq_organisation_national_id UNIQUE,
        supplied_id text CONSTRAINT uq_organisation_supplied_id UNIQUE,
        kind text NOT NULL,
        name text NOT NULL,
        country text NOT NULL,
        region text,
        city text,
        website text,
        sectors text[] NOT NULL,
        languages text[] NOT NULL,
        tags text[] NOT NULL,
        undertaking_group text,
        status text NOT NULL,
        source text,
        updated_at timestamptz NOT NULL,
        version_epoch integer NOT NULL,
        version_n integer NOT NULL,
        name_key text NOT NULL DEFAULT '',
        search tsvector NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX ix_organisation_order ON organisation (name_key, id)",
    "CREATE INDEX ix_organisation_country_order ON organisation (country, name_key, id)",
    "CREATE INDEX ix_organisation_search ON organisation USING gin (search)",
    "CREATE INDEX ix_organisation_name_key ON organisation USING gin (name_key gin_trgm_ops)",
    "CREATE INDEX ix_organisation_sectors ON organisation USING gin (sectors)",
    "CREATE INDEX ix_organisation_tags ON organisation USING gin (tags)",
    """
    CREATE TABLE membership (
        organisation_id uuid NOT NULL
            CONSTRAINT fk_membership_organisation_id REFERENCES organisation ON DELETE CASCADE,
        cluster_id uuid NOT NULL CONSTRAINT fk_membership_cluster_id REFERENCES organisation ON DELETE CASCADE,
        CONSTRAINT pk_membership PRIMARY KEY (organisation_id, cluster_id)
    )
    """,
    "CREATE INDEX ix_membership_cluster_id ON membership (cluster_id)",
    """
    CREATE TABLE statement (
        id uuid CONSTRAINT pk_statement PRIMARY KEY,
        organisation_id uuid NOT NULL
            CONSTRAINT fk_statement_organisation_id REFERENCES organisation ON DELETE CASCADE,
        role text NOT NULL,
        position integer NOT NULL,
        text text NOT NULL,
        language text NOT NULL,
        illustrative boolean NOT NULL
    )
    """,
    "CREATE INDEX ix_statement_organisation_id ON statement (organisation_id)",
    """
    CREATE TABLE person (
        id uuid CONSTRAINT pk_person PRIMARY KEY,
        supplied_id text CONSTRAINT uq_person_supplied_id UNIQUE,
        name text,
        email text,
        language text,
        time_zone text,
        status text NOT NULL,
        version_epoch integer NOT NULL,
        version_n integer NOT NULL,
        CONSTRAINT ck_person_erased_keeps_only_its_id CHECK (
            CASE status
                WHEN 'erased' THEN num_nonnulls(supplied_id, name, email, language, time_zone) = 0
                ELSE num_nonnulls(name, email, language, time_zone) = 4
            END
        )
    )
    """,
    "CREATE UNIQUE INDEX uq_person_email ON person (lower(email))",
    """
    CREATE TABLE role (
        id uuid CONSTRAINT pk_role PRIMARY KEY,
        person_id uuid NOT NULL CONSTRAINT fk_role_person_id REFERENCES person ON DELETE CASCADE,
        role text NOT NULL,
        organisation_id uuid CONSTRAINT fk_role_organisation_id REFERENCES organisation ON DELETE CASCADE,
        CONSTRAINT uq_role_once UNIQUE NULLS NOT DISTINCT (person_id, role, organisation_id)
    )
    """,
    "CREATE INDEX ix_role_organisation_id ON role (organisation_id)",
    """
    CREATE TABLE consent (
        id uuid CONSTRAINT pk_consent PRIMARY KEY,
        person_id uuid NOT NULL CONSTRAINT fk_consent_person_id REFERENCES person ON DELETE CASCADE,
        purpose text NOT NULL,
        given boolean NOT NULL,
        at timestamptz NOT NULL,
        wording text NOT NULL,
        source text NOT NULL,
        by_herself boolean NOT NULL
    )
    """,
    "CREATE INDEX ix_consent_newest ON consent (person_id, purpose, at)",
    """
    CREATE TABLE import_run (
        id uuid CONSTRAINT pk_import_run PRIMARY KEY,
        imported_by text NOT NULL,
        source text,
        format text NOT NULL,
        started_at timestamptz NOT NULL,
        finished_at timestamptz,
        report jsonb NOT NULL
    )
    """,
)


def upgrade() -> None:
    messaging.create(op)
    for statement in STATEMENTS:
        op.execute(statement)
