"""Bodies of visits."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from services.mobility.schemas.base import (
    LONGEST_VISIT,
    Body,
    Day,
    Evidence,
    Prose,
    Reason,
)
from services.mobility.verdict import Finding
from shared.contracts.mobility import Party, VisitKind, VisitSnapshot


class VisitRequest(Body):
    """Who visits whom and when. Dates are inclusive. The parties never change afterwards."""

    kind: VisitKind
    visitor_person_id: UUID
    visitor_id: UUID
    visitor_hub_id: UUID
    host_id: UUID
    host_hub_id: UUID
    starts_on: Day
    ends_on: Day
    connection_id: UUID | None = None

    @model_validator(mode="after")
    def _possible(self) -> "VisitRequest":
        if self.ends_on < self.starts_on:
            raise ValueError("the visit ends before it starts")
        if self.ends_on - self.starts_on > LONGEST_VISIT:
            raise ValueError(f"no visit lasts more than {LONGEST_VISIT.days} days")
        return self

    def organisation_of(self, party: Party) -> UUID:
        """Return the organisation that signs for ``party``."""
        return UUID(str(getattr(self, f"{party.value}_id")))


class Decision(Body):
    """One party's decision; a refusal needs a reason."""

    party: Party
    decision: Literal["approve", "refuse"]
    reason: Reason | None = None

    @model_validator(mode="after")
    def _reasoned(self) -> "Decision":
        if self.decision == "refuse" and not self.reason:
            raise ValueError("a refusal needs a reason")
        return self


class Report(Body):
    """The report on a visit with at least one piece of evidence."""

    text: Prose
    evidence: Annotated[list[Evidence], Field(min_length=1, max_length=50)]


class VisitOut(VisitSnapshot):
    """A visit with names, the judged rules, the report, and the parties whose signature is missing."""

    model_config = ConfigDict(frozen=True)

    names: dict[str, str]
    working_days: int
    waiting_for: tuple[Party, ...]
    reasons: dict[str, str]
    verdict: tuple[Finding, ...]
    report: Report | None = None
    requested_at: datetime
