"""Events of the matching service: suggestions, connections and roadmaps."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import EventType, Snapshot
from shared.contracts.topics import ROADMAPS, SUGGESTIONS


class SuggestionState(StrEnum):
    """Life of a proposed pair. ``connected``: both sides are interested; only then are contacts exchanged."""

    PROPOSED = "proposed"
    WITHDRAWN = "withdrawn"
    DECLINED = "declined"
    CONNECTED = "connected"


class Answer(StrEnum):
    """What one side says to a suggestion."""

    INTERESTED = "interested"
    NOT_INTERESTED = "not_interested"


class Evidence(BaseModel):
    """Two stored statements that met: a need of one organisation and an offer of the other."""

    model_config = ConfigDict(frozen=True)

    need_statement_id: UUID
    need_organisation_id: UUID
    need_text: str
    need_language: str
    offer_statement_id: UUID
    offer_organisation_id: UUID
    offer_text: str
    offer_language: str
    similarity: float


class Round(BaseModel):
    """The matching round that proposes a suggestion, and how many it proposes to each side of it.

    So a reader knows when it has heard of everything that a round has for one organisation. ``final`` is false while an
    import is still being read: the next round will have more.
    """

    model_config = ConfigDict(frozen=True)

    round_id: UUID
    final: bool
    to_first: int = Field(ge=1, le=1000)
    to_second: int = Field(ge=1, le=1000)


class CallFit(BaseModel):
    """An open call that fits both organisations, for each by the statement of its own that comes closest to the call.

    Similarities lie in 0…1. ``deadline`` is the call's next one, in UTC; after that day the call is told nobody.
    """

    model_config = ConfigDict(frozen=True)

    call_id: UUID
    title: str
    language: str
    deadline: date
    url: str | None = None
    first_similarity: float
    second_similarity: float
    first_statement_id: UUID
    second_statement_id: UUID

    @property
    def similarity(self) -> float:
        """How well it fits the two together: as well as it fits the one whom it fits less."""
        return min(self.first_similarity, self.second_similarity)

    def is_open(self, today: date) -> bool:
        """Whether it can still be answered on that day."""
        return self.deadline >= today


class SuggestionSnapshot(Snapshot):
    """A proposed pair of organisations of different countries; ``first_id`` < ``second_id``, unique together.

    ``score`` lies in 0…1. ``reason`` is one English sentence that quotes the statements in ``evidence``. ``round`` is
    told with ``proposed`` only. ``call``: the open call that fits both best, if one fits both.
    """

    suggestion_id: UUID
    first_id: UUID
    second_id: UUID
    state: SuggestionState
    score: float
    reason: str
    evidence: tuple[Evidence, ...] = ()
    call: CallFit | None = None
    first_answer: Answer | None = None
    second_answer: Answer | None = None
    model_version: str
    proposed_at: datetime
    connected_at: datetime | None = None
    round: Round | None = None

    @property
    def aggregate_id(self) -> UUID:
        return self.suggestion_id

    @property
    def organisations(self) -> tuple[UUID, ...]:
        return (self.first_id, self.second_id)

    def other(self, organisation_id: UUID) -> UUID:
        """Return the other side of the pair."""
        return self.second_id if organisation_id == self.first_id else self.first_id


class ThemeStrength(BaseModel):
    """How strong one cluster is in one theme: statements of its members, split by role."""

    model_config = ConfigDict(frozen=True)

    cluster_id: UUID
    offers: int
    needs: int


class Theme(BaseModel):
    """One theme of a roadmap: a label from its own terms, who is strong where, and the gap if there is one."""

    model_config = ConfigDict(frozen=True)

    label: str
    statement_ids: tuple[UUID, ...]
    strengths: tuple[ThemeStrength, ...]
    gaps: tuple[UUID, ...] = ()


class RoadmapSnapshot(Snapshot):
    """Technology roadmap of two or more clusters in its first form.

    ``gaps`` of a theme: the clusters that need more than they offer.
    """

    roadmap_id: UUID
    cluster_ids: tuple[UUID, ...]
    title: str
    themes: tuple[Theme, ...]
    model_version: str
    drafted_at: datetime

    @property
    def aggregate_id(self) -> UUID:
        return self.roadmap_id

    @property
    def organisations(self) -> tuple[UUID, ...]:
        return self.cluster_ids


def _suggestion(verb: str) -> EventType[SuggestionSnapshot]:
    return EventType(f"org.intercluster.suggestion.{verb}.v1", SUGGESTIONS, SuggestionSnapshot)


SUGGESTION_PROPOSED = _suggestion("proposed")
SUGGESTION_CHANGED = _suggestion("changed")
SUGGESTION_ANSWERED = _suggestion("answered")
SUGGESTION_CONNECTED = _suggestion("connected")
SUGGESTION_WITHDRAWN = _suggestion("withdrawn")
ROADMAP_DRAFTED = EventType("org.intercluster.roadmap.drafted.v1", ROADMAPS, RoadmapSnapshot)

EVENT_TYPES = (
    SUGGESTION_PROPOSED,
    SUGGESTION_CHANGED,
    SUGGESTION_ANSWERED,
    SUGGESTION_CONNECTED,
    SUGGESTION_WITHDRAWN,
    ROADMAP_DRAFTED,
)
