"""The picture of the database that rounds and searches work on, brought up to date by what has changed.

It is derived from committed rows alone: what was changed in a transaction that had not ended at the last look is looked
at again, and each organisation's change number and how many of its statements are read tell whether it must be loaded.
So a process that was killed loses nothing, and replicas need no event to follow.
"""

import asyncio
import gc
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, overload
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.encoder.calibration import Calibration
from services.matching.encoder.spaces import ground_of
from services.matching.parties import Party, StatementFact
from services.matching.repository import loading, profiles
from services.matching.repository.profiles import Change
from services.matching.search import Indexed, StatementIndex
from services.matching.store import StatementStore
from shared.contracts.profiles import OrganisationKind, OrganisationStatus, StatementRole
from shared.service import freeze_objects

MANY = 2_000
"""Changed organisations of which everything is read anew, and is worth to be left out of the garbage collection."""


@dataclass(frozen=True, slots=True)
class Known:
    """One organisation as loaded. ``change``: its change number, its statements, how many of them are read; ``facts``:
    those that can be compared, by id; ``entries``: these with their vectors, another object when they may have changed.
    """

    change: tuple[int, int, int]
    status: str
    version: str
    party: Party
    facts: Mapping[UUID, StatementFact]
    entries: Sequence[Indexed]

    @property
    def active(self) -> bool:
        return self.status == OrganisationStatus.ACTIVE

    @property
    def complete(self) -> bool:
        """Whether all its statements are read (one that takes part in nothing needs no reading)."""
        return not self.active or self.change[1] == self.change[2]


@dataclass
class Latest:
    """The index as it is now. What refers to it doesn't refer to the world, which nothing then keeps in memory: one
    that is frozen is never looked at by the garbage collection that would find the circle.
    """

    index: StatementIndex


class Said(Sequence[Indexed]):
    """An organisation's statements with their vectors, looked up in the index when they are asked for: not copied."""

    __slots__ = ("_facts", "_latest")

    def __init__(self, facts: Mapping[UUID, StatementFact], latest: Latest) -> None:
        self._facts, self._latest = facts, latest

    def _entries(self) -> list[Indexed]:
        index = self._latest.index
        return [index.entry(each) for each in self._facts if index.has(each)]

    @overload
    def __getitem__(self, place: int) -> Indexed: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Indexed]: ...

    def __getitem__(self, place: int | slice) -> Indexed | Sequence[Indexed]:
        return self._entries()[place]

    def __len__(self) -> int:
        return len(self._entries())

    def __iter__(self) -> Iterator[Indexed]:
        return iter(self._entries())


class World:
    """Organisations by id with their statements and vectors; ``index`` and ``parties`` cover the active ones."""

    def __init__(self, model: str, calibrations: Mapping[int, Calibration]) -> None:
        self.model = model
        self._calibrations = calibrations
        self._looked = -1e9
        self._looking = asyncio.Lock()
        self._begin()

    def _begin(self) -> None:
        self.known: dict[UUID, Known] = {}
        self.parties: dict[UUID, Party] = {}
        self.erased: set[UUID] = set()
        self._incomplete: set[UUID] = set()
        self._horizon: int | None = None
        """All transactions before this one had ended when the database was looked at."""
        self._store = StatementStore(self._calibrations)
        self._latest = Latest(self._store.snapshot())

    @property
    def index(self) -> StatementIndex:
        """The statements that can be compared, with their vectors."""
        return self._latest.index

    async def refresh(self, session: AsyncSession, every_seconds: float = 0.0) -> int:
        """Load what has changed since the last time; returns how many organisations that were.

        Where they stand is read before what they say: what changes in between is loaded again at the next look.

        Looks at most ``every_seconds``. A round keeps the ``parties`` and ``index`` it began with: they are replaced,
        never changed, when somebody else refreshes meanwhile.
        """
        async with self._looking:
            if time.monotonic() - self._looked < every_seconds:
                return 0
            self._looked = time.monotonic()
            horizon = await profiles.oldest_open(session)
            first = self._horizon is None
            changes = await (
                profiles.all_changes(session) if first else profiles.changes_since(session, self._horizon or 0)
            )
            stale = {each: change for each, change in changes.items() if self._is_stale(each, change)}
            if stale:
                many = len(stale) > MANY
                try:
                    with without_collections() if many else nullcontext():
                        await self._load(session, stale)
                    if many:
                        freeze_objects()
                except BaseException:
                    self._begin()  # half loaded it would be wrong for good
                    raise
            self._horizon = horizon
            return len(stale)

    @property
    def complete(self) -> bool:
        """Whether every statement that counts is read."""
        return not self._incomplete

    def _is_stale(self, organisation_id: UUID, change: Change) -> bool:
        known = self.known.get(organisation_id)
        return known is None or known.change != (change.number, change.statements, change.read)

    async def _load(self, session: AsyncSession, stale: Mapping[UUID, Change]) -> None:
        wanted: Collection[UUID] | None = loading.ALL if len(stale) > MANY else stale.keys()
        facts: dict[UUID, list[tuple[StatementFact, bytes]]] = {}
        for row in await loading.statements(session, wanted):
            if row.organisation_id in stale:
                fact = StatementFact(row.id, row.organisation_id, StatementRole(row.role), row.language, row.text)
                facts.setdefault(row.organisation_id, []).append((fact, row.text_hash))
        rows = [row for row in await loading.organisations(session, wanted) if row.id in stale]
        countries = {row.id: row.country for row in rows}
        placed = await self._place(session, self._to_place(facts, countries), wanted is loading.ALL, countries)
        parties = self.parties.copy()
        for row in rows:
            self._know(row, stale[row.id], [fact for fact, _ in facts.get(row.id, ())], placed, parties)
        self.parties = parties
        self._latest.index = self._store.snapshot()

    def _to_place(
        self, facts: Mapping[UUID, Iterable[tuple[StatementFact, bytes]]], countries: Mapping[UUID, str]
    ) -> dict[bytes, list[StatementFact]]:
        """Return the statements whose place in the index is not theirs yet, by text hash."""
        missing: dict[bytes, list[StatementFact]] = {}
        for organisation_id, said in facts.items():
            known = self.known.get(organisation_id)
            moved = known is not None and known.party.country != countries[organisation_id]
            for fact, text_hash in said:
                if known is None or moved or known.facts.get(fact.id) != fact:
                    missing.setdefault(text_hash, []).append(fact)
        return missing

    async def _place(
        self,
        session: AsyncSession,
        missing: Mapping[bytes, list[StatementFact]],
        everything: bool,
        countries: Mapping[UUID, str],
    ) -> set[UUID]:
        """Put statements with their vectors into the store; returns the ids of those that have one."""
        placed = set()
        if missing:
            wanted = loading.ALL if everything else missing.keys()
            async with aclosing(loading.vectors(session, self.model, wanted)) as vectors:
                async for some in vectors:
                    entries = [
                        Indexed(fact, countries[fact.organisation_id], _ground(fact.language), vector)
                        for text_hash, vector in some
                        for fact in missing.get(text_hash, ())
                    ]
                    self._store.put(entries)
                    placed |= {each.statement.id for each in entries}
        return placed

    def _know(
        self, row: Any, change: Change, said: list[StatementFact], placed: set[UUID], parties: dict[UUID, Party]
    ) -> None:
        """Take over one organisation: what it no longer says leaves the store."""
        before = self.known.get(row.id)
        old: Mapping[UUID, StatementFact] = before.facts if before else {}
        facts = {each.id: each for each in said if each.id in placed or old.get(each.id) == each}
        self._store.drop(each for each in old if each not in facts and each not in placed)  # another may say it now
        party = _party(row)
        stands = (change.number, change.statements, change.read)
        said_now = Said(facts, self._latest)
        known = Known(stands, row.status, f"{row.version_epoch}.{row.version_n}", party, facts, said_now)
        self.known[row.id] = known
        if known.active:
            parties[row.id] = party
        else:
            parties.pop(row.id, None)
        (self._incomplete.discard if known.complete else self._incomplete.add)(row.id)
        (self.erased.add if known.status == profiles.ERASED else self.erased.discard)(row.id)


@contextmanager
def without_collections() -> Iterator[None]:
    """Let no garbage collection look again and again at the millions of objects that are being made."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@cache
def _ground(language: str) -> int:
    return ground_of(language)


def _party(row: Any) -> Party:
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
        row.region,
    )
