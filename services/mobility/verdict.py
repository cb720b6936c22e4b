"""A verdict: every rule that was judged, with its inputs and its result in plain words."""

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict


class Finding(BaseModel):
    """One rule as it was judged. ``source`` and validity say where the figure comes from."""

    model_config = ConfigDict(frozen=True)

    rule: str
    passed: bool
    detail: str
    inputs: dict[str, str] = {}
    source: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None


class Verdict(BaseModel):
    """All findings in the order of judging; ``amount`` is what may be granted (``None`` for a visit)."""

    model_config = ConfigDict(frozen=True)

    findings: tuple[Finding, ...]
    amount: Decimal | None = None

    @property
    def passed(self) -> bool:
        """Whether no rule refused."""
        return self.refusal is None

    @property
    def refusal(self) -> Finding | None:
        """The rule that refuses, the first of them if there are several; ``None`` if all passed."""
        return next((each for each in self.findings if not each.passed), None)
