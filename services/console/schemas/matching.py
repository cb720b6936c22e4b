"""Suggestions and roadmaps as matching tells of them."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from services.console.schemas.base import Reading
from shared.contracts.matching import SuggestionSnapshot, Theme


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
