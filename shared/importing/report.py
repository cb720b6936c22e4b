"""The row-by-row report of one import."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

MAX_ERRORS = 1_000
"""Errors listed one by one; more are only counted."""

Outcome = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True)
class RowError:
    """Why a row was not taken. ``row`` is its line in the file, 0 the file as a whole; no value is ever quoted."""

    row: int
    field: str
    rule: str
    message: str


@dataclass
class Report:
    """Counts of rows, and the errors of those that were rejected."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    errors: list[RowError] = field(default_factory=list)
    errors_omitted: int = 0
    ignored_fields: set[str] = field(default_factory=set)

    @property
    def accepted(self) -> int:
        return self.created + self.updated + self.unchanged

    def take(self, outcome: Outcome) -> None:
        """Count one good row."""
        setattr(self, outcome, getattr(self, outcome) + 1)

    def reject(self, errors: Iterable[RowError]) -> None:
        """Count one bad row with all its errors."""
        self.rejected += 1
        for each in errors:
            self.note(each)

    def note(self, error: RowError) -> None:
        """List an error, for example one of the file as a whole."""
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(error)
        else:
            self.errors_omitted += 1

    def counts(self) -> dict[str, Any]:
        """Return the numbers alone (safe for logs and audit)."""
        return {
            "accepted": self.accepted,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "rejected": self.rejected,
        }
