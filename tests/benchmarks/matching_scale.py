"""Matching at scale: a round after one change, restart, bulk, and searches."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from deploy.local.environment import MODELS
from deploy.local.postgres import Postgres
from services.matching.encoder.encoder import Chosen, load_encoder
from services.matching.encoder.errors import ModelUnavailableError
from services.matching.encoder.spaces import ReadText
from services.matching.search import StatementIndex
from shared.service import freeze_objects
from tests.benchmarks.bulk import lines, texts_of
from tests.benchmarks.figures import Figure, at_most
from tests.benchmarks.searches import searches
from tests.benchmarks.sites import MODEL, Site, holds, open_site, put_first_round_in

SIZES = (1_000, 10_000, 100_000)
CHANGES = 7
BULK = 10_000
ENCODED = 500
"""Texts encoded to know how long the encoder takes for one: all of them would take minutes."""

Progress = Callable[[str], None]


async def measure(folder: Path, organisations: int, progress: Progress) -> list[Figure]:
    """Measure on databases of up to so many organisations."""
    postgres = Postgres(folder, durable=False)
    postgres.start()
    figures: list[Figure] = []
    try:
        rounds: list[tuple[int, float, float, float]] = []
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
    return [
        *figures,
        Figure("peak memory of these benchmarks", peak, "MB", note="with faiss's two copies, if it is there"),
    ]


async def _of_size(
    site: Site, size: int, rounds: list[tuple[int, float, float, float]], progress: Progress, largest: bool
) -> list[Figure]:
    figures = [_restart(site, size, progress)] if largest else []
    await site.refresh()
    if largest:
        figures += await searches(site, size, progress)
    progress(f"{size}: what an earlier round has left is put in")
    put_first_round_in(site)
    assert holds(site), "the lists put in are not those that comparing everything gives"
    progress(f"{size}: all is allocated anew")
    anew = site.plan()[0]
    freeze_objects()  # as a round does after it has allocated everything
    taken, busy = [], []
    for number in range(CHANGES):
        progress(f"{size}: a changed organisation, {number + 1} of {CHANGES}")
        await site.change(number * 11 + 5)
        before = time.process_time()
        taken.append((await site.refresh(), site.consider(), site.plan()[0]))
        busy.append(time.process_time() - before)
    assert site.plans_of_everything_agree(), "what was planned step by step is not what all at once would give"
    best = median(sum(each) for each in taken[1:])
    limit = read_once(site.world.index)
    rounds.append((size, best, limit, median(busy[1:])))
    parts = " + ".join(f"{1000 * median(each):.1f}" for each in zip(*taken[1:], strict=True))
    alone = f"{1000 * median(busy[1:]):.1f} ms of CPU in this process"
    note = f"look + compare and score + allocate, explore and plan: {parts} ms; {alone}; not written"
    count = len(site.candidates.by_pair)
    return [
        *figures,
        Figure(f"change → suggestions at {size:,}", 1000 * best, "ms", note=note),
        Figure(f"reading the matrix once at {size:,}", 1000 * limit, "ms", note="memory bandwidth, one core"),
        Figure(f"… planned anew at {size:,}", 1000 * anew, "ms", note=f"all {count:,} candidates: once a week"),
    ]


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


def _growth(rounds: list[tuple[int, float, float, float]]) -> list[Figure]:
    """``rounds``: size, seconds, seconds of reading the matrix once, seconds of CPU."""
    (first, small, low, _), (last, large, high, _) = rounds[0], rounds[-1]
    if first == last:
        return [at_most("change → suggestions beside reading the matrix once", large / high, "×", 3)]
    note = f"from {first:,} to {last:,}: {1000 * (large - small):.0f} ms beside {1000 * (high - low):.0f} ms"
    busy = (rounds[-1][3] - rounds[0][3]) / (high - low)
    return [
        at_most("growth beside the memory-bandwidth limit", (large - small) / (high - low), "×", 3, note),
        Figure("… counting the CPU of this process only", busy, "×", note="whatever else the machine does meanwhile"),
    ]


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
    site.forget_what_stands()
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


def main(folder: Path, organisations: int, progress: Progress) -> list[Figure]:
    """Measure in this process."""
    return asyncio.run(measure(folder, organisations, progress))
