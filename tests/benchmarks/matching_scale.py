"""Matching at scale: a round after one change, restart, bulk, and searches beside what others can do here."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import numpy as np

from deploy.local.environment import MODELS
from deploy.local.postgres import Postgres
from services.matching.encoder.encoder import Chosen, load_encoder
from services.matching.encoder.errors import ModelUnavailableError
from services.matching.encoder.spaces import ReadText, ground_of
from services.matching.repository import searching
from services.matching.repository.searching import Filter
from services.matching.search import Query, StatementIndex
from tests.benchmarks.bulk import lines, texts_of
from tests.benchmarks.figures import Figure, at_least, at_most
from tests.benchmarks.sites import MODEL, Site, holds, open_site, put_first_round_in

SIZES = (1_000, 10_000, 100_000)
CHANGES = 7
BULK = 10_000
QUERIES = 40
RESULTS = 10
ENCODED = 500
"""Texts encoded to know how long the encoder takes for one: all of them would take minutes."""

Progress = Callable[[str], None]


async def measure(folder: Path, organisations: int, progress: Progress) -> list[Figure]:
    """Measure on databases of up to so many organisations."""
    postgres = Postgres(folder, durable=False)
    postgres.start()
    figures: list[Figure] = []
    try:
        rounds: list[tuple[int, float, float]] = []
        for size in [*(each for each in SIZES if each < organisations), organisations]:
            site = await open_site(postgres, size, progress)
            try:
                figures += await _of_size(site, size, rounds, progress, size == organisations)
                if size == min(BULK, organisations):
                    figures += _bulk(site, progress)
            finally:
                await site.database.close()
            del site
        figures += _growth(rounds)
    finally:
        postgres.stop()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return [*figures, Figure("peak memory of these benchmarks", peak, "MB", note="with faiss's copy, if it is there")]


async def _of_size(
    site: Site, size: int, rounds: list[tuple[int, float, float]], progress: Progress, largest: bool
) -> list[Figure]:
    figures = [_restart(site, size, progress)] if largest else []
    await site.refresh()
    if largest:
        figures += await _searches(site, size, progress)
    progress(f"{size}: what an earlier round has left is put in")
    put_first_round_in(site)
    assert holds(site), "the lists put in are not those that comparing everything gives"
    planning = [site.plan()[0]] if size <= BULK else []
    taken = []
    for number in range(CHANGES):
        progress(f"{size}: a changed organisation, {number + 1} of {CHANGES}")
        await site.change(number * 11 + 5)
        taken.append((await site.refresh(), site.consider()))
        planning += [site.plan()[0]] if size <= BULK else []
    if not planning:
        progress(f"{size}: all is allocated, once anew and once after a change")
        planning = [site.plan()[0], site.plan()[0]]
    best = median(sum(each) for each in taken[1:])
    limit = read_once(site.world.index)
    rounds.append((size, best, limit))
    parts = " + ".join(f"{1000 * median(each):.1f}" for each in zip(*taken[1:], strict=True))
    return [
        *figures,
        Figure(f"change → candidates at {size:,}", 1000 * best, "ms", note=f"look + compare and score: {parts} ms"),
        Figure(f"reading the matrix once at {size:,}", 1000 * limit, "ms", note="memory bandwidth, one core"),
        Figure(
            f"… allocation at {size:,}", 1000 * median(planning[1:]), "ms",
            note=f"of all {len(site.candidates.scored):,} candidates anew, in Python",
        ),
    ]  # fmt: skip


def read_once(index: StatementIndex) -> float:
    """Return the seconds that reading all vectors takes."""

    def read() -> None:
        for segment in index.segments:
            segment.matrix.view(np.int32).max()

    return min(_seconds(read) for _ in range(5))


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _growth(rounds: list[tuple[int, float, float]]) -> list[Figure]:
    (first, small, low), (last, large, high) = rounds[0], rounds[-1]
    if first == last:
        return [at_most("change → candidates beside reading the matrix once", large / high, "×", 3)]
    growth = (large - small) / (high - low)
    note = f"from {first:,} to {last:,}: {1000 * (large - small):.0f} ms beside {1000 * (high - low):.0f} ms"
    return [at_most("growth beside the memory-bandwidth limit", growth, "×", 3, note)]


def _restart(site: Site, size: int, progress: Progress) -> Figure:
    """A new process until it answers a search; the models are loaded meanwhile by another thread, and not here."""
    progress(f"{size}: a process starts and loads everything")
    environment = {**os.environ, "INTERCLUSTER_MATCHING_DATABASE_URL": site.url}
    command = [sys.executable, "-m", "tests.benchmarks.restarting", MODEL]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    taken = time.perf_counter() - started
    told = json.loads(done.stdout.splitlines()[-1])
    parts = f"loading {told['loading']:.1f} s, {told['cpu']:.1f} s of CPU, peak {told['peak_mb']:,.0f} MB"
    note = f"{told['statements']:,} statements; {parts}"
    return at_most(f"restart → ready with {size:,}", taken, "s", 10, note)


def _bulk(site: Site, progress: Progress) -> list[Figure]:
    """Everything compared, scored and allocated anew, beside encoding as many texts."""
    progress(f"{len(site.world.parties)}: everything is compared, scored and allocated anew")
    site.considering._begin()
    site.standing = []
    compared = site.consider()
    allocated, _ = site.plan()
    note = f"comparing and scoring {compared:.1f} s, allocating {allocated:.1f} s"
    figures = [Figure("bulk matching alone", compared + allocated, "s", note=note)]
    try:
        progress(f"{ENCODED} real texts are encoded")
        encoder = load_encoder(Chosen(MODELS), threads=os.cpu_count())
    except ModelUnavailableError as error:
        progress(f"bulk is not compared with encoding: {error}")
        return figures
    texts = texts_of(lines())[:ENCODED]
    encoder.encode([ReadText("en", "warm up")])
    each = _seconds(lambda: encoder.encode(texts)) / len(texts)
    encoding = each * len(site.world.index)
    scaled = f"{len(site.world.index):,} texts, scaled from {len(texts)} real ones"
    return [
        *figures,
        Figure("encoding alone", encoding, "s", note=scaled),
        at_most("bulk beside encoding alone", (encoding + compared + allocated) / encoding, "×", 1.25),
    ]


async def _searches(site: Site, size: int, progress: Progress) -> list[Figure]:
    """One search after the other, each in an exact way: recall is 1 everywhere."""
    index = site.world.index
    queries = [Query(site.made.query(number, "en"), ground_of("en")) for number in range(QUERIES)]
    figures = []
    faiss = _faiss(index, progress)
    for share, country in (("1 %", "MT"), ("10 %", "DE"), ("no", None)):
        progress(f"{size}: searches under a filter of {share}")
        ours = await _rate(queries, lambda query, country=country: _done(index.search(query, RESULTS, None, country)))
        figures.append(Figure(f"searches, {share} filter", ours, "queries/s"))
        if country is not None:
            async with site.database.session() as session:

                async def compare(query: Query, country: str = country) -> object:
                    wanted = Filter(MODEL, country=country)
                    return await searching.closest_exactly(session, wanted, query.vector, RESULTS)

                theirs = await _rate(queries[: QUERIES // 4], compare)
            beside = f"pgvector, exact behind the filter: {theirs:,.1f} queries/s"
            figures.append(at_least(f"… beside pgvector, {share} filter", ours / theirs, "×", 1, beside))
        if faiss is not None:
            rate = await _rate(queries, lambda query, country=country: _done(faiss(query, country)))
            beside = f"faiss IndexFlatIP: {rate:,.1f} queries/s"
            figures.append(
                at_least(f"… beside faiss-flat, {share} filter", ours / rate, "×", 1, beside)
                if country is not None
                else Figure("… beside faiss-flat, no filter", ours / rate, "×", note=beside)
            )
    return figures


async def _done(result: object) -> object:
    return result


async def _rate(queries: list[Query], search: Callable[[Query], Awaitable[object]]) -> float:
    await search(queries[0])
    taken = []
    for query in queries:
        started = time.perf_counter()
        await search(query)
        taken.append(time.perf_counter() - started)
    return 1 / median(taken)


def _faiss(index: StatementIndex, progress: Progress) -> Callable[[Query, str | None], object] | None:
    """Return a search in faiss's exact index over the same vectors, with its quickest selector; made beforehand."""
    try:
        import faiss
    except ImportError:
        progress("faiss is not compared with: python -m pip install faiss-cpu (only the benchmark wants it)")
        return None
    rows = index.live
    flat = faiss.IndexFlatIP(index.segments[0].matrix.shape[1])
    for start in range(0, len(rows), 8192):
        flat.add(index.vectors(rows[start : start + 8192]))
    selectors: dict[str, object] = {}
    for country in ("MT", "DE"):
        number = index.country(country)
        chosen = np.flatnonzero(index.columns.country[rows] == number)
        bits = np.zeros((len(rows) + 7) // 8 * 8, np.uint8)
        bits[chosen] = 1
        selectors[country] = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(np.packbits(bits, bitorder="little")))

    def search(query: Query, country: str | None) -> object:
        vector = query.vector.astype(np.float32)[None]
        return flat.search(vector, RESULTS, params=selectors[country]) if country else flat.search(vector, RESULTS)

    return search


def main(folder: Path, organisations: int, progress: Progress) -> list[Figure]:
    """Measure in this process."""
    return asyncio.run(measure(folder, organisations, progress))
