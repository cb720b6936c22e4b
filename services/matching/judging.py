"""The judge of the running service: the active ranker and the network of ties, brought up to date before a round."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from prometheus_client import Gauge
from sqlalchemy.ext.asyncio import AsyncSession

from services.matching.parties import Party
from services.matching.ranking.cooperation import Actor, KnownPast
from services.matching.ranking.network import Tie, network_of
from services.matching.ranking.ranker import from_json, start_ranker
from services.matching.repository import history
from services.matching.repository.rankers import ACTIVE as ACTIVE
from services.matching.repository.rankers import REFUSED as REFUSED
from services.matching.repository.rankers import RETIRED as RETIRED
from services.matching.repository.rankers import SHADOW as SHADOW
from services.matching.scoring import Judge
from shared.clock import now

RANKER = Gauge("intercluster_matching_ranker", "1 for the ranker that judges pairs in this process", ["version"])


class Judging:
    """Keeps one judge until ranker or ties change, for a new one means that every pair is scored again."""

    def __init__(self) -> None:
        self.judge = Judge(start_ranker())
        self._ties: tuple[int, datetime | None] = (0, None)
        self._known: list[Tie] = []
        self._actors: dict[UUID, Actor] = {}
        self._version = self.judge.ranker.version

    @property
    def version(self) -> str:
        """The active ranker's version."""
        return self._version

    async def refresh(self, session: AsyncSession, parties: Mapping[UUID, Party]) -> bool:
        """Read what is active now; returns whether it is another judge than before.

        ``parties``: the organisations as they are known, for what their partners' sectors say.
        """
        row = await history.ranker_in_state(session, ACTIVE)
        version = row.version if row is not None else start_ranker().version
        RANKER.clear()
        RANKER.labels(version).set(1)
        ties = await history.newest_tie(session)
        known = self._known if ties == self._ties else await history.ties(session)
        actors = actors_of(known, parties)
        if (version, ties, actors) == (self._version, self._ties, self._actors):
            return False
        ranker = from_json(row.parameters) if row is not None else start_ranker()
        past = KnownPast(actors, [(tie.one, tie.other) for tie in known]) if actors else None
        self.judge = Judge(ranker, network_of(known), past)
        self._version, self._ties, self._known, self._actors = version, ties, known, actors
        return True


def actors_of(ties: Sequence[Tie], parties: Mapping[UUID, Party]) -> dict[UUID, Actor]:
    """Return the organisations that have ties, their NACE divisions taken for the themes they work on."""
    count = Counter(side for tie in ties for side in (tie.one, tie.other) if side in parties)
    return {
        each: Actor({code[:2]: 1.0 for code in parties[each].sectors}, parties[each].country, projects)
        for each, projects in sorted(count.items())
    }


async def install_start_ranker(session: AsyncSession) -> None:
    """Make the shipped ranker the active one, unless one that has learned from answers is."""
    ranker = start_ranker()
    active = await history.ranker_in_state(session, ACTIVE)
    if active is not None and (active.learned_until is not None or active.version == ranker.version):
        return
    if active is not None:
        await history.set_ranker_state(session, active.version, RETIRED, active.report)
    values = {"version": ranker.version, "state": ACTIVE, "parameters": ranker.to_json(), "made_at": now()}
    if not await history.add_ranker(session, {**values, "report": {}}):
        await history.set_ranker_state(session, ranker.version, ACTIVE, {})  # it was the shipped one before, too
