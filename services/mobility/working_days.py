"""Working days and months, by the public holidays of a country."""

from calendar import monthrange
from datetime import date, timedelta
from functools import lru_cache

import holidays


@lru_cache(maxsize=64)
def _calendar(country: str) -> holidays.HolidayBase:
    """Return the country's calendar; one without holidays if the library does not know the country."""
    try:
        return holidays.country_holidays(country)
    except NotImplementedError:
        return holidays.HolidayBase()


def is_working_day(day: date, country: str) -> bool:
    """Whether people work on that day in that country (its own weekend, its national holidays)."""
    return _calendar(country).is_working_day(day)


def working_days(starts_on: date, ends_on: date, country: str) -> int:
    """Count the working days of ``country`` from ``starts_on`` to ``ends_on``, both inclusive; 0 if reversed."""
    length = (ends_on - starts_on).days + 1
    return sum(is_working_day(starts_on + timedelta(days=offset), country) for offset in range(length))


def add_months(day: date, months: int) -> date:
    """Return the same day of a later month, or that month's last day if it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
