"""Calls are compared by what was learned of them: other texts of them are read, again and in the background."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What was read of them so far is of no use any more, unless a statement (or its past, for replay) says the same.
    op.execute(
        "DELETE FROM text_vector v USING call c WHERE v.text_hash = c.text_hash"
        " AND NOT EXISTS (SELECT FROM statement s WHERE s.text_hash = v.text_hash)"
        " AND NOT EXISTS (SELECT FROM profile_version p WHERE p.text_hashes @> ARRAY[v.text_hash])"
    )
    # A call has a hash of its own from now on, so that no statement's vector is taken for a call's.
    op.execute(
        "UPDATE call SET encoded_with = NULL, matched_sequence = NULL,"
        " text_hash = decode(md5('call ' || supplied_id || read_text), 'hex')"
    )
