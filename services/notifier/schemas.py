"""Bodies of requests and responses."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.notifier.models import Attempt, Delivery


class AttemptOut(BaseModel):
    """One try to hand the mail to the server. ``reply`` holds the server's words, addresses removed."""

    number: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    code: int | None
    reply: str | None


class DeliveryOut(BaseModel):
    """One mail to one person with its trail. ``state`` is queued, sending, sent, ambiguous, failed or suppressed."""

    delivery_id: UUID
    person_id: UUID
    organisation_id: UUID | None
    occasion: str
    template: str
    state: str
    reason: str | None
    created_at: datetime
    changed_at: datetime
    attempts: list[AttemptOut]

    @classmethod
    def of(cls, delivery: Delivery, attempts: list[Attempt]) -> "DeliveryOut":
        """Make the response of a row and its trail."""
        ambiguous = delivery.state == "sent" and delivery.ambiguous
        return cls(
            delivery_id=delivery.delivery_id,
            person_id=delivery.person_id,
            organisation_id=delivery.organisation_id,
            occasion=delivery.occasion,
            template=delivery.template,
            state="ambiguous" if ambiguous else delivery.state,
            reason=delivery.reason,
            created_at=delivery.created_at,
            changed_at=delivery.changed_at,
            attempts=[AttemptOut.model_validate(each, from_attributes=True) for each in attempts],
        )


class DeliveryList(BaseModel):
    """A page of deliveries, newest first; ``next_cursor`` is null on the last one."""

    items: list[DeliveryOut]
    next_cursor: str | None


class SignInRequest(BaseModel):
    """A sign-in link for a person; it must lead to the console."""

    model_config = ConfigDict(extra="forbid")

    person_id: UUID
    link: str = Field(min_length=8, max_length=2000)


class Queued(BaseModel):
    """The delivery that was put in the queue."""

    delivery_id: UUID


class UnsubscribeRequest(BaseModel):
    """The token of an unsubscribe link."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=500)


class Unsubscribed(BaseModel):
    """The list that the person does not get any more."""

    list_name: str


class PreferencesIn(BaseModel):
    """What a person wants. ``mails_per_week`` can only lower the site's cap; ``delivery_hour`` is of her own day."""

    model_config = ConfigDict(extra="forbid")

    suggestions: bool
    mails_per_week: int | None = Field(default=None, ge=0, le=100)
    delivery_hour: int | None = Field(default=None, ge=0, le=23)


class PreferencesOut(PreferencesIn):
    """What a person wants, and whether her consent to suggestions is on record in profiles."""

    model_config = ConfigDict(extra="ignore")

    person_id: UUID
    consent_recorded: bool
    changed_at: datetime | None
