"""Request and response bodies."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from shared.contracts.matching import Answer, SuggestionSnapshot, Theme
from shared.contracts.profiles import StatementRole


class SuggestionView(SuggestionSnapshot):
    """A suggestion with the names and countries of both sides."""

    first_name: str
    second_name: str
    first_country: str
    second_country: str


class SuggestionPage(BaseModel):
    """One page, best score first; ``next_cursor`` leads on, ``None`` at the end."""

    items: list[SuggestionView]
    next_cursor: str | None = None


class AnswerBody(BaseModel):
    """One side's answer."""

    organisation_id: UUID
    answer: Answer


class RoadmapBody(BaseModel):
    """Which clusters the roadmap is for: two or more."""

    cluster_ids: Annotated[list[UUID], Field(min_length=2, max_length=12)]


class RoadmapView(BaseModel):
    """A roadmap; ``themes`` come when its state goes from ``drafting`` to ``drafted``."""

    roadmap_id: UUID
    state: str
    title: str
    cluster_ids: list[UUID]
    cluster_names: dict[UUID, str]
    themes: list[Theme]
    model_version: str
    asked_at: datetime
    drafted_at: datetime | None


class RoadmapPage(BaseModel):
    """One page, newest first."""

    items: list[RoadmapView]
    next_cursor: str | None = None


class FoundStatement(BaseModel):
    """A statement that means something like the query. ``similarity`` 0…1: .5 is closer than 99 % of random pairs."""

    statement_id: UUID
    organisation_id: UUID
    organisation_name: str
    country: str
    role: StatementRole
    text: str
    language: str
    similarity: float


class FoundStatements(BaseModel):
    """The closest statements, best first."""

    items: list[FoundStatement]
    language: str
    """Language in which the query was read."""
