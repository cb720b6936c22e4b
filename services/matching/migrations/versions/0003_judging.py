"""Rankers and encoders by version, scorings with what they were made of, profile versions, outcomes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "encoder",
        sa.Column("version", sa.String, primary_key=True),
        sa.Column("constants", JSONB, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
    )
    op.create_table(
        "ranker",
        sa.Column("version", sa.String, primary_key=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("parameters", JSONB, nullable=False),
        sa.Column("report", JSONB, nullable=False, server_default="{}"),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("learned_until", MOMENT),
    )
    for state in ("active", "shadow"):
        only = sa.text(f"state = '{state}'")
        op.create_index(f"uq_ranker_{state}", "ranker", ["state"], unique=True, postgresql_where=only)
    op.create_table(
        "profile_version",
        sa.Column("organisation_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.String, primary_key=True),
        sa.Column("facts", JSONB, nullable=False),
        sa.Column("text_hashes", ARRAY(sa.LargeBinary), nullable=False, server_default="{}"),
    )
    op.create_index("ix_profile_version_text_hashes", "profile_version", ["text_hashes"], postgresql_using="gin")
    op.create_table(
        "scoring",
        sa.Column("suggestion_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.String, primary_key=True),
        sa.Column("at", MOMENT, nullable=False, index=True),
        sa.Column("first_id", sa.Uuid, nullable=False, index=True),
        sa.Column("second_id", sa.Uuid, nullable=False, index=True),
        sa.Column("score", sa.Double, nullable=False),
        *(sa.Column(name, JSONB, nullable=False) for name in ("features", "factors", "met", "profiles")),
        sa.Column("encoder", sa.String, nullable=False),
        sa.Column("ranker", sa.String, nullable=False),
        sa.Column("network_until", MOMENT),
        sa.Column("propensity", sa.Double, nullable=False),
        sa.Column("explored", sa.Boolean, nullable=False),
    )
    op.create_table(
        "outcome",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("first_id", sa.Uuid, nullable=False),
        sa.Column("second_id", sa.Uuid, nullable=False, index=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("organisation_id", sa.Uuid),
        sa.Column("subject_id", sa.Uuid),
        sa.Column("at", MOMENT, nullable=False, index=True),
    )
    op.create_index("ix_outcome_pair", "outcome", ["first_id", "second_id"])
    op.create_index("ix_outcome_subject", "outcome", ["subject_id"])
    # Connections of before are dated, so they are ties and may be learned from; not those of who was erased since.
    op.execute(
        sa.text(
            "INSERT INTO outcome (id, first_id, second_id, kind, at)"
            " SELECT gen_random_uuid(), s.first_id, s.second_id, 'connected', s.connected_at FROM suggestion s"
            " WHERE s.connected_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM organisation o"
            " WHERE o.id IN (s.first_id, s.second_id) AND o.status = 'erased')"
        )
    )
