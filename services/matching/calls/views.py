"""Calls as the API shows them."""

from dataclasses import asdict
from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel

from services.matching.calls.imports import CallReport
from services.matching.calls.records import CallStatus
from services.matching.models import Call
from services.matching.schemas import ReadAgain
from shared.clock import now
from shared.contracts.money import Money


class CallView(BaseModel):
    """A call. ``deadline``: the next one, or the last when all have passed; ``open``: it can still be answered."""

    call_id: UUID
    supplied_id: str
    title: str
    text: str
    language: str
    programme: str | None
    kind_of_action: str | None
    status: CallStatus
    open: bool
    opens_on: date | None
    deadline: date
    deadlines: list[date]
    budget_min: Money | None
    budget_max: Money | None
    url: str | None
    source: str | None


class FoundCall(CallView):
    """A call as it was found; ``similarity`` 0…1 to what was looked for, ``None`` if it was not compared."""

    similarity: float | None = None


class CallPage(BaseModel):
    """One page; ``next_cursor`` leads on, ``None`` at the end."""

    items: list[FoundCall]
    next_cursor: str | None = None
    read_again: ReadAgain | None = None
    """Only while the models are being changed and those of before are no longer installed: calls are found by words."""


class FittingCall(CallView):
    """A call that fits an organisation, with the statement that comes closest to it; ``similarity`` 0…1."""

    similarity: float
    statement_id: UUID
    statement: str
    statement_language: str


class FittingCalls(BaseModel):
    """The open calls that fit an organisation, best first."""

    items: list[FittingCall]


class CallRowOut(BaseModel):
    """What there is to say of a row: its line in the file (0: the file itself), field, rule and a sentence."""

    row: int
    field: str
    rule: str
    message: str


class CallImportOut(BaseModel):
    """The row-by-row report. ``accepted`` = created + updated + unchanged; ``over`` of them can't be answered now."""

    accepted: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    over: int
    errors: list[CallRowOut]
    errors_omitted: int
    warnings: list[CallRowOut]
    ignored_fields: list[str]
    finished_at: datetime

    @classmethod
    def of(cls, report: CallReport) -> "CallImportOut":
        """Return a report as it is answered."""
        return cls(
            **report.counts(),
            over=report.over,
            errors=[CallRowOut(**asdict(each)) for each in report.errors],
            errors_omitted=report.errors_omitted,
            warnings=[CallRowOut(**asdict(each)) for each in sorted(report.warnings, key=lambda each: each.row)],
            ignored_fields=sorted(report.ignored_fields),
            finished_at=now(),
        )


def view(call: Call, today: date) -> CallView:
    """Return a call as it is shown on that day."""
    coming = [each for each in call.deadlines if each >= today]
    money = {
        name: Money(amount=amount, currency=call.currency) if amount is not None and call.currency else None
        for name, amount in (("budget_min", call.budget_min), ("budget_max", call.budget_max))
    }
    values = call.model_dump(exclude={"id", "budget_min", "budget_max"})
    is_open = call.status != CallStatus.CLOSED and bool(coming)
    return CallView.model_validate(
        {**values, **money, "call_id": call.id, "open": is_open, "deadline": min(coming, default=call.closes_on)}
    )
