"""The open calls in memory, brought up to date by what has changed, as ``world.py`` does it for organisations."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.calls.comparing import Comparison
from services.matching.calls.fit import CallIndex, CallOf, Fits, Fitting, OpenCall, best_for_both
from services.matching.encoder.fusion import Fused
from services.matching.models import Call
from services.matching.parties import Pair
from services.matching.repository import calls as rows
from services.matching.search import Indexed
from shared.contracts.matching import CallFit


class CallBook:
    """All calls that are open and read. ``index`` is replaced, never changed: a round keeps the one it began with."""

    def __init__(self, stored_under: str, comparison: Comparison, at_least: float) -> None:
        self.stored_under = stored_under
        self.comparison = comparison
        self._known: dict[UUID, tuple[int, OpenCall]] = {}
        """By id: change number, and the call."""
        self._fits = Fits(at_least)
        self.at_least = at_least
        self._refreshing = asyncio.Lock()
        self.index = CallIndex((), comparison)

    async def refresh(self, session: AsyncSession, today: date) -> None:
        """Load what has changed since the last time; what is over goes. One at a time, so that none goes back."""
        async with self._refreshing:
            await self._refresh(session, today)

    async def _refresh(self, session: AsyncSession, today: date) -> None:
        changes = await rows.changes(session, today, self.stored_under)
        stale = [each for each, change in changes.items() if self._known.get(each, (None,))[0] != change]
        if not stale and changes.keys() == self._known.keys():
            return
        # One whose text was changed a moment ago has no vector yet: it is looked for again when it has.
        vectors = await rows.vectors_of(session, self.stored_under, stale)
        found = [row for row in await rows.calls(session, stale) if row.text_hash in vectors]
        loaded = {row.id: (row.change_sequence, self._open(row, vectors[row.text_hash])) for row in found}
        kept = {each: known for each, known in self._known.items() if each in changes and each not in loaded}
        self._known = kept | loaded
        self.index = CallIndex((call for _, call in self._known.values()), self.comparison)

    def _open(self, row: Call, stored: Fused) -> OpenCall:
        vector = self.comparison.of_call(stored, row.language)
        return OpenCall(row.id, row.title, row.language, row.url, tuple(row.deadlines), vector)

    def close_to(self, asked: Sequence[tuple[str, Fused]], at_least: float) -> dict[UUID, float]:
        """Return the open calls that a question is close to, with their similarities 0…1. ``asked``: the question as
        it is read, by language.
        """
        found: dict[UUID, float] = {}
        for language, fused in asked if len(self.index) else ():
            for call_id, similarity in self.index.closest(fused, language, at_least).items():
                found[call_id] = max(similarity, found.get(call_id, 0.0))
        return found

    def fitting(self, organisation_id: UUID, entries: Sequence[Indexed]) -> Fitting:
        """Return the calls that fit an organisation with these statements."""
        return self.index.fitting(entries, self.at_least)

    def keep(self, active: Collection[UUID], changed: Collection[UUID] | None) -> None:
        """Forget what fits those of the changed organisations (``None``: of all) that take part no more."""
        self._fits.keep(active, changed)

    def for_pairs(self, entries_of: Callable[[UUID], Sequence[Indexed]], today: date) -> CallOf:
        """Return what finds the call that fits a pair best, among the calls as they are now.

        ``entries_of``: the statements of one that takes part, nothing for others. For one round at a time, which may
        call it in a thread: what fits an organisation is kept from round to round.
        """
        index, fits = self.index, self._fits
        found: dict[Pair, CallFit | None] = {}

        def call_of(pair: Pair) -> CallFit | None:
            if pair not in found:
                first, second = (fits.of(side, entries_of(side), index) for side in pair)
                found[pair] = best_for_both(first, second, index, today)
            return found[pair]

        return call_of
