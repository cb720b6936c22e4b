"""The week that lists were explored for, and in which transaction suggestions were changed: what rounds follow."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "explored_week",
        sa.Column("only_row", sa.Boolean, primary_key=True, server_default=sa.true()),
        sa.Column("week", sa.Text, nullable=False),
        sa.CheckConstraint("only_row", name="one_row"),
    )
    op.execute("ALTER TABLE suggestion ADD COLUMN changed_in xid8 NOT NULL DEFAULT pg_current_xact_id()")
    op.execute("CREATE INDEX ix_suggestion_changed_in ON suggestion (changed_in)")
    op.execute(
        "CREATE TRIGGER note_transaction BEFORE INSERT OR UPDATE ON suggestion"
        " FOR EACH ROW EXECUTE FUNCTION note_transaction()"
    )
