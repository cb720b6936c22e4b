"""The stored suggestions that a round must respect, kept in memory between rounds and brought up to date by version."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.models import Suggestion
from services.matching.planning import Standing
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
        self.unsettled: list[tuple[UUID, int]] = []
        """Suggestions with an answer that no round has seen yet: id and version number."""

    @property
    def standing(self) -> list[Standing]:
        return [each.standing for each in self._kept.values()]

    async def refresh(self, session: AsyncSession) -> None:
        """Read what has changed since the last time. Every change of a suggestion gives it a new version."""
        found = await rows.versions(session)
        same = {
            each.id: known
            for each in found
            if (known := self._kept.get(each.id)) is not None and known.version == each.version
        }
        changed = await rows.those_that_stand(session, [each.id for each in found if each.id not in same])
        self._kept = same | {row.id: _kept(row) for row in changed}
        self.unsettled = [(each.id, each.version[1]) for each in found if not each.settled]


def _kept(row: Suggestion) -> Kept:
    met = tuple((UUID(each["need_statement_id"]), UUID(each["offer_statement_id"])) for each in row.evidence)
    answered = row.first_answer is not None or row.second_answer is not None
    pair = (row.first_id, row.second_id)
    call = CallFit.model_validate(row.call) if row.call else None
    standing = Standing(pair, SuggestionState(row.state), answered, row.score, met, row.reason, call)
    return Kept(row.id, _version(row), standing)


def _version(row: Suggestion) -> tuple[int, int]:
    return row.version_epoch, row.version_n
