"""Bodies of programmes."""

from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from services.mobility.programme_rules import Country, ProgrammeRule, check_complete
from services.mobility.schemas.base import (
    Body,
    Day,
    Line,
    TimeZone,
)
from shared.contracts.mobility import ProgrammeSnapshot, StateAid, VoucherKind
from shared.contracts.money import Money


class ProgrammeIn(Body):
    """A programme's terms. Kind, currency and funder stay as they were once it exists.

    ``state_aid`` and ``granting_country`` stay as they were if they are not given; at first: no aid, the funder's own.
    """

    funder_id: UUID
    name: Line
    kind: VoucherKind
    budget: Money
    opens_on: Day
    closes_on: Day
    time_zone: TimeZone = "Europe/Brussels"
    rules: tuple[ProgrammeRule, ...] = Field(max_length=100)
    state_aid: StateAid | None = None
    granting_country: Country | None = None

    @model_validator(mode="after")
    def _sound(self) -> "ProgrammeIn":
        if self.closes_on < self.opens_on:
            raise ValueError("the programme closes before it opens")
        if self.budget.amount <= 0:
            raise ValueError("the budget must be positive")
        check_complete(self.rules)
        return self


class ProgrammeOut(ProgrammeSnapshot):
    """A programme with its rules and balances. ``terms_version`` is what ``If-Match`` must name."""

    model_config = ConfigDict(frozen=True)

    funder_name: str
    time_zone: str
    terms_version: str
    rules: list[dict[str, Any]]
    balances: dict[str, Money]
