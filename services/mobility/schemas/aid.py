"""Bodies of small state aid."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from services.mobility.programme_rules import Country
from services.mobility.schemas.base import Body, Day, Line
from shared.contracts.mobility import AidSnapshot, StateAid
from shared.contracts.money import Money


class CeilingOut(BaseModel):
    """One ceiling that binds: how much of it is used since the first day that counts, and where it comes from."""

    regulation: StateAid
    ceiling: Money
    since: date
    used: Money
    headroom: Money
    source: str


class DeclarationDutyOut(BaseModel):
    """Whether a declaration must be signed before aid is granted, and until when the last one is good."""

    needed: bool
    declared_on: date | None = None
    good_until: date | None = None
    source: str | None = None


class HeadroomOut(BaseModel):
    """What an undertaking may still be granted; ``headroom`` is ``None`` where no ceiling is on record.

    ``undertaking``: the names of the linked firms that count as one, by their ids.
    """

    organisation_id: UUID
    name: str
    undertaking: dict[UUID, str]
    country: str
    regulation: StateAid
    on: date
    ceilings: list[CeilingOut]
    headroom: Money | None
    declaration: DeclarationDutyOut


class AidOut(AidSnapshot):
    """An award with names. ``counted``: as it counts under the ceiling; ``granted``: before anything was taken back.

    ``reported``: what the country's register was told; it is due again where ``amount`` differs by now.
    """

    names: dict[str, str]
    programme_name: str
    legal_basis: str
    granted: Money
    counted: Money
    reported: Money | None = None
    register_reference: str | None = None
    overdue: bool = False


class DeclaredItem(Body):
    """Small aid granted elsewhere: by whom, when, under which rules, how much before tax."""

    regulation: StateAid
    granted_on: Day
    amount: Money
    authority: Line
    reference: Line | None = None


class DeclarationIn(Body):
    """All small aid from elsewhere in one country, of the whole undertaking; ``wording``: the signed version."""

    organisation_id: UUID
    country: Country
    wording: Line
    items: tuple[DeclaredItem, ...] = Field(max_length=500)


class DeclarationOut(BaseModel):
    """A signed declaration: who, when, which text version."""

    declaration_id: UUID
    organisation_id: UUID
    country: str
    wording: str
    items: list[DeclaredItem]
    declared_by: UUID
    declared_on: date
    declared_at: datetime


class WordingOut(BaseModel):
    """The text that is to be signed now."""

    version: str
    text: str


class DeclarationsOut(BaseModel):
    """A page of an organisation's declarations, newest first, and the text of the next one."""

    items: list[DeclarationOut]
    next_cursor: str | None
    wording: WordingOut


class Entered(Body):
    """An award as it was entered in the register; ``amount`` is in the award's currency, 0 where it was deleted."""

    award_id: UUID
    amount: Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=2)]


class Reported(Body):
    """Awards that were entered in the country's register, under its ``reference``."""

    awards: tuple[Entered, ...] = Field(min_length=1, max_length=500)
    reference: Line


class RateIn(Body):
    """So many units of ``currency`` are one of ``base``, from the first to the last day, and who says so."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    base: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    rate: Annotated[Decimal, Field(gt=0, max_digits=18, decimal_places=8, allow_inf_nan=False)]
    source: Line
    valid_from: Day
    valid_to: Day

    @model_validator(mode="after")
    def _in_order(self) -> "RateIn":
        if self.valid_to < self.valid_from:
            raise ValueError("valid_to lies before valid_from")
        return self


class RateOut(BaseModel):
    """A rate that an operator entered; the last one entered for a day counts."""

    rate_id: UUID
    currency: str
    base: str
    rate: Decimal
    source: str
    valid_from: date
    valid_to: date
    made_by: UUID
    made_at: datetime


class StatementCountry(BaseModel):
    """An undertaking's aid in one granting country: its ceilings, its awards here, and what it declared."""

    country: str
    ceilings: list[CeilingOut]
    awards: list[AidOut]
    declared: list[DeclaredItem]


class StatementOut(BaseModel):
    """What a statement letter says: all small aid of an undertaking within the windows that count on a day."""

    organisation_id: UUID
    name: str
    undertaking: dict[UUID, str]
    on: date
    countries: list[StatementCountry]
