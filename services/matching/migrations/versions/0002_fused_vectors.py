"""Vectors of any width: an encoder decides how many numbers its fused vectors have."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Vectors by the models of before are of no use to the new encoder: their texts are read again in the background.
    op.execute(sa.text("TRUNCATE text_vector"))
    op.alter_column("text_vector", "values", type_=HALFVEC(), existing_type=HALFVEC(384), existing_nullable=False)
    op.execute(sa.text("UPDATE statement SET encoded_with = NULL WHERE encoded_with IS NOT NULL"))
    op.execute(sa.text("UPDATE organisation SET matched_sequence = NULL WHERE matched_sequence IS NOT NULL"))
