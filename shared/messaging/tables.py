"""The tables that messaging keeps in every service's database."""

from typing import Any

import sqlalchemy as sa
from faststream_outbox import make_dlq_table, make_outbox_table
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = sa.MetaData()

_timestamp = sa.DateTime(timezone=True)
_now = sa.func.now()

service_epoch = sa.Table(
    "service_epoch",
    metadata,
    sa.Column("single", sa.Boolean, primary_key=True, server_default=sa.true()),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("restored", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.CheckConstraint("single", name="service_epoch_has_one_row"),
)

broker_state = sa.Table(
    "broker_state",
    metadata,
    sa.Column("single", sa.Boolean, primary_key=True, server_default=sa.true()),
    sa.Column("broker_epoch", sa.Text, nullable=False),
    sa.CheckConstraint("single", name="broker_state_has_one_row"),
)

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("event_id", sa.Uuid, nullable=False, unique=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("body", JSONB(none_as_null=True)),
    sa.Column("organisations", ARRAY(sa.Uuid), nullable=False),
    sa.Column("traceparent", sa.Text),
    sa.Column("time", _timestamp, nullable=False),
    sa.Column("redacted_at", _timestamp),
    sa.Column("announced_again", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.UniqueConstraint("topic", "key", "epoch", "n", name="journal_version_once"),
)
sa.Index("journal_organisations", journal.c.organisations, postgresql_using="gin")

# Which journal rows are still to be sent. Apart from the journal, which so is only ever appended to (and redacted):
# marking rows in place would rewrite every one of its index entries.
unsent = sa.Table(
    "journal_unsent",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("retry_at", _timestamp),
    sa.Column("last_error", sa.Text),
    sa.Column("replay_for", sa.Text),
)
sa.Index("journal_unsent_failing", unsent.c.topic, unsent.c.key, postgresql_where=unsent.c.retry_at.is_not(None))

head = sa.Table(
    "journal_head",
    metadata,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("partition", sa.SmallInteger, primary_key=True),
    sa.Column("broker_epoch", sa.Text, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("sent_at", _timestamp, nullable=False, server_default=_now),
)

business_key = sa.Table(
    "business_key",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("claimed_at", _timestamp, nullable=False, server_default=_now),
)

consumed_position = sa.Table(
    "consumed_position",
    metadata,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("partition", sa.SmallInteger, primary_key=True),
    sa.Column("broker_epoch", sa.Text, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("event_time", _timestamp),
    sa.Column("processed_at", _timestamp, nullable=False, server_default=_now),
)

_record: tuple[tuple[str, Any, dict[str, Any]], ...] = (
    ("origin", sa.Text, {"nullable": False, "unique": True}),
    ("topic", sa.Text, {"nullable": False}),
    ("partition", sa.SmallInteger, {"nullable": False}),
    ("offset", sa.BigInteger, {"nullable": False}),
    ("key", sa.Text, {}),
    ("headers", JSONB, {"nullable": False}),
    ("body", sa.LargeBinary, {}),
    ("error", sa.Text, {"nullable": False}),
)

parked_event = sa.Table(
    "parked_event",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    *(sa.Column(name, kind, **options) for name, kind, options in _record),
    sa.Column("parked_at", _timestamp, nullable=False, server_default=_now),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_attempt_at", _timestamp, nullable=False, server_default=_now),
)
sa.Index("parked_event_key", parked_event.c.topic, parked_event.c.key, parked_event.c.id)

dead_letter = sa.Table(
    "dead_letter",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    *(sa.Column(name, kind, **options) for name, kind, options in _record),
    sa.Column("failed_at", _timestamp, nullable=False, server_default=_now),
    sa.Column("redriven_at", _timestamp),
)

audit_entry = sa.Table(
    "audit_entry",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("at", _timestamp, nullable=False, server_default=_now),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("organisation_id", sa.Uuid),
    sa.Column("subject_id", sa.Text),
    sa.Column("trace_id", sa.Text),
    sa.Column("detail", JSONB, nullable=False),
)

job = make_outbox_table(metadata, "job")
job_dead_letter = make_dlq_table(metadata, "job_dead_letter")
