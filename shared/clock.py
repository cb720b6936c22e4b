"""The one place that reads the clock, so that tests can hold it."""

from datetime import UTC, date, datetime


def now() -> datetime:
    """Return the present moment, timezone-aware, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """Return today's date in UTC; a funder's deadline is judged in the funder's own zone, not by this."""
    return now().date()
