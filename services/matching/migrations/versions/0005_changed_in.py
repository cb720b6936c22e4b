"""In which transaction organisations and statements were changed: what memory follows. Vectors stay in their rows."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE FUNCTION note_transaction() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.changed_in := pg_current_xact_id(); RETURN NEW; END $$"
    )
    # A round writes down what it has matched: that is no change.
    for table, when in (("organisation", "UPDATE OF change_sequence, status"), ("statement", "UPDATE")):
        op.execute(f"ALTER TABLE {table} ADD COLUMN changed_in xid8 NOT NULL DEFAULT pg_current_xact_id()")
        op.execute(f"CREATE INDEX ix_{table}_changed_in ON {table} (changed_in)")
        op.execute(
            f"CREATE TRIGGER note_transaction BEFORE INSERT OR {when} ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION note_transaction()"
        )
    # Else each vector of more than 2 kB is looked up in a table of its own, compressed in vain.
    op.execute('ALTER TABLE text_vector ALTER COLUMN "values" SET STORAGE MAIN')
