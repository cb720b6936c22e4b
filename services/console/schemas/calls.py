"""Open calls as matching tells of them."""

from datetime import date
from uuid import UUID

from services.console.schemas.base import Reading
from services.console.schemas.matching import ReadAgain
from shared.contracts.money import Money


class OpenCall(Reading):
    """A call; ``deadline`` is its next one."""

    call_id: UUID
    title: str
    text: str = ""
    language: str
    programme: str | None = None
    kind_of_action: str | None = None
    status: str
    opens_on: date | None = None
    deadline: date
    deadlines: tuple[date, ...] = ()
    budget_min: Money | None = None
    budget_max: Money | None = None
    url: str | None = None
    source: str | None = None


class FoundCall(OpenCall):
    """A call as it was looked for; ``similarity`` 0…1 to what was asked, if it was compared."""

    similarity: float | None = None


class OpenCalls(Reading):
    """A page of calls; ``read_again`` only while models are being changed and calls are found by their words alone."""

    items: list[FoundCall]
    read_again: ReadAgain | None = None


class FittingCall(OpenCall):
    """A call that fits an organisation, with the statement of its own that comes closest; ``similarity`` 0…1."""

    similarity: float
    statement: str
    statement_language: str
