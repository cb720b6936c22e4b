"""Migration steps for the messaging tables; each service's revisions call them by version.

A later change of these tables is a new function here (``change_to_2`` …) and a new revision in every service.
"""

from alembic.operations import Operations

from shared.messaging.tables import metadata

_TRIGGERS = (
    """CREATE FUNCTION journal_appended() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN
            INSERT INTO journal_unsent (seq, topic, key) SELECT seq, topic, key FROM appended;
            PERFORM pg_notify('journal', '');
            RETURN NULL;
          END $$""",
    """CREATE TRIGGER journal_appended AFTER INSERT ON journal REFERENCING NEW TABLE AS appended
       FOR EACH STATEMENT EXECUTE FUNCTION journal_appended()""",
    """CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""",
    """CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_entry
       FOR EACH ROW EXECUTE FUNCTION refuse_change()""",
    """CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_entry
       FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()""",
    # The journal is emptied row by row only, by redaction: without its rows nothing could be replayed or traced.
    """CREATE TRIGGER journal_kept BEFORE DELETE ON journal FOR EACH ROW EXECUTE FUNCTION refuse_change()""",
    """CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON journal
       FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()""",
    "INSERT INTO service_epoch (epoch) VALUES (1)",
)


def create(op: Operations) -> None:
    """Create the messaging tables (journal, parked events, dead letters, jobs, audit …) in one service's database."""
    metadata.create_all(op.get_bind(), checkfirst=False)
    for statement in _TRIGGERS:
        op.execute(statement)
