"""One call as it is imported, with every rule that a row can break. Pure.

Fields that nobody knows here are ignored and named in the report. Texts are cleaned of markup and control characters.
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.matching.encoder.text import clean

MAX_TITLE = 500
MAX_TEXT = 20_000
MAX_WORDS = 200
MAX_URL = 500
MAX_DEADLINES = 20
YEARS = range(2000, 2101)

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


class CallStatus(StrEnum):
    """What the call's publisher says of it. Whether it can still be answered, its deadlines say as well."""

    OPEN = "open"
    FORTHCOMING = "forthcoming"
    CLOSED = "closed"


def _day(value: Any) -> date:
    """Read a date; numbers, moments and impossible days are refused."""
    try:
        if isinstance(value, str) and _DATE.fullmatch(value) and (day := date.fromisoformat(value)).year in YEARS:
            return day
    except ValueError:
        pass
    raise PydanticCustomError("invalid-date", "A date is written YYYY-MM-DD and lies between 2000 and 2100.")


def _cleaned(longest: int, *, may_be_empty: bool = False) -> Callable[[str], str]:
    def check(value: str) -> str:
        if len(value) > longest:
            raise PydanticCustomError("too-long", "At most {most} characters.", {"most": longest})
        text = clean(value)
        if not text and not may_be_empty:
            raise PydanticCustomError("no-words", "There is no word in it.")
        return text

    return check


def _identifier(value: str) -> str:
    value = value.strip()
    if not value or len(value) > MAX_WORDS or _CONTROL.search(value):
        raise PydanticCustomError("malformed", "An id has 1 to {most} characters in one line.", {"most": MAX_WORDS})
    return value


def _address(value: str) -> str:
    value = value.strip()
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        good = False
    if not good or len(value) > MAX_URL or re.search(r"[\s<>\"\\]", value) or _CONTROL.search(value):
        raise PydanticCustomError("not-a-web-address", "A web address begins with https:// or http://.")
    return value


def _none_if_blank(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _amount(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticCustomError("invalid-amount", "An amount is a number.")
    return value


Day = Annotated[date, BeforeValidator(_day)]
Blank = BeforeValidator(_none_if_blank)
Words = Annotated[str, AfterValidator(_cleaned(MAX_WORDS))]
Amount = Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=2), BeforeValidator(_amount)]


class CallRecord(BaseModel):
    """A row of an import. ``deadline`` is short for ``deadlines`` with one date; at least one is needed."""

    model_config = ConfigDict(extra="ignore")

    supplied_id: Annotated[str, AfterValidator(_identifier)]
    title: Annotated[str, AfterValidator(_cleaned(MAX_TITLE))]
    description: Annotated[str, AfterValidator(_cleaned(MAX_TEXT, may_be_empty=True))] = ""
    language: Annotated[str | None, Field(pattern="^[a-z]{2}$"), Blank] = None
    programme: Annotated[Words | None, Blank] = None
    kind_of_action: Annotated[Words | None, Blank] = None
    status: CallStatus = CallStatus.OPEN
    opens_on: Annotated[Day | None, Blank] = None
    deadline: Annotated[Day | None, Blank] = None
    deadlines: Annotated[list[Day], Field(max_length=MAX_DEADLINES)] = []
    budget_min: Annotated[Amount | None, Blank] = None
    budget_max: Annotated[Amount | None, Blank] = None
    currency: Annotated[str | None, Field(pattern="^[A-Z]{3}$"), Blank] = None
    url: Annotated[Annotated[str, AfterValidator(_address)] | None, Blank] = None
    source: Annotated[Words | None, Blank] = None

    @property
    def all_deadlines(self) -> list[date]:
        """All deadlines, each once, the earliest first."""
        return sorted({*self.deadlines, *([self.deadline] if self.deadline else [])})

    @model_validator(mode="after")
    def _has_a_deadline(self) -> "CallRecord":
        days = self.all_deadlines
        if not days:
            raise PydanticCustomError("deadline-required", "A call needs a deadline, or several deadlines.")
        if self.opens_on and self.opens_on > days[-1]:
            raise PydanticCustomError("opens-after-deadline", "The call opens after its last deadline.")
        return self

    @model_validator(mode="after")
    def _has_a_sensible_budget(self) -> "CallRecord":
        low, high = self.budget_min, self.budget_max
        if (low is not None or high is not None) and self.currency is None:
            raise PydanticCustomError("currency-required", "An amount needs its currency, such as EUR.")
        if low is not None and high is not None and low > high:
            raise PydanticCustomError("budget-upside-down", "The least budget is more than the largest.")
        return self


FIELD_OF_RULE = {
    "deadline-required": "deadline",
    "opens-after-deadline": "opens_on",
    "currency-required": "currency",
    "budget-upside-down": "budget_min",
}
"""The field that a rule about a whole row is told under."""
