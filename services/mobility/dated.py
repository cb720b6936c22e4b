"""What all rule records have in common: a figure with its source and the days on which it holds."""

from collections.abc import Iterable
from datetime import date
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.mobility.verdict import Finding


class DatedRule(BaseModel):
    """A rule as data. ``rule`` names it; ``valid_to`` is inclusive, ``None`` means until further notice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    source: str = Field(min_length=1, max_length=500)
    valid_from: date
    valid_to: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "DatedRule":
        if self.valid_to and self.valid_to < self.valid_from:
            raise ValueError("valid_to lies before valid_from")
        return self

    def in_force(self, day: date) -> bool:
        """Whether the rule holds on that day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    def finding(self, passed: bool, detail: str, **inputs: object) -> Finding:
        """Return this rule's finding; inputs are kept as text, so that a verdict reads the same in ten years."""
        return Finding(
            rule=self.rule,
            passed=passed,
            detail=detail,
            inputs={key: str(value) for key, value in inputs.items()},
            source=self.source,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
        )


RuleT = TypeVar("RuleT", bound=DatedRule)


def in_force(rules: Iterable[RuleT], day: date) -> tuple[RuleT, ...]:
    """Return the rules that hold on that day, in their order."""
    return tuple(each for each in rules if each.in_force(day))
