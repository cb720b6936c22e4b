"""The picture of the database that rounds and searches work on, brought up to date by what has changed.

It is derived from committed rows alone: each organisation's change number and how many of its statements are read tell
whether it must be loaded again. So a process that was killed loses nothing, and replicas need no event to follow.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.encoder.calibration import Calibration
from services.matching.encoder.fusion import Fused
from services.matching.encoder.spaces import ground_of
from services.matching.models import Organisation, Statement
from services.matching.parties import Party, StatementFact, by_id
from services.matching.repository import profiles
from services.matching.search import Indexed, StatementIndex
from shared.contracts.profiles import OrganisationKind, OrganisationStatus, StatementRole

Vectors = Mapping[bytes, Fused]
"""Fused vectors by text hash."""


@dataclass(frozen=True)
class Known:
    """One organisation as loaded. ``change``: its change number, its statements, how many of them are read."""

    change: tuple[int, int, int]
    status: str
    version: str
    party: Party
    entries: tuple[Indexed, ...]

    @property
    def active(self) -> bool:
        return self.status == OrganisationStatus.ACTIVE

    @property
    def complete(self) -> bool:
        """Whether all its statements are read (one that takes part in nothing needs no reading)."""
        return not self.active or self.change[1] == self.change[2]


class World:
    """Organisations by id with their statements and vectors; ``index`` and ``parties`` cover the active ones."""

    def __init__(self, model: str, calibrations: Mapping[int, Calibration]) -> None:
        self.model = model
        self.known: dict[UUID, Known] = {}
        self.parties: dict[UUID, Party] = {}
        self._calibrations = calibrations
        self._looked = -1e9
        self.index = StatementIndex((), calibrations)

    async def refresh(self, session: AsyncSession, every_seconds: float = 0.0) -> int:
        """Load what has changed since the last time; returns how many organisations that were.

        Looks at most ``every_seconds``. A round keeps the ``parties`` and ``index`` it began with: they are replaced,
        never changed, when somebody else refreshes meanwhile.
        """
        if time.monotonic() - self._looked < every_seconds:
            return 0
        self._looked = time.monotonic()
        changes = await profiles.organisation_changes(session)
        stale = [
            each for each, change in changes.items() if each not in self.known or self.known[each].change != change
        ]
        if not stale:
            return 0
        rows = await profiles.organisations(session, stale)
        statements: dict[UUID, list[Statement]] = {}
        for statement in await profiles.statements_of(session, stale):
            statements.setdefault(statement.organisation_id, []).append(statement)
        vectors = await profiles.vectors_of(session, self.model, stale)
        for row in rows:
            said = statements.get(row.id, ())
            entries = (_entry(row, each, vectors[each.text_hash]) for each in said if each.text_hash in vectors)
            version = f"{row.version_epoch}.{row.version_n}"
            self.known[row.id] = Known(changes[row.id], row.status, version, _party(row), tuple(entries))
        active = [each for each in self.known.values() if each.active]
        self.parties = by_id(each.party for each in active)
        self.index = StatementIndex((entry for each in active for entry in each.entries), self._calibrations)
        return len(rows)

    @property
    def complete(self) -> bool:
        """Whether every statement that counts is read."""
        return all(each.complete for each in self.known.values())


def _entry(row: Organisation, statement: Statement, vector: Fused) -> Indexed:
    fact = StatementFact(statement.id, row.id, StatementRole(statement.role), statement.language, statement.text)
    return Indexed(fact, row.country, ground_of(statement.language), vector)


def _party(row: Organisation) -> Party:
    return Party(
        row.id,
        OrganisationKind(row.kind) if row.kind else OrganisationKind.SME,
        row.name,
        row.country,
        tuple(row.sectors),
        tuple(row.languages),
        tuple(row.tags),
        tuple(row.clusters),
        row.undertaking_group,
    )
