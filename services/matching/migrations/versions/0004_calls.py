"""Open calls, and on each suggestion the one that fits both sides."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

AMOUNT = sa.Numeric(14, 2)


def upgrade() -> None:
    op.create_table(
        "call",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("supplied_id", sa.String, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("language", sa.String, nullable=False),
        sa.Column("programme", sa.String),
        sa.Column("kind_of_action", sa.String),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("opens_on", sa.Date),
        sa.Column("deadlines", ARRAY(sa.Date), nullable=False),
        sa.Column("closes_on", sa.Date, nullable=False),
        sa.Column("budget_min", AMOUNT),
        sa.Column("budget_max", AMOUNT),
        sa.Column("currency", sa.String),
        sa.Column("url", sa.String),
        sa.Column("source", sa.String),
        sa.Column("read_text", sa.String, nullable=False),
        sa.Column("text_hash", sa.LargeBinary, nullable=False),
        sa.Column("encoded_with", sa.String),
        sa.Column("change_sequence", sa.BigInteger, nullable=False),
        sa.Column("matched_sequence", sa.BigInteger),
        sa.UniqueConstraint("supplied_id", name="uq_call_supplied_id"),
        sa.CheckConstraint("closes_on >= ALL (deadlines)", name="closes_last"),
        sa.CheckConstraint("cardinality(deadlines) > 0", name="has_deadline"),
        sa.CheckConstraint(
            "currency IS NOT NULL OR (budget_min IS NULL AND budget_max IS NULL)", name="amount_has_currency"
        ),
    )
    waiting = sa.text("encoded_with IS NULL AND status <> 'closed'")
    op.create_index("ix_call_unread", "call", ["closes_on"], postgresql_where=waiting)
    op.create_index("ix_call_text_hash", "call", ["text_hash"])
    op.create_index("ix_call_closes_on", "call", ["closes_on", "id"])
    unmatched = sa.text("matched_sequence IS DISTINCT FROM change_sequence")
    op.create_index("ix_call_unmatched", "call", ["id"], postgresql_where=unmatched)
    words = sa.text("to_tsvector('english', title || ' ' || text)")
    op.create_index("ix_call_words", "call", [words], postgresql_using="gin")
    op.add_column("suggestion", sa.Column("call", JSONB))
    told = sa.text("(call ->> 'deadline')")
    op.create_index("ix_suggestion_call_deadline", "suggestion", [told], postgresql_where=sa.text("call IS NOT NULL"))
