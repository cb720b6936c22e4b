"""Small state aid: awards and their lines, declarations, rates; which programmes grant it, and who belongs together."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
AMOUNT = sa.Numeric(14, 2)
KINDS = ("none", "de_minimis", "sgei", "agriculture")
NEVER_CHANGED = ("aid_line", "aid_declaration", "aid_rate")


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
    op.add_column("organisation", sa.Column("undertaking_group", sa.String()))
    op.add_column(
        "organisation", sa.Column("sectors", ARRAY(sa.String()), nullable=False, server_default=sa.text("'{}'"))
    )
    op.create_index("ix_organisation_undertaking_group", "organisation", ["undertaking_group"])
    op.add_column("programme", sa.Column("state_aid", words("stateaid", *KINDS), nullable=False, server_default="none"))
    op.add_column("programme", sa.Column("granting_country", sa.String()))
    # Who belongs to which undertaking has always been announced but was not kept: hear all of it once more.
    op.execute("UPDATE organisation SET version_n = 0")
    op.execute("DELETE FROM consumed_position WHERE topic = 'profiles.organisations'")
    _awards()
    op.create_table(
        "aid_declaration",
        *version(),
        sa.Column("declaration_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("undertaking", sa.String()),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("wording", sa.String(), nullable=False),
        sa.Column("items", JSONB, nullable=False),
        sa.Column("declared_by", sa.Uuid(), nullable=False),
        sa.Column("declared_on", sa.Date(), nullable=False),
        sa.Column("declared_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("declaration_id", name="pk_aid_declaration"),
    )
    op.create_index("aid_declaration_newest", "aid_declaration", ["organisation_id", "country", "declaration_id"])
    op.create_index("ix_aid_declaration_undertaking", "aid_declaration", ["undertaking"])
    op.create_table(
        "aid_rate",
        sa.Column("rate_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("rate", sa.Numeric(18, 8), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.CheckConstraint("rate > 0", name=op.f("ck_aid_rate_positive_rate")),
        sa.CheckConstraint("valid_from <= valid_to", name=op.f("ck_aid_rate_days_in_order")),
        sa.PrimaryKeyConstraint("rate_id", name="pk_aid_rate"),
    )
    op.create_index("aid_rate_by_day", "aid_rate", ["currency", "base", "valid_from"])
    for table in NEVER_CHANGED:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _awards() -> None:
    op.create_table(
        "aid_award",
        *version(),
        sa.Column("award_id", sa.Uuid(), nullable=False),
        sa.Column("voucher_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("funder_id", sa.Uuid(), nullable=False),
        sa.Column("beneficiary_id", sa.Uuid(), nullable=False),
        sa.Column("undertaking", sa.String()),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("regulation", words("stateaid", *KINDS), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("ceiling_currency", sa.String(), nullable=False),
        sa.Column("rate", sa.Numeric(18, 8), nullable=False),
        sa.Column("granted_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date()),
        sa.Column("reported_amount", AMOUNT),
        sa.Column("reported_at", MOMENT),
        sa.Column("reported_by", sa.Uuid()),
        sa.Column("register_reference", sa.String()),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.CheckConstraint("rate > 0", name=op.f("ck_aid_award_positive_rate")),
        sa.ForeignKeyConstraint(["voucher_id"], ["voucher.voucher_id"], name="fk_aid_award_voucher_id"),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.programme_id"], name="fk_aid_award_programme_id"),
        sa.PrimaryKeyConstraint("award_id", name="pk_aid_award"),
        sa.UniqueConstraint("voucher_id", name="uq_aid_award_voucher_id"),
    )
    op.create_index("ix_aid_award_funder_id", "aid_award", ["funder_id"])
    op.create_index("ix_aid_award_beneficiary_id", "aid_award", ["beneficiary_id"])
    op.create_index("ix_aid_award_undertaking", "aid_award", ["undertaking"])
    op.create_index("aid_award_counted", "aid_award", ["country", "beneficiary_id", "granted_on"])
    op.create_table(
        "aid_line",
        sa.Column("sequence", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("award_id", sa.Uuid(), nullable=False),
        sa.Column("amount", AMOUNT, nullable=False),
        sa.Column("counted", AMOUNT, nullable=False),
        sa.Column("occasion", sa.String(), nullable=False),
        sa.Column("made_by", sa.Uuid()),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_aid_line_not_nothing")),
        sa.ForeignKeyConstraint(["award_id"], ["aid_award.award_id"], name="fk_aid_line_award_id"),
        sa.PrimaryKeyConstraint("sequence", name="pk_aid_line"),
    )
    op.create_index("ix_aid_line_award_id", "aid_line", ["award_id"])
    op.create_index(
        "aid_line_granted_once", "aid_line", ["award_id"], unique=True, postgresql_where=sa.text("amount > 0")
    )


def downgrade() -> None:
    raise NotImplementedError("restore from the backup taken before the migration")
