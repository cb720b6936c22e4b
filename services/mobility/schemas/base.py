"""What all bodies share: bounded texts free of control characters, days, money, evidence, pages."""

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from shared.contracts.money import Money
from shared.reference import is_time_zone

EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)
LONGEST_VISIT = timedelta(days=400)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")
_BREAKS = re.compile(r"[\t\n]")


def _no_control(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("control characters are not allowed")
    return text


def _one_line(text: str) -> str:
    if _BREAKS.search(text):
        raise ValueError("must be one line")
    return _no_control(text)


def _time_zone(name: str) -> str:
    if not is_time_zone(name):
        raise ValueError("is not an IANA time zone")
    return name


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_one_line)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)]
Prose = Annotated[Text, AfterValidator(_no_control)]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000), AfterValidator(_no_control)
]
Day = Annotated[date, Field(ge=EARLIEST, le=LATEST)]
TimeZone = Annotated[str, Field(max_length=60), AfterValidator(_time_zone)]
Cents = Annotated[Decimal, Field(gt=0, max_digits=14, decimal_places=2)]
MoneyOrAmount = Money | Cents
"""Money with its currency, or a bare amount in the programme's currency."""

ItemT = TypeVar("ItemT")


class Body(BaseModel):
    """A request body: a misspelt field is an error, not silence."""

    model_config = ConfigDict(extra="forbid")


class Page(BaseModel, Generic[ItemT]):
    """One page of a list; ``next_cursor`` leads to the next, ``None`` at the end."""

    items: list[ItemT]
    next_cursor: str | None = None


class Evidence(Body):
    """A piece of evidence: what it is (ticket, photo, invoice …) and where it lies or its number."""

    kind: Line
    reference: Line


Proofs = Annotated[list[Evidence], Field(max_length=50)]


class WithReason(Body):
    """Why something is refused or called off."""

    reason: Reason


class MaybeReason(Body):
    """Why a voucher is cancelled, if one wants to say."""

    reason: Reason | None = None
