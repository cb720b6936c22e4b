"""Tables of visits."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlmodel import Field

from services.mobility.models.base import MOMENT, Base, Versioned, quoted, words
from services.mobility.visit_states import LIVE
from shared.contracts.mobility import Party, VisitKind, VisitState


class Visit(Versioned, table=True):
    """A visit; ``working_days`` are those of the host's country when it was requested."""

    __tablename__ = "visit"
    __table_args__ = (
        ExcludeConstraint(
            (sa.column("visitor_person_id"), "="),
            (sa.func.daterange(sa.column("starts_on"), sa.column("ends_on"), "[]"), "&&"),
            where=sa.text(f"state IN ({quoted(LIVE)})"),
            using="gist",
            name="visit_one_at_a_time",
        ),
        sa.CheckConstraint("starts_on <= ends_on", name="dates_in_order"),
    )

    visit_id: UUID = Field(primary_key=True)
    kind: VisitKind = Field(sa_type=words(VisitKind))
    state: VisitState = Field(sa_type=words(VisitState), index=True)
    visitor_person_id: UUID = Field(index=True)
    visitor_id: UUID = Field(index=True)
    visitor_hub_id: UUID = Field(index=True)
    host_id: UUID = Field(index=True)
    host_hub_id: UUID = Field(index=True)
    starts_on: date
    ends_on: date
    working_days: int
    connection_id: UUID | None = None
    verdict: list[dict[str, Any]] = Field(sa_type=JSONB)
    reason: str | None = None
    report_text: str | None = None
    report_evidence: list[dict[str, str]] = Field(default_factory=list, sa_type=JSONB)
    requested_by: UUID
    requested_at: datetime = Field(sa_type=MOMENT)
    changed_by: UUID | None = None
    changed_at: datetime = Field(sa_type=MOMENT)

    def organisation_of(self, party: Party) -> UUID:
        """Return the organisation that signs for ``party``."""
        return {
            Party.VISITOR: self.visitor_id,
            Party.VISITOR_HUB: self.visitor_hub_id,
            Party.HOST: self.host_id,
            Party.HOST_HUB: self.host_hub_id,
        }[party]


class Signature(Base, table=True):
    """What one party decided on a visit: one row per party, never changed."""

    __tablename__ = "visit_signature"

    visit_id: UUID = Field(primary_key=True, foreign_key="visit.visit_id")
    party: Party = Field(primary_key=True, sa_type=words(Party))
    organisation_id: UUID
    person_id: UUID
    decision: str
    reason: str | None = None
    decided_at: datetime = Field(sa_type=MOMENT)
