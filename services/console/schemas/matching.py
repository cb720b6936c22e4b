"""Suggestions and roadmaps as matching tells of them."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from services.console.schemas.base import Reading
from shared.contracts.matching import CallFit, SuggestionSnapshot, Theme


class Suggestion(SuggestionSnapshot):
    """A suggestion with the names and countries of both sides."""

    first_name: str = ""
    second_name: str = ""
    first_country: str = ""
    second_country: str = ""

    def partner_id(self, ours: UUID) -> UUID:
        """Return the other side's id."""
        return self.other(ours)

    def partner_name(self, ours: UUID) -> str:
        """Return the other side's name."""
        return self.second_name if ours == self.first_id else self.first_name

    def partner_country(self, ours: UUID) -> str:
        """Return the other side's country."""
        return self.second_country if ours == self.first_id else self.first_country

    def our_answer(self, ours: UUID) -> str | None:
        """Return what our side has answered; the other side's answer is nobody's business before both agreed."""
        return self.first_answer if ours == self.first_id else self.second_answer


class FactorShare(Reading):
    """What one factor adds to a score; ``text`` is in the explanation's language."""

    name: str
    text: str
    share: float


class Quoted(Reading):
    """A statement in its original words. ``foreign``: in a language that the reader has not listed."""

    organisation_id: UUID
    organisation_name: str
    text: str
    language: str
    foreign: bool


class ExplainedMeeting(Reading):
    """A need and an offer that met."""

    need: Quoted
    offer: Quoted


class ScoredWith(Reading):
    """What a score was made with; what was not kept is ``None``."""

    model_version: str
    profiles: dict[UUID, str] = Field(default_factory=dict)
    scored_at: datetime | None = None


class Explanation(Reading):
    """Why two organisations are suggested to each other; its texts are in ``language``."""

    suggestion_id: UUID
    first_id: UUID
    second_id: UUID
    first_name: str
    second_name: str
    language: str
    score: float
    explored: str | None = None
    factors: tuple[FactorShare, ...] = ()
    meetings: tuple[ExplainedMeeting, ...] = ()
    sentence: str | None = None
    gains: dict[UUID, str] = Field(default_factory=dict)
    against: tuple[str, ...] = ()
    call: CallFit | None = None
    model: ScoredWith

    def name_of(self, side: UUID) -> str:
        """Return the name of one side."""
        return self.first_name if side == self.first_id else self.second_name


class Roadmap(Reading):
    """A roadmap. Its ``themes`` come when it is drafted, some seconds after it was asked for."""

    roadmap_id: UUID
    state: str = "drafted"
    title: str
    cluster_ids: tuple[UUID, ...]
    cluster_names: dict[UUID, str] = Field(default_factory=dict)
    themes: tuple[Theme, ...] = ()
    asked_at: datetime | None = None
    drafted_at: datetime | None = None


class FoundStatement(Reading):
    """A statement that means something like the query; ``similarity`` lies in 0…1."""

    statement_id: UUID
    organisation_id: UUID
    organisation_name: str
    country: str
    role: str
    text: str
    language: str
    similarity: float


class ReadAgain(Reading):
    """How many texts new models have read so far; the others can't be found by meaning yet."""

    texts: int
    of: int


class FoundStatements(Reading):
    """The closest statements, best first; ``read_again`` only while models are being changed."""

    items: list[FoundStatement]
    read_again: ReadAgain | None = None
