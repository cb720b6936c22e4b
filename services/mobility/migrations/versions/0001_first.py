"""Messaging, what mobility knows of the other services, and visits with their signatures."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, ExcludeConstraint

from shared.messaging import migrations as messaging

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def words(name: str, *values: str) -> sa.Enum:
    """Text limited to these words by a check constraint."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=30)


def version() -> tuple[sa.Column[int], sa.Column[int]]:
    """The version of an aggregate or projection."""
    return (
        sa.Column("version_epoch", sa.Integer(), nullable=False),
        sa.Column("version_n", sa.Integer(), nullable=False),
    )


def upgrade() -> None:
    messaging.create(op)
    # An exclusion constraint on (person =, days &&) needs = for uuid in a GiST index.
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.create_table(
        "organisation",
        *version(),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            words(
                "organisationkind", "sme", "cluster", "research", "public_authority", "financier", "service_provider"
            ),
            nullable=False,
        ),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("city", sa.String()),
        sa.Column("clusters", ARRAY(sa.Uuid()), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", name="pk_organisation"),
    )
    op.create_table(
        "person",
        *version(),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_ids", ARRAY(sa.Uuid()), nullable=False),
        sa.Column("erased", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_person"),
    )
    op.create_table(
        "connection",
        *version(),
        sa.Column("suggestion_id", sa.Uuid(), nullable=False),
        sa.Column("first_id", sa.Uuid(), nullable=False),
        sa.Column("second_id", sa.Uuid(), nullable=False),
        sa.Column("connected_at", MOMENT),
        sa.PrimaryKeyConstraint("suggestion_id", name="pk_connection"),
    )
    op.create_table(
        "visit",
        *version(),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            words("visitkind", "staff_exchange", "business_exploratory", "ambassador", "policy_maker"),
            nullable=False,
        ),
        sa.Column(
            "state", words("visitstate", "requested", "approved", "refused", "cancelled", "completed"), nullable=False
        ),
        sa.Column("visitor_person_id", sa.Uuid(), nullable=False),
        sa.Column("visitor_id", sa.Uuid(), nullable=False),
        sa.Column("visitor_hub_id", sa.Uuid(), nullable=False),
        sa.Column("host_id", sa.Uuid(), nullable=False),
        sa.Column("host_hub_id", sa.Uuid(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("working_days", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Uuid()),
        sa.Column("verdict", JSONB, nullable=False),
        sa.Column("reason", sa.String()),
        sa.Column("report_text", sa.String()),
        sa.Column("report_evidence", JSONB, nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=False),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("changed_by", sa.Uuid()),
        sa.Column("changed_at", MOMENT, nullable=False),
        ExcludeConstraint(
            (sa.column("visitor_person_id"), "="),
            (sa.text("daterange(starts_on, ends_on, '[]')"), "&&"),
            where=sa.text("state IN ('requested', 'approved', 'completed')"),
            using="gist",
            name="visit_one_at_a_time",
        ),
        sa.CheckConstraint("starts_on <= ends_on", name=op.f("ck_visit_dates_in_order")),
        sa.PrimaryKeyConstraint("visit_id", name="pk_visit"),
    )
    op.create_index("ix_visit_host_hub_id", "visit", ["host_hub_id"])
    op.create_index("ix_visit_host_id", "visit", ["host_id"])
    op.create_index("ix_visit_state", "visit", ["state"])
    op.create_index("ix_visit_visitor_hub_id", "visit", ["visitor_hub_id"])
    op.create_index("ix_visit_visitor_id", "visit", ["visitor_id"])
    op.create_index("ix_visit_visitor_person_id", "visit", ["visitor_person_id"])
    op.create_table(
        "visit_signature",
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("party", words("party", "visitor", "visitor_hub", "host", "host_hub"), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("reason", sa.String()),
        sa.Column("decided_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.visit_id"], name="fk_visit_signature_visit_id"),
        sa.PrimaryKeyConstraint("visit_id", "party", name="pk_visit_signature"),
    )
    op.execute(
        "CREATE TRIGGER visit_signature_append_only BEFORE UPDATE OR DELETE ON visit_signature "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    raise NotImplementedError("restore from the backup taken before the migration")
