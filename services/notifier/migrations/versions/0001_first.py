"""Messaging tables; projections; occasions, notices, deliveries and their trail."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.messaging import migrations as messaging

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    messaging.create(op)
    op.create_table(
        "attempt",
        sa.Column("delivery_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("code", sa.Integer),
        sa.Column("reply", sa.String),
        sa.PrimaryKeyConstraint("delivery_id", "number", name="pk_attempt"),
    )
    op.create_table(
        "delivery",
        sa.Column("delivery_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("organisation_id", sa.Uuid),
        sa.Column("occasion", sa.String, nullable=False),
        sa.Column("template", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("ambiguous", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("content_of", sa.Uuid),
        sa.Column("secret", sa.String),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("version_epoch", sa.Integer, nullable=False),
        sa.Column("version_n", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", name="pk_delivery"),
    )
    op.create_index("ix_delivery_occasion", "delivery", ["occasion"])
    op.create_index("ix_delivery_organisation_id", "delivery", ["organisation_id"])
    op.create_index("ix_delivery_person_id", "delivery", ["person_id"])
    op.create_table(
        "notice",
        sa.Column("notice_id", sa.Uuid, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("occasion_key", sa.String, nullable=False),
        sa.Column("template", sa.String, nullable=False),
        sa.Column("subject_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("look_at", MOMENT, nullable=False),
        sa.Column("delivery_id", sa.Uuid),
        sa.PrimaryKeyConstraint("notice_id", name="pk_notice"),
    )
    op.create_index("ix_notice_delivery_id", "notice", ["delivery_id"])
    op.create_index("ix_notice_due", "notice", ["look_at"], postgresql_where=sa.text("state = 'waiting'"))
    op.create_index("ix_notice_key", "notice", ["key"])
    op.create_index("ix_notice_occasion_key", "notice", ["occasion_key"])
    op.create_index("ix_notice_person_id", "notice", ["person_id"])
    op.create_index("ix_notice_subject_id", "notice", ["subject_id"])
    op.create_table(
        "occasion",
        sa.Column("key", sa.String, nullable=False),
        sa.Column("template", sa.String, nullable=False),
        sa.Column("verb", sa.String, nullable=False),
        sa.Column("subject_id", sa.Uuid, nullable=False),
        sa.Column("facts", JSONB, nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("resolved", sa.Boolean, nullable=False),
        sa.Column("version_epoch", sa.Integer, nullable=False),
        sa.Column("version_n", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_occasion"),
    )
    op.create_index("ix_occasion_subject_id", "occasion", ["subject_id"])
    op.create_index("ix_occasion_unresolved", "occasion", ["key"], postgresql_where=sa.text("NOT resolved"))
    op.create_table(
        "occasion_audience",
        sa.Column("occasion_key", sa.String, nullable=False),
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("person_id", sa.Uuid),
        sa.PrimaryKeyConstraint("occasion_key", "organisation_id", "role", name="pk_occasion_audience"),
    )
    op.create_index("ix_occasion_audience_organisation_id", "occasion_audience", ["organisation_id"])
    op.create_table(
        "organisation",
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.String),
        sa.Column("country", sa.String),
        sa.Column("kind", sa.String),
        sa.Column("languages", ARRAY(sa.Text), nullable=False),
        sa.Column("clusters", ARRAY(sa.Uuid), nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("source", sa.String),
        sa.Column("version_epoch", sa.Integer, nullable=False),
        sa.Column("version_n", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", name="pk_organisation"),
    )
    op.create_table(
        "person",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("organisation_ids", ARRAY(sa.Uuid), nullable=False),
        sa.Column("erased", sa.Boolean, nullable=False),
        sa.Column("wanted_at", MOMENT),
        sa.Column("wanted_attempts", sa.Integer, nullable=False),
        sa.Column("fresh", sa.Boolean, nullable=False),
        sa.Column("name", sa.String),
        sa.Column("email", sa.String),
        sa.Column("language", sa.String),
        sa.Column("time_zone", sa.String),
        sa.Column("consents", JSONB, nullable=False),
        sa.Column("noticed_at", MOMENT),
        sa.Column("version_epoch", sa.Integer, nullable=False),
        sa.Column("version_n", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_person"),
    )
    op.create_index("ix_person_fresh", "person", ["person_id"], postgresql_where=sa.text("fresh"))
    op.create_index("ix_person_wanted", "person", ["wanted_at"], postgresql_where=sa.text("wanted_at IS NOT NULL"))
    op.create_table(
        "person_role",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("organisation_id", sa.Uuid, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("person_id", "organisation_id", "role", name="pk_person_role"),
    )
    op.create_index("ix_person_role_organisation_id", "person_role", ["organisation_id"])
    op.create_table(
        "preference",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("suggestions", sa.Boolean, nullable=False),
        sa.Column("mails_per_week", sa.Integer),
        sa.Column("delivery_hour", sa.Integer),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_preference"),
    )
    op.create_table(
        "programme",
        sa.Column("programme_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("version_epoch", sa.Integer, nullable=False),
        sa.Column("version_n", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("programme_id", name="pk_programme"),
    )
    op.create_table(
        "suggestion",
        sa.Column("suggestion_id", sa.Uuid, nullable=False),
        sa.Column("first_id", sa.Uuid, nullable=False),
        sa.Column("second_id", sa.Uuid, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("evidence", JSONB, nullable=False),
        sa.Column("first_answer", sa.String),
        sa.Column("second_answer", sa.String),
        sa.Column("version_epoch", sa.Integer, nullable=False),
        sa.Column("version_n", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("suggestion_id", name="pk_suggestion"),
    )
    op.create_index("ix_suggestion_first_id", "suggestion", ["first_id"])
    op.create_index("ix_suggestion_second_id", "suggestion", ["second_id"])
    op.create_table(
        "suppression",
        sa.Column("address_hash", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("address_hash", name="pk_suppression"),
    )


def downgrade() -> None:
    raise NotImplementedError("the first revision has nothing before it")
