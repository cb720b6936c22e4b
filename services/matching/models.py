"""Tables of the matching service: projections of organisations and statements, vectors, suggestions, roadmaps."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from shared.database import table_base

if TYPE_CHECKING:
    from sqlmodel import SQLModel as Base
else:
    Base = table_base()

MOMENT: Any = sa.DateTime(timezone=True)
AMOUNT: Any = sa.Numeric(14, 2)

change_sequence = sa.Sequence("change_sequence", metadata=Base.metadata)
"""Numbers every change of what matching works on. It only has to differ, not to be in order: see
``matched_sequence``.
"""


class Organisation(Base, table=True):
    """Projection of an organisation. An erased one keeps its id and version only.

    ``matched_sequence`` is the ``change_sequence`` that the last round saw: where they differ, a round is owed.
    """

    __tablename__ = "organisation"
    __table_args__ = (
        sa.Index("ix_organisation_clusters", "clusters", postgresql_using="gin"),
        sa.Index(
            "ix_organisation_unmatched",
            "id",
            postgresql_where=sa.text("matched_sequence IS DISTINCT FROM change_sequence"),
        ),
    )

    id: UUID = Field(primary_key=True)
    kind: str
    name: str
    country: str
    region: str | None = None
    sectors: list[str] = Field(default_factory=list, sa_type=ARRAY(sa.Text))
    languages: list[str] = Field(default_factory=list, sa_type=ARRAY(sa.Text))
    tags: list[str] = Field(default_factory=list, sa_type=ARRAY(sa.Text))
    clusters: list[UUID] = Field(default_factory=list, sa_type=ARRAY(sa.Uuid))
    undertaking_group: str | None = None
    status: str
    version_epoch: int
    version_n: int
    change_sequence: int = Field(sa_type=sa.BigInteger)
    matched_sequence: int | None = Field(default=None, sa_type=sa.BigInteger)


class Statement(Base, table=True):
    """One offer or need. ``read_text`` is what the models read of ``text``; ``encoded_with`` who has read it: null if
    the encoder that serves has not, else that one or one of before, and then the serving one's vector is there, too.
    """

    __tablename__ = "statement"
    __table_args__ = (
        sa.Index("ix_statement_unread", "id", postgresql_where=sa.text("encoded_with IS NULL")),
        sa.Index("ix_statement_text_hash", "text_hash"),
    )

    id: UUID = Field(primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id", index=True)
    role: str
    text: str
    language: str
    read_text: str
    text_hash: bytes = Field(sa_type=sa.LargeBinary)
    illustrative: bool = False
    encoded_with: str | None = None


class Vector(Base, table=True):
    """The fused vector of a text by one encoder: the same text is never encoded twice, whoever says it."""

    __tablename__ = "text_vector"

    text_hash: bytes = Field(primary_key=True, sa_type=sa.LargeBinary)
    model: str = Field(primary_key=True)
    values: Any = Field(sa_type=HALFVEC())


class Call(Base, table=True):
    """An open call or challenge. ``supplied_id`` is its publisher's name for it, by which an import finds it again.

    ``closes_on``: its last deadline, after which it is nobody's any more. ``matched_sequence`` as with organisations.
    """

    __tablename__ = "call"
    __table_args__ = (
        sa.UniqueConstraint("supplied_id", name="uq_call_supplied_id"),
        sa.CheckConstraint("closes_on >= ALL (deadlines)", name="closes_last"),
        sa.CheckConstraint("cardinality(deadlines) > 0", name="has_deadline"),
        sa.CheckConstraint(
            "currency IS NOT NULL OR (budget_min IS NULL AND budget_max IS NULL)", name="amount_has_currency"
        ),
        sa.Index(
            "ix_call_unread",
            "closes_on",
            postgresql_where=sa.text("encoded_with IS NULL AND status <> 'closed'"),
        ),
        sa.Index("ix_call_text_hash", "text_hash"),
        sa.Index("ix_call_closes_on", "closes_on", "id"),
        sa.Index(
            "ix_call_unmatched", "id", postgresql_where=sa.text("matched_sequence IS DISTINCT FROM change_sequence")
        ),
        sa.Index("ix_call_words", sa.text("to_tsvector('english', title || ' ' || text)"), postgresql_using="gin"),
    )

    id: UUID = Field(primary_key=True)
    supplied_id: str
    title: str
    text: str
    language: str
    programme: str | None = None
    kind_of_action: str | None = None
    status: str
    opens_on: date | None = None
    deadlines: list[date] = Field(sa_type=ARRAY(sa.Date))
    closes_on: date
    budget_min: Decimal | None = Field(default=None, sa_type=AMOUNT)
    budget_max: Decimal | None = Field(default=None, sa_type=AMOUNT)
    currency: str | None = None
    url: str | None = None
    source: str | None = None
    read_text: str
    text_hash: bytes = Field(sa_type=sa.LargeBinary)
    encoded_with: str | None = None
    change_sequence: int = Field(sa_type=sa.BigInteger)
    matched_sequence: int | None = Field(default=None, sa_type=sa.BigInteger)


class Suggestion(Base, table=True):
    """A proposed pair, once for all time. ``profiles`` holds the versions of both profiles that were compared.

    ``settled`` is false from an answer until the next round has seen it. ``call``: the open call that fits both sides
    best, as it is told.
    """

    __tablename__ = "suggestion"
    __table_args__ = (
        sa.UniqueConstraint("first_id", "second_id", name="uq_suggestion_pair"),
        sa.CheckConstraint("first_id < second_id", name="pair_in_order"),
        sa.Index("ix_suggestion_unsettled", "id", postgresql_where=sa.text("NOT settled")),
        sa.Index("ix_suggestion_score", sa.text("score DESC"), "id"),
        sa.Index(
            "ix_suggestion_call_deadline",
            sa.text("(call ->> 'deadline')"),
            postgresql_where=sa.text("call IS NOT NULL"),
        ),
    )

    id: UUID = Field(primary_key=True)
    first_id: UUID = Field(index=True)
    second_id: UUID = Field(index=True)
    state: str
    score: float = Field(sa_type=sa.Double)
    reason: str
    evidence: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB)
    call: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    features: dict[str, float] = Field(default_factory=dict, sa_type=JSONB)
    profiles: dict[str, str] = Field(default_factory=dict, sa_type=JSONB)
    first_answer: str | None = None
    second_answer: str | None = None
    model_version: str
    proposed_at: datetime = Field(sa_type=MOMENT)
    connected_at: datetime | None = Field(default=None, sa_type=MOMENT)
    settled: bool = True
    version_epoch: int
    version_n: int


class ExploredWeek(Base, table=True):
    """The week (ISO 8601) whose explored pairs the lists hold: in another one a round is owed."""

    __tablename__ = "explored_week"
    __table_args__ = (sa.CheckConstraint("only_row", name="one_row"),)

    only_row: bool = Field(default=True, primary_key=True)
    week: str


class Roadmap(Base, table=True):
    """A roadmap of clusters; ``state`` is ``drafting`` until the job has found its themes, or ``empty`` if there are
    none.
    """

    __tablename__ = "roadmap"
    __table_args__ = (sa.Index("ix_roadmap_cluster_ids", "cluster_ids", postgresql_using="gin"),)

    id: UUID = Field(primary_key=True)
    cluster_ids: list[UUID] = Field(sa_type=ARRAY(sa.Uuid))
    title: str
    state: str
    themes: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB)
    model_version: str
    asked_at: datetime = Field(sa_type=MOMENT)
    drafted_at: datetime | None = Field(default=None, sa_type=MOMENT)
    version_epoch: int
    version_n: int


class EncoderRow(Base, table=True):
    """An encoder that has made vectors. ``constants``: what its vectors are compared with, and what it takes to read
    as it did (:attr:`~services.matching.encoder.encoder.Chosen.recipe`).

    One is ``serving``: everything that is shown comes from its vectors. ``applied_at``: when the first round was held
    with it since it serves; ``retired_at``: since when it neither serves nor is to serve.
    """

    __tablename__ = "encoder"
    __table_args__ = (sa.Index("uq_encoder_serving", "serving", unique=True, postgresql_where=sa.text("serving")),)

    version: str = Field(primary_key=True)
    constants: dict[str, Any] = Field(sa_type=JSONB)
    since: datetime = Field(sa_type=MOMENT)
    serving: bool = False
    applied_at: datetime | None = Field(default=None, sa_type=MOMENT)
    retired_at: datetime | None = Field(default=None, sa_type=MOMENT)


class RankerRow(Base, table=True):
    """Every ranker there has been. ``state``: ``active`` (one), ``shadow`` (one at most), ``retired``, ``refused``."""

    __tablename__ = "ranker"
    __table_args__ = (
        sa.Index("uq_ranker_active", "state", unique=True, postgresql_where=sa.text("state = 'active'")),
        sa.Index("uq_ranker_shadow", "state", unique=True, postgresql_where=sa.text("state = 'shadow'")),
    )

    version: str = Field(primary_key=True)
    state: str
    parameters: dict[str, Any] = Field(sa_type=JSONB)
    report: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    made_at: datetime = Field(sa_type=MOMENT)
    learned_until: datetime | None = Field(default=None, sa_type=MOMENT)


class ProfileVersion(Base, table=True):
    """A profile as it was when a suggestion was scored with it; ``facts`` hold its statements. Erased with it."""

    __tablename__ = "profile_version"
    __table_args__ = (sa.Index("ix_profile_version_text_hashes", "text_hashes", postgresql_using="gin"),)

    organisation_id: UUID = Field(primary_key=True)
    version: str = Field(primary_key=True)
    facts: dict[str, Any] = Field(sa_type=JSONB)
    text_hashes: list[bytes] = Field(default_factory=list, sa_type=ARRAY(sa.LargeBinary))


class Scoring(Base, table=True):
    """One scoring of a suggestion, kept for replay and for learning: what was known, what the ranker said of it.

    ``met``: ids of need and offer, the better direction first; ``network_until``: the newest tie that was known;
    ``propensity``: how likely the pair was to be shown at all when it was scored; a pair that stays is not scored again
    only because that has changed (see ``exploration.py`` for what it does not say).
    """

    __tablename__ = "scoring"
    __table_args__ = (sa.Index("ix_scoring_at", "at"),)

    suggestion_id: UUID = Field(primary_key=True)
    version: str = Field(primary_key=True)
    at: datetime = Field(sa_type=MOMENT)
    first_id: UUID = Field(index=True)
    second_id: UUID = Field(index=True)
    score: float = Field(sa_type=sa.Double)
    features: dict[str, float] = Field(sa_type=JSONB)
    factors: dict[str, float] = Field(sa_type=JSONB)
    met: list[list[str]] = Field(sa_type=JSONB)
    profiles: dict[str, str] = Field(sa_type=JSONB)
    encoder: str
    ranker: str
    network_until: datetime | None = Field(default=None, sa_type=MOMENT)
    propensity: float = Field(default=1.0, sa_type=sa.Double)
    explored: bool = False


class Outcome(Base, table=True):
    """What came of a pair: an answer of one side, a connection, a completed visit, a paid voucher."""

    __tablename__ = "outcome"
    __table_args__ = (
        sa.Index("ix_outcome_pair", "first_id", "second_id"),
        sa.Index("ix_outcome_subject", "subject_id"),
    )

    id: UUID = Field(primary_key=True)
    first_id: UUID
    second_id: UUID = Field(index=True)
    kind: str
    organisation_id: UUID | None = None
    subject_id: UUID | None = None
    at: datetime = Field(index=True, sa_type=MOMENT)
