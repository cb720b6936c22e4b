"""Programmes with their terms, vouchers, and the append-only ledger with its guards."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
AMOUNT = sa.Numeric(14, 2)

GUARDS = (
    # Second line behind the use case's own lock and check: the trigger takes the same lock, so its sums are final.
    """
    CREATE FUNCTION guard_balances() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM 1 FROM programme WHERE programme_id = NEW.programme_id FOR NO KEY UPDATE;
        IF (SELECT sum(amount) FROM ledger_entry
            WHERE programme_id = NEW.programme_id AND account = 'available') < 0 THEN
            RAISE EXCEPTION 'the budget of programme % would be overspent', NEW.programme_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_available_covers';
        END IF;
        IF NEW.account = 'reserved' AND (SELECT sum(amount) FROM ledger_entry
            WHERE voucher_id = NEW.voucher_id AND account = 'reserved') < 0 THEN
            RAISE EXCEPTION 'voucher % would take more than its reservation', NEW.voucher_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_reservation_covers';
        END IF;
        RETURN NULL;
    END $$
    """,
    "CREATE TRIGGER ledger_balances AFTER INSERT ON ledger_entry FOR EACH ROW EXECUTE FUNCTION guard_balances()",
    """
    CREATE FUNCTION guard_movement() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (SELECT sum(amount) FROM ledger_entry WHERE movement_id = NEW.movement_id) <> 0 THEN
            RAISE EXCEPTION 'movement % does not add up to zero', NEW.movement_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_movement_balances';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE CONSTRAINT TRIGGER ledger_movement AFTER INSERT ON ledger_entry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION guard_movement()
    """,
    *(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in ("ledger_entry", "programme_terms")
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in ("ledger_entry", "programme_terms")
    ),
)


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
    op.create_table(
        "programme",
        *version(),
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("funder_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", words("voucherkind", "travel", "innovation"), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("opens_on", sa.Date(), nullable=False),
        sa.Column("closes_on", sa.Date(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("terms_epoch", sa.Integer(), nullable=False),
        sa.Column("terms_n", sa.Integer(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("programme_id", name="pk_programme"),
    )
    op.create_index("ix_programme_funder_id", "programme", ["funder_id"])
    op.create_table(
        "programme_terms",
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("budget", AMOUNT, nullable=False),
        sa.Column("opens_on", sa.Date(), nullable=False),
        sa.Column("closes_on", sa.Date(), nullable=False),
        sa.Column("rules", JSONB, nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.programme_id"], name="fk_programme_terms_programme_id"),
        sa.PrimaryKeyConstraint("programme_id", "epoch", "n", name="pk_programme_terms"),
    )
    op.create_table(
        "voucher",
        *version(),
        sa.Column("voucher_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("terms_epoch", sa.Integer(), nullable=False),
        sa.Column("terms_n", sa.Integer(), nullable=False),
        sa.Column("funder_id", sa.Uuid(), nullable=False),
        sa.Column("beneficiary_id", sa.Uuid(), nullable=False),
        sa.Column("applicant_person_id", sa.Uuid(), nullable=False),
        sa.Column("kind", words("voucherkind", "travel", "innovation"), nullable=False),
        sa.Column(
            "state",
            words(
                "voucherstate", "applied", "issued", "invoiced", "approved", "paid", "refused", "cancelled", "expired"
            ),
            nullable=False,
        ),
        sa.Column("amount", AMOUNT, nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("cost", AMOUNT),
        sa.Column("visit_id", sa.Uuid()),
        sa.Column("provider_id", sa.Uuid()),
        sa.Column("verdict", JSONB, nullable=False),
        sa.Column("applied_on", sa.Date(), nullable=False),
        sa.Column("refusal_rule", sa.String()),
        sa.Column("reason", sa.String()),
        sa.Column("expires_on", sa.Date()),
        sa.Column("code_hmac", sa.String()),
        sa.Column("invoice_number", sa.String()),
        sa.Column("invoice_amount", AMOUNT),
        sa.Column("invoice_evidence", JSONB, nullable=False),
        sa.Column("invoiced_by", sa.Uuid()),
        sa.Column("checked_by", sa.Uuid()),
        sa.Column("checked_at", MOMENT),
        sa.Column("approved_by", sa.Uuid()),
        sa.Column("approved_at", MOMENT),
        sa.Column("bank_reference", sa.String()),
        sa.Column("paid_by", sa.Uuid()),
        sa.Column("paid_at", MOMENT),
        sa.Column("applied_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_voucher_positive")),
        sa.ForeignKeyConstraint(
            ["programme_id", "terms_epoch", "terms_n"],
            ["programme_terms.programme_id", "programme_terms.epoch", "programme_terms.n"],
            name="fk_voucher_terms",
        ),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.programme_id"], name="fk_voucher_programme_id"),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.visit_id"], name="fk_voucher_visit_id"),
        sa.PrimaryKeyConstraint("voucher_id", name="pk_voucher"),
        sa.UniqueConstraint("code_hmac", name="uq_voucher_code_hmac"),
    )
    op.create_index("ix_voucher_beneficiary_id", "voucher", ["beneficiary_id"])
    op.create_index("ix_voucher_funder_id", "voucher", ["funder_id"])
    op.create_index("ix_voucher_programme_id", "voucher", ["programme_id"])
    op.create_index("ix_voucher_provider_id", "voucher", ["provider_id"])
    op.create_index("ix_voucher_state", "voucher", ["state"])
    op.create_index(
        "voucher_one_per_visit",
        "voucher",
        ["visit_id"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('refused', 'cancelled', 'expired')"),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("sequence", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("movement_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("voucher_id", sa.Uuid()),
        sa.Column("account", words("account", "funder", "available", "reserved", "paid"), nullable=False),
        sa.Column("amount", AMOUNT, nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column(
            "occasion", words("occasion", "budgeted", "budget_lowered", "reserved", "released", "paid"), nullable=False
        ),
        sa.Column("made_by", sa.Uuid()),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_entry_not_nothing")),
        sa.ForeignKeyConstraint(["programme_id"], ["programme.programme_id"], name="fk_ledger_entry_programme_id"),
        sa.ForeignKeyConstraint(["voucher_id"], ["voucher.voucher_id"], name="fk_ledger_entry_voucher_id"),
        sa.PrimaryKeyConstraint("sequence", name="pk_ledger_entry"),
    )
    op.create_index("ledger_entry_by_account", "ledger_entry", ["programme_id", "account"])
    op.create_index("ix_ledger_entry_movement_id", "ledger_entry", ["movement_id"])
    op.create_index("ix_ledger_entry_voucher_id", "ledger_entry", ["voucher_id"])
    op.create_index(
        "ledger_entry_once_per_voucher",
        "ledger_entry",
        ["voucher_id", "account"],
        unique=True,
        postgresql_where=sa.text("(account = 'reserved' AND occasion = 'reserved') OR account = 'paid'"),
    )
    for statement in GUARDS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore from the backup taken before the migration")
