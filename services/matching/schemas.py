"""Request and response bodies."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from shared.contracts.matching import Answer, CallFit, SuggestionSnapshot, Theme
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


class ReadAgain(BaseModel):
    """How many of all texts new models have read so far: the others can't be found by words yet."""

    texts: int
    of: int


class FoundStatements(BaseModel):
    """The closest statements, best first."""

    items: list[FoundStatement]
    language: str
    """Language in which the query was read."""
    read_again: ReadAgain | None = None
    """Only while the models are being changed and those of before are no longer installed."""


class FactorShare(BaseModel):
    """What one factor adds to a score (negative: takes away). All shares together are the score.

    ``before`` is what any pair has before anything is known of it. ``value``: what was known of this pair (see the
    factor's text), ``None`` for ``before`` and when it was not kept.
    """

    name: str
    text: str
    share: float
    value: float | None


class Quoted(BaseModel):
    """A stored statement in its original words, cut at a word (``…``). ``foreign``: the reader does not list its
    language.
    """

    statement_id: UUID
    organisation_id: UUID
    organisation_name: str
    text: str
    language: str
    language_name: str
    foreign: bool


class ExplainedMeeting(BaseModel):
    """A need and an offer that met. ``similarity`` 0…1: .5 is closer than 99 % of random pairs."""

    need: Quoted
    offer: Quoted
    similarity: float


class ScoredWith(BaseModel):
    """What a score was made with: versions of the models, the ranker, and both profiles (by organisation).

    ``encoder``, ``ranker`` and ``scored_at`` are ``None`` for scores older than the keeping of records.
    """

    model_version: str
    encoder: str | None = None
    ranker: str | None = None
    profiles: dict[UUID, str]
    scored_at: datetime | None = None


class ExplanationView(BaseModel):
    """Why two organisations are suggested to each other, for one reader.

    ``language``: what the texts are written in, English when the reader's own is not among ours. ``sentence`` is the
    reason, better direction first. ``gains``: what each side gets out of it, by organisation. ``against``: what speaks
    against the pair, as far as the score knows. ``call``: an open call that fits both.
    """

    suggestion_id: UUID
    first_id: UUID
    second_id: UUID
    first_name: str
    second_name: str
    language: str
    score: float
    factors: list[FactorShare]
    """``before`` first, then by share, the largest first; empty when no shares were kept."""
    meetings: list[ExplainedMeeting]
    sentence: str | None
    gains: dict[UUID, str]
    against: list[str]
    explored: str | None = None
    """Said of a pair that is not among the best, but drawn so that the ranker learns from its answers."""
    call: CallFit | None
    model: ScoredWith


class ReplayView(BaseModel):
    """A past score and what comes out today from the same profiles, models, ranker and network.

    ``version``: of the suggestion that was scored; ``score``: as it was kept; ``again``: as it comes out now; ``same``:
    whether they are equal; ``factors``: what the ranker was told of the pair.
    """

    scored_at: datetime
    version: str
    score: float
    again: float
    same: bool
    ranker: str
    encoder: str
    profiles: dict[UUID, str]
    factors: dict[str, float]


class RankerView(BaseModel):
    """A ranker that judges pairs (``active``), waits for its comparison (``shadow``), or did (``retired``) or failed
    (``refused``). ``report``: what it was learned from and how the comparison went.
    """

    version: str
    state: str
    source: str
    made_at: datetime
    learned_until: datetime | None
    report: dict[str, Any]


class RankerPage(BaseModel):
    """One page, newest first."""

    items: list[RankerView]
    next_cursor: str | None = None
