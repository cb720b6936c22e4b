"""How evenly the seed's organisations are shown, by score alone and by the product's lists, and how fast it is done."""

import json
import time
from collections.abc import Callable, Iterable
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import numpy as np

from deploy.local.environment import MODELS
from services.matching.allocation import allocate
from services.matching.considering import Considering
from services.matching.encoder.encoder import Chosen, Encoder, load_encoder
from services.matching.encoder.spaces import ground_of, read_text
from services.matching.exploration import Choice, Exploring, Lottery, choose
from services.matching.exposure import Spread, spread
from services.matching.live_allocation import key_of
from services.matching.live_lottery import LiveLottery
from services.matching.market import market_of
from services.matching.parties import Party, StatementFact
from services.matching.ranking.ranker import start_ranker
from services.matching.scoring import Judge, Scored
from services.matching.search import Indexed
from services.matching.settings import Settings
from services.matching.store import index_of
from shared.contracts.profiles import OrganisationKind, StatementRole
from tests.benchmarks.bulk import lines
from tests.benchmarks.figures import Figure, at_most

EXPLORED = 0.05
WEEKS = 52
MANY, CANDIDATES = 100_000, 2_000_000
BATCH = 128
CHANGED = 80
"""Candidates of one organisation: the closest 40 in both directions."""

Record = dict[str, Any]


def measure(progress: Callable[[str], None]) -> list[Figure]:
    """Match the seed without a stack; then allocate among many made-up candidates."""
    settings, records = Settings(), [json.loads(line) for line in lines()]
    progress(f"exposure: {len(records)} organisations are read and matched")
    scored = candidates(records, load_encoder(Chosen(MODELS), settings.encoder_threads), settings)
    longest = settings.suggestions_per_organisation
    greedy = [each.pair for each in allocate(scored, longest)]
    weeks = [choose(scored, longest, exploring=Exploring(EXPLORED, "bench", str(week))) for week in range(WEEKS)]
    figures = _spread_figures(spread(market_of(scored), greedy, longest), len(scored))
    figures += _exploration_figures(scored, greedy, weeks, longest)
    progress(f"exposure: {CANDIDATES} candidates are allocated")
    return [*figures, *_many(longest)]


def candidates(records: Iterable[Record], encoder: Encoder, settings: Settings) -> list[Scored]:
    """Return all pairs that the product would consider for these records."""
    parties = {party.id: party for party in map(_party, records)}
    said = [
        (identifier(record["supplied_id"]), record["country"], role, number, each)
        for record in records
        for role, key in ((StatementRole.OFFER, "offers"), (StatementRole.NEED, "needs"))
        for number, each in enumerate(record[key])
    ]
    reads = [read_text(each["text"], each["language"]) for *_, each in said]
    vectors = [
        vector for start in range(0, len(reads), BATCH) for vector in encoder.encode(reads[start : start + BATCH])
    ]
    entries = [
        Indexed(
            StatementFact(identifier(f"{owner} {role} {number}"), owner, role, read.language, each["text"]),
            country,
            ground_of(read.language),
            vector,
        )
        for (owner, country, role, number, each), read, vector in zip(said, reads, vectors, strict=True)
        if read.text
    ]
    index = index_of(entries, encoder.fusion.calibrations)
    considering = Considering(settings.least_similarity, settings.least_score)
    found = considering.candidates(index, parties, Judge(start_ranker()))
    return found.singles


def identifier(name: str) -> UUID:
    """Return a fixed id for a name."""
    return uuid5(NAMESPACE_URL, name)


def _party(record: Record) -> Party:
    return Party(
        identifier(record["supplied_id"]),
        OrganisationKind(record["kind"]),
        record["name"],
        record["country"],
        sectors=tuple(record["sectors"]),
        languages=tuple(record["languages"]),
        tags=tuple(record["tags"]),
        clusters=tuple(map(identifier, record["member_of"])),
        undertaking_group=record["undertaking_group"],
    )


def _spread_figures(found: Spread, pairs: int) -> list[Figure]:
    before, after = found.by_score, found.shown
    note = f"{found.organisations} organisations with a candidate, {pairs} candidates"
    return [
        Figure(
            "exposure by score alone, Gini", before.gini, "", note=f"{note}; the most famous in {before.most} lists"
        ),
        at_most("exposure as allocated, Gini", after.gini, "", before.gini, f"nobody in more than {after.most} lists"),
        Figure("shown to nobody, by score alone", before.unseen, "organisations"),
        at_most("shown to nobody, as allocated", after.unseen, "organisations", before.unseen),
        Figure("mean score of a place, by score alone", before.mean_score, "", note=f"{before.places} places"),
        Figure("mean score of a place, as allocated", after.mean_score, "", note=f"{after.places} places"),
        Figure("cost of the spread in score", found.cost, ""),
    ]


def _exploration_figures(
    scored: list[Scored], greedy: list[Any], weeks: list[list[Choice]], longest: int
) -> list[Figure]:
    explored = [[each for each in week if each.explored] for week in weeks]
    pairs = sum(map(len, weeks))
    share = sum(map(len, explored)) / pairs
    seen = [spread(market_of(scored), [each.scored.pair for each in week], longest) for week in weeks]
    plain = spread(market_of(scored), greedy, longest).shown
    served = np.mean([each.shown.unseen for each in seen])
    different = {each.scored.pair for week in explored for each in week}
    return [
        at_most("explored share of the lists", 100 * share, "%", 100 * EXPLORED, f"mean of {WEEKS} weeks"),
        Figure("pairs tried by exploration in a year", len(different), "pairs"),
        Figure("Gini with exploration", float(np.mean([each.shown.gini for each in seen])), ""),
        at_most("shown to nobody, with exploration", float(served), "organisations", plain.unseen),
        Figure(
            "cost of exploration in score", plain.mean_score - np.mean([each.shown.mean_score for each in seen]), ""
        ),
        Figure("cost of exploration in places", 100 * (1 - pairs / WEEKS / len(greedy)), "%"),
    ]


def _many(longest: int) -> list[Figure]:
    """Time the allocation of many candidates, of which a few organisations have most."""
    chance = np.random.default_rng(1)
    ids = [identifier(str(number)) for number in range(MANY)]
    famous = np.minimum((chance.pareto(1.2, CANDIDATES) * MANY / 50).astype(np.int64), MANY - 1)
    other = chance.integers(0, MANY, CANDIDATES)
    keys = np.unique(np.minimum(famous, other) * MANY + np.maximum(famous, other))
    keys = keys[keys // MANY != keys % MANY]
    scores = np.round(chance.uniform(0.6, 1, len(keys)), 4).tolist()
    sides = ((ids[key // MANY], ids[key % MANY]) for key in chance.permutation(keys).tolist())
    scored = [Scored((min(pair), max(pair)), score, ()) for pair, score in zip(sides, scores, strict=True)]
    alone = _seconds(lambda: sorted(scored, key=lambda each: -each.score))
    allocated = _seconds(lambda: allocate(scored, longest))
    exploring = Exploring(EXPLORED, "bench", "1")
    explored = _seconds(lambda: choose(scored, longest, exploring=exploring))
    market = market_of(scored)
    rows = [key_of(each) for each in market.pairs(np.arange(len(market)))]
    live = LiveLottery(Lottery(market, longest, EXPLORED), rows, {}, longest, exploring)
    changed = scored[:: len(scored) // CHANGED]
    better = [Scored(each.pair, round(each.score / 2 + 0.5, 4), ()) for each in changed]
    again = _seconds(lambda: live.change(list(map(key_of, changed)), list(map(key_of, better)), {}))
    beside = f"sorting the same list by score alone: {alone:.2f} s"
    return [
        Figure("allocation at 100,000 organisations", allocated, "s", note=f"{len(scored)} candidates; {beside}"),
        Figure("the same with exploration", explored, "s"),
        Figure("the same after a change", again, "s", note=f"{len(changed)} candidates changed, the others were kept"),
    ]


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
