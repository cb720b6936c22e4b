"""The stored suggestions that a round must respect, kept in memory between rounds and brought up to date by version."""

from collections import defaultdict
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.models import Suggestion
from services.matching.parties import Pair
from services.matching.planning import Standing
from services.matching.repository import profiles
from services.matching.repository import suggestions as rows
from shared.contracts.matching import CallFit, SuggestionState


@dataclass(frozen=True)
class Kept:
    """One suggestion as a round has read it; ``version``: its epoch and number."""

    id: UUID
    version: tuple[int, int]
    standing: Standing


class Book:
    """All suggestions that are not withdrawn. A process that was killed reads them all again."""

    def __init__(self) -> None:
        self._kept: dict[UUID, Kept] = {}
        self._of: defaultdict[UUID, set[Pair]] = defaultdict(set)
        self._horizon: int | None = None
        """All transactions before this one had ended when the database was looked at."""
        self.standing: dict[Pair, Standing] = {}
        self._changed: set[Pair] = set()
        self.unsettled: list[tuple[UUID, int]] = []
        """Suggestions with an answer that no round has seen yet: id and version number."""

    def of(self, organisation_id: UUID) -> AbstractSet[Pair]:
        """Return the pairs that an organisation stands in."""
        return self._of.get(organisation_id, frozenset())

    def take_changes(self) -> set[Pair]:
        """Return the pairs of which what stands may have changed since the last time they were taken."""
        taken, self._changed = self._changed, set()
        return taken

    async def refresh(self, session: AsyncSession) -> None:
        """Read what has changed since the last time. Every change of a suggestion gives it a new version.

        What is unsettled is read first: an answer that commits in between is in the book, but not taken for seen.
        """
        horizon = await profiles.oldest_open(session)
        self.unsettled = await rows.unsettled(session)
        for row in await rows.changed_since(session, self._horizon):
            known = self._kept.get(row.id)
            if known is not None and known.version == _version(row):
                continue
            self._changed.add((row.first_id, row.second_id))
            if row.state == SuggestionState.WITHDRAWN:
                self._drop(row.id)
            else:
                self._keep(_kept(row))
        self._horizon = horizon

    def _keep(self, kept: Kept) -> None:
        pair = kept.standing.pair
        self._kept[kept.id], self.standing[pair] = kept, kept.standing
        for side in pair:
            self._of[side].add(pair)

    def _drop(self, suggestion_id: UUID) -> None:
        kept = self._kept.pop(suggestion_id, None)
        if kept is not None:
            del self.standing[kept.standing.pair]
            for side in kept.standing.pair:
                self._of[side].discard(kept.standing.pair)


def _kept(row: Suggestion) -> Kept:
    met = tuple((UUID(each["need_statement_id"]), UUID(each["offer_statement_id"])) for each in row.evidence)
    answered = row.first_answer is not None or row.second_answer is not None
    pair = (row.first_id, row.second_id)
    call = CallFit.model_validate(row.call) if row.call else None
    standing = Standing(pair, SuggestionState(row.state), answered, row.score, met, row.reason, call)
    return Kept(row.id, _version(row), standing)


def _version(row: Suggestion) -> tuple[int, int]:
    return row.version_epoch, row.version_n
