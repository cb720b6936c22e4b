"""Messaging tables, sessions, sign-in links, rate counts and the projections."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from shared.messaging import migrations as messaging

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def _version() -> tuple[sa.Column[int], sa.Column[int]]:
    return (
        sa.Column("version_epoch", sa.Integer, nullable=False),
        sa.Column("version_n", sa.Integer, nullable=False),
    )


def upgrade() -> None:
    messaging.create(op)
    op.create_table(
        "browser_session",
        sa.Column("id_hash", sa.String(64), primary_key=True),
        sa.Column("person_id", sa.Uuid, nullable=False, index=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False, index=True),
        sa.Column("revoked_at", MOMENT),
    )
    op.create_table(
        "sign_in_token",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("person_id", sa.Uuid, nullable=False, index=True),
        sa.Column("next_path", sa.String, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False, index=True),
        sa.Column("used_at", MOMENT),
    )
    op.create_table(
        "rate_count",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("window_start", MOMENT, primary_key=True),
        sa.Column("seen", sa.Integer, nullable=False),
    )
    op.create_table(
        "organisation",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("country", sa.String, nullable=False),
        sa.Column("city", sa.String),
        sa.Column("clusters", ARRAY(sa.Uuid), nullable=False),
        sa.Column("status", sa.String, nullable=False),
        *_version(),
    )
    op.create_index("ix_organisation_clusters", "organisation", ["clusters"], postgresql_using="gin")
    op.create_table(
        "suggestion",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("first_id", sa.Uuid, nullable=False, index=True),
        sa.Column("second_id", sa.Uuid, nullable=False, index=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        *_version(),
    )
    op.create_table(
        "programme",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("funder_id", sa.Uuid, nullable=False, index=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("budget", sa.Numeric(14, 2), nullable=False),
        sa.Column("available", sa.Numeric(14, 2), nullable=False),
        sa.Column("opens_on", sa.Date, nullable=False),
        sa.Column("closes_on", sa.Date, nullable=False),
        *_version(),
    )
    op.create_table(
        "visit",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("visitor_id", sa.Uuid, nullable=False, index=True),
        sa.Column("visitor_hub_id", sa.Uuid, nullable=False),
        sa.Column("host_id", sa.Uuid, nullable=False, index=True),
        sa.Column("host_hub_id", sa.Uuid, nullable=False),
        sa.Column("starts_on", sa.Date, nullable=False),
        sa.Column("ends_on", sa.Date, nullable=False),
        *_version(),
    )


def downgrade() -> None:
    raise NotImplementedError("Expand and contract: older code runs on the newer schema, nothing is downgraded.")
