"""Messages and wishes as notifier tells of them."""

from datetime import datetime
from uuid import UUID

from services.console.schemas.base import Reading


class Preferences(Reading):
    """Which mails a person wants."""

    suggestions: bool = True
    mails_per_week: int | None = None
    delivery_hour: int | None = None
    consent_recorded: bool = False


class Attempt(Reading):
    """One try to hand a message to the mail server."""

    number: int
    started_at: datetime | None = None
    outcome: str = ""
    code: int | None = None
    reply: str | None = None


class Delivery(Reading):
    """What became of one message, without its address."""

    delivery_id: UUID
    person_id: UUID
    occasion: str
    template: str
    state: str
    reason: str | None = None
    created_at: datetime
    changed_at: datetime
    attempts: tuple[Attempt, ...] = ()
