"""When suggestions waiting for one person become a mail: settling, weekly cap, delivery hour. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Bundle:
    """Suggestions that wait for one person: when the oldest and the newest came in, and whether they are all that
    their rounds have for her.
    """

    oldest: datetime
    newest: datetime
    whole: bool


@dataclass(frozen=True)
class Settling:
    """How long to wait for the rest of a round before a bundle is closed.

    A bundle that is whole is closed at once. Else the rest may be on another partition, or was told before: ``quiet``
    is the longest pause within a round. While suggestions for more than ``crowd`` people wait at once, an import is
    running and the next round will bring more: then ``crowd_quiet`` holds for all. Nobody waits longer than
    ``longest``.
    """

    quiet: timedelta = timedelta(milliseconds=100)
    crowd: int = 25
    crowd_quiet: timedelta = timedelta(seconds=2)
    longest: timedelta = timedelta(seconds=5)

    def settled(self, bundle: Bundle, people_waiting: int, now: datetime) -> bool:
        """Whether a person's bundle may be closed."""
        crowded = people_waiting > self.crowd
        quiet = self.crowd_quiet if crowded else self.quiet
        at_once = bundle.whole and not crowded
        return at_once or now - bundle.newest >= quiet or now - bundle.oldest >= self.longest


def next_under_cap(sent: Sequence[datetime], cap: int, now: datetime) -> datetime | None:
    """Return the first moment from ``now`` on at which one more mail keeps every 7 days at ``cap`` or fewer.

    ``sent``: when earlier suggestion mails were made, in any order. ``None``: never, the cap is 0.
    """
    if cap < 1:
        return None
    latest = sorted(sent)[-cap:]
    return now if len(latest) < cap else max(now, latest[0] + WEEK)


def next_delivery_hour(now: datetime, hour: int | None, time_zone: str) -> datetime:
    """Return the first moment from ``now`` on that lies in that hour (0…23) of the person's own day.

    ``None``: any time will do. On the day a clock change skips the hour, the hour after it counts.
    """
    if hour is None:
        return now
    zone = ZoneInfo(time_zone)
    local = now.astimezone(zone)
    if local.hour == hour:
        return now
    days = (local.date() + timedelta(days=each) for each in range(3))
    # In UTC: local times of one zone compare by the clock's face, which says nothing on a day it is changed.
    starts = (datetime.combine(each, time(hour), zone).astimezone(UTC) for each in days)
    start = next(each for each in starts if now < each + timedelta(hours=1))
    return max(now, start.astimezone(now.tzinfo))
