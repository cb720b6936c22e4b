"""Vectors of any width: an encoder decides how many numbers its fused vectors have."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("text_vector", "values", type_=HALFVEC(), existing_type=HALFVEC(384), existing_nullable=False)
    # Vectors by the models of before are of no use to the new encoder: their texts are read again in the background.
    op.execute(sa.text("DELETE FROM text_vector"))
