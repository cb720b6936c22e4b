"""Which encoder serves, since when the others serve no more, and whether a round was held with it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("encoder", sa.Column("serving", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("encoder", sa.Column("applied_at", MOMENT))
    op.add_column("encoder", sa.Column("retired_at", MOMENT))
    # So far the one that has read most has served.
    op.execute(
        "UPDATE encoder SET serving = true, applied_at = since WHERE version ="
        " (SELECT encoded_with FROM statement JOIN encoder e ON e.version = encoded_with"
        " GROUP BY encoded_with ORDER BY count(*) DESC LIMIT 1)"
    )
    only = sa.text("serving")
    op.create_index("uq_encoder_serving", "encoder", ["serving"], unique=True, postgresql_where=only)
