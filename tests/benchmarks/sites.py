"""Databases of synthetic organisations for the figures of matching at scale, and what a site's owner would change."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import sqlalchemy as sa

from deploy.local.postgres import Postgres
from services.matching.closest import Directed
from services.matching.considering import Candidates, Considering
from services.matching.exploration import Exploring
from services.matching.live_plan import LivePlan, Situation
from services.matching.meetings import Meetings
from services.matching.parties import Pair
from services.matching.planning import Limits, Plan, Standing, plan_round
from services.matching.ranking.ranker import start_ranker
from services.matching.rows import Rows
from services.matching.scoring import Judge
from services.matching.search import StatementIndex
from services.matching.settings import Settings
from services.matching.world import World, without_collections
from shared.contracts.matching import CallFit, SuggestionState
from shared.database import Database
from shared.migrations import upgrade
from tests.benchmarks.synthetic import Synthetic, fill

MODEL = "synthetic"
LIMITS = Limits(5, 0.72, 0.05, Exploring(0.05, "bench", "2026-W48"))

SAY_OTHERWISE = (
    "UPDATE statement SET text = text || '.', text_hash = decode(md5(int4send(2 * CAST(:other AS int) + side)), 'hex')"
    " FROM generate_series(0, 1) AS side WHERE id ="
    " ('00000000-0000-7000-8111-' || lpad(to_hex(2 * CAST(:mine AS int) + side), 12, '0'))::uuid"
)
CHANGED = (
    "UPDATE organisation SET change_sequence = nextval('change_sequence')"
    " WHERE id = ('00000000-0000-7000-8000-' || lpad(to_hex(CAST(:mine AS int)), 12, '0'))::uuid"
)


@dataclass
class Site:
    """A database, the picture of it in memory, and what rounds keep."""

    url: str
    made: Synthetic
    database: Database
    world: World
    considering: Considering
    judge: Judge
    candidates: Candidates
    planning: LivePlan = field(default_factory=LivePlan)
    standing: dict[Pair, Standing] = field(default_factory=dict)
    of: defaultdict[UUID, set[Pair]] = field(default_factory=lambda: defaultdict(set))
    changed: set[Pair] = field(default_factory=set)

    async def refresh(self) -> float:
        """Have memory follow the database; returns seconds."""
        started = time.perf_counter()
        async with self.database.session() as session:
            await self.world.refresh(session)
        return time.perf_counter() - started

    @without_collections()
    def consider(self) -> float:
        """Work out the candidates; returns seconds."""
        started = time.perf_counter()
        self.candidates = self.considering.candidates(self.world.index, self.world.parties, self.judge)
        return time.perf_counter() - started

    @without_collections()
    def plan(self) -> tuple[float, Plan]:
        """Allocate and compare with what stands, which is then what is planned; returns seconds."""
        started = time.perf_counter()
        active, changed, self.changed = self.world.parties.keys(), self.changed, set()
        now = Situation(self.candidates, self.standing, changed, self._pairs_of, active, LIMITS, _no_call)
        plan = self.planning.plan(now, True)
        taken = time.perf_counter() - started
        self._write(plan)
        return taken, plan

    def plans_of_everything_agree(self) -> bool:
        """Whether planning everything anew would change nothing of what stands."""
        found, active = self.candidates, self.world.parties.keys()
        anew = plan_round(found.singles, found.reasons, list(self.standing.values()), active, LIMITS, True)
        return not (anew.propose or anew.change or anew.withdraw)

    def forget_what_stands(self) -> None:
        """Have the next plan be a first one."""
        self.planning = LivePlan()
        self.standing.clear()
        self.of.clear()
        self.changed.clear()

    def _write(self, plan: Plan) -> None:
        for pair in plan.withdraw:
            del self.standing[pair]
            for side in pair:
                self.of[side].discard(pair)
        for each in (*plan.propose, *plan.change):
            met = tuple((one.need_id, one.offer_id) for one in each.meetings)
            reason = self.candidates.reasons[each.pair]
            self.standing[each.pair] = Standing(each.pair, SuggestionState.PROPOSED, False, each.score, met, reason)
            for side in each.pair:
                self.of[side].add(each.pair)
        self.changed.update(plan.withdraw, (each.pair for each in (*plan.propose, *plan.change)))

    def _pairs_of(self, organisation_id: UUID) -> set[Pair]:
        return self.of[organisation_id]

    async def change(self, number: int) -> None:
        """Let an organisation need and offer what some other organisation does."""
        other = (number * 7919 + 13) % self.made.organisations
        async with self.database.transaction() as session:
            await session.execute(sa.text(SAY_OTHERWISE), {"mine": number, "other": other})
            await session.execute(sa.text(CHANGED), {"mine": number})


def _no_call(pair: Pair) -> CallFit | None:
    """Return that no call fits: the site has none."""
    return None


async def open_site(postgres: Postgres, organisations: int, progress: Callable[[str], None]) -> Site:
    """Make and fill a database; nothing is loaded yet."""
    progress(f"{organisations} synthetic organisations with two statements each are written")
    url = postgres.create_database(f"matching_{organisations}", "matching")
    await asyncio.to_thread(upgrade, "matching", url)
    database = Database(Settings(database_url=url))  # type: ignore[arg-type]
    made = Synthetic(organisations)
    await fill(database, made, MODEL)
    world = World(MODEL, made.fusion.calibrations)
    settings = Settings()
    considering = Considering(settings.least_similarity, settings.least_score)
    return Site(url, made, database, world, considering, Judge(start_ranker()), Candidates({}, {}, {}))


def put_first_round_in(site: Site) -> None:
    """Give the site's lists of the closest what comparing everything would give: only statements of one cluster are
    close (for most: random ones reach the least similarity once in a hundred million). Only those are compared.
    """
    site.considering._store = site.world.index.organisations
    meetings = site.considering._meetings
    close = meetings._close

    def of_clusters(index: StatementIndex, again: Rows) -> Directed:
        numbers = np.array([index.fact(row).id.int & 0xFFFF_FFFF_FFFF for row in again.tolist()])
        order = np.lexsort((numbers, site.made.cluster(numbers)))
        starts = np.flatnonzero(np.diff(site.made.cluster(numbers)[order], prepend=-1))
        groups = np.split(again[order], starts[1:])
        pairs = [np.stack(np.meshgrid(each, each), axis=-1).reshape(-1, 2) for each in groups]
        every = np.concatenate(pairs)
        is_need, country = index.is_need(every.ravel()).reshape(-1, 2), index.columns.country[every]
        every = every[(is_need[:, 0] & ~is_need[:, 1]) & (country[:, 0] != country[:, 1])]
        exact = index.exact(every)
        reached = exact >= Settings().least_similarity
        one = Directed(every[reached, 0], every[reached, 1], exact[reached].astype(np.float32))
        return one.and_also(one.turned())

    meetings._close = of_clusters  # type: ignore[method-assign]
    try:
        site.consider()
    finally:
        meetings._close = close  # type: ignore[method-assign]


def holds(site: Site, sample: int = 20) -> bool:
    """Whether some of the lists that were put in are those that comparing everything gives."""
    index, kept = site.world.index, site.considering._meetings
    rows = index.live[:: max(1, len(index.live) // sample)]
    alone = Meetings(Settings().least_similarity)
    alone._lists.grow(len(index.columns.serial))
    found = alone._close(index, rows)
    said = kept._lists.entries(rows)
    whole = {(owner, other) for owner, other in zip(said.owner.tolist(), said.other.tolist(), strict=True)}
    return {(owner, other) for owner, other in zip(found.owner.tolist(), found.other.tolist(), strict=True)} == whole
