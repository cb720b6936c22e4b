"""Messaging tables, projections, vectors, suggestions and roadmaps."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

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


def _list(name: str, of: type[sa.types.TypeEngine[object]]) -> sa.Column[list[object]]:
    return sa.Column(name, ARRAY(of), nullable=False, server_default="{}")


def upgrade() -> None:
    messaging.create(op)
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    op.execute("CREATE SEQUENCE change_sequence")
    op.create_table(
        "organisation",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("country", sa.String, nullable=False),
        sa.Column("region", sa.String),
        _list("sectors", sa.Text),
        _list("languages", sa.Text),
        _list("tags", sa.Text),
        _list("clusters", sa.Uuid),
        sa.Column("undertaking_group", sa.String),
        sa.Column("status", sa.String, nullable=False),
        *_version(),
        sa.Column("change_sequence", sa.BigInteger, nullable=False),
        sa.Column("matched_sequence", sa.BigInteger),
    )
    op.create_index("ix_organisation_clusters", "organisation", ["clusters"], postgresql_using="gin")
    unmatched = sa.text("matched_sequence IS DISTINCT FROM change_sequence")
    op.create_index("ix_organisation_unmatched", "organisation", ["id"], postgresql_where=unmatched)
    op.create_table(
        "statement",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("organisation_id", sa.Uuid, sa.ForeignKey("organisation.id"), nullable=False, index=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("language", sa.String, nullable=False),
        sa.Column("read_text", sa.String, nullable=False),
        sa.Column("text_hash", sa.LargeBinary, nullable=False),
        sa.Column("illustrative", sa.Boolean, nullable=False),
        sa.Column("encoded_with", sa.String),
    )
    op.create_index("ix_statement_unread", "statement", ["id"], postgresql_where=sa.text("encoded_with IS NULL"))
    op.create_index("ix_statement_text_hash", "statement", ["text_hash"])
    op.create_table(
        "text_vector",
        sa.Column("text_hash", sa.LargeBinary, primary_key=True),
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("values", HALFVEC(384), nullable=False),
    )
    op.create_table(
        "suggestion",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("first_id", sa.Uuid, nullable=False, index=True),
        sa.Column("second_id", sa.Uuid, nullable=False, index=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("score", sa.Double, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("evidence", JSONB, nullable=False),
        sa.Column("features", JSONB, nullable=False),
        sa.Column("profiles", JSONB, nullable=False),
        sa.Column("first_answer", sa.String),
        sa.Column("second_answer", sa.String),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("proposed_at", MOMENT, nullable=False),
        sa.Column("connected_at", MOMENT),
        sa.Column("settled", sa.Boolean, nullable=False),
        *_version(),
        sa.UniqueConstraint("first_id", "second_id", name="uq_suggestion_pair"),
        sa.CheckConstraint("first_id < second_id", name="pair_in_order"),
    )
    op.create_index("ix_suggestion_unsettled", "suggestion", ["id"], postgresql_where=sa.text("NOT settled"))
    op.create_index("ix_suggestion_score", "suggestion", [sa.text("score DESC"), "id"])
    op.create_table(
        "roadmap",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("cluster_ids", ARRAY(sa.Uuid), nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("themes", JSONB, nullable=False),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("drafted_at", MOMENT),
        *_version(),
    )
    op.create_index("ix_roadmap_cluster_ids", "roadmap", ["cluster_ids"], postgresql_using="gin")
