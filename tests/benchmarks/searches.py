"""Searches in memory beside pgvector's and faiss's over the same vectors, one query at a time, all of them exact."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from services.matching.encoder.spaces import ground_of
from services.matching.repository import searching
from services.matching.repository.searching import Filter
from services.matching.rows import Rows
from services.matching.search import Query, StatementIndex
from tests.benchmarks.figures import Figure, at_least
from tests.benchmarks.sites import MODEL, Site

QUERIES = 40
RESULTS = 10
AS_ADDED = "in the order of ids"
SORTED = "sorted by country"
"""How faiss's rows lie. Sorting them by what is filtered is what our index does; faiss does not do so by itself."""

Progress = Callable[[str], None]


async def searches(site: Site, size: int, progress: Progress) -> list[Figure]:
    """One search after the other, each in an exact way: recall is 1 everywhere."""
    index = site.world.index
    queries = [Query(site.made.query(number, "en"), ground_of("en")) for number in range(QUERIES)]
    figures = []
    beside_faiss = _faiss(index, progress)
    for share, country in (("1 %", "MT"), ("10 %", "DE"), ("no", None)):
        progress(f"{size}: searches under a filter of {share}")
        beside = {"ours": partial(_ours, index, country)}
        beside |= {order: partial(search, country) for order, search in beside_faiss.items()}
        rates = _rates(queries, beside)
        ours = rates.pop("ours")
        figures.append(Figure(f"searches, {share} filter", ours, "queries/s"))
        if country is not None:
            theirs = await _rate_of_pgvector(site, queries[: QUERIES // 4], country)
            said = f"pgvector, exact behind the filter: {theirs:,.1f} queries/s"
            figures.append(at_least(f"… beside pgvector, {share} filter", ours / theirs, "×", 1, said))
        for order, rate in rates.items():
            name, said = f"… beside faiss-flat {order}, {share} filter", f"IndexFlatIP: {rate:,.1f} queries/s"
            wanted = country is not None and order == AS_ADDED
            figures.append(at_least(name, ours / rate, "×", 1, said) if wanted else _ratio(name, ours / rate, said))
    return figures


def _ratio(name: str, value: float, note: str) -> Figure:
    return Figure(name, value, "×", note=note)


def _ours(index: StatementIndex, country: str | None, query: Query) -> object:
    return index.search(query, RESULTS, None, country)


def _rates(queries: list[Query], searches: Mapping[str, Callable[[Query], object]]) -> dict[str, float]:
    """Return queries per second of each; they take turns, so that what else the machine does meets all alike."""
    taken: dict[str, list[float]] = {name: [] for name in searches}
    for query in queries:
        for name, search in searches.items():
            taken[name].append(_seconds(search, query))
    return {name: 1 / median(each[1:]) for name, each in taken.items()}


def _seconds(search: Callable[[Query], object], query: Query) -> float:
    started = time.perf_counter()
    search(query)
    return time.perf_counter() - started


async def _rate_of_pgvector(site: Site, queries: list[Query], country: str) -> float:
    taken = []
    async with site.database.session() as session:
        for query in queries:
            started = time.perf_counter()
            await searching.closest_exactly(session, Filter(MODEL, country=country), query.vector, RESULTS)
            taken.append(time.perf_counter() - started)
    return 1 / median(taken[1:])


def _faiss(index: StatementIndex, progress: Progress) -> dict[str, Callable[[str | None, Query], object]]:
    """Return searches in faiss's exact index over the same vectors with its quickest selector, made beforehand: with
    rows in the order of their ids, as a site adds them, and sorted by country, as ours lie.
    """
    try:
        import faiss
    except ImportError:
        progress("faiss is not compared with: python -m pip install faiss-cpu (only the benchmark wants it)")
        return {}
    high, low = index.columns.high[index.live], index.columns.low[index.live]
    orders = {AS_ADDED: index.live[np.lexsort((low, high))], SORTED: index.live}
    return {order: _flat(faiss, index, rows) for order, rows in orders.items()}


def _flat(faiss: Any, index: StatementIndex, rows: Rows) -> Callable[[str | None, Query], object]:
    flat = faiss.IndexFlatIP(index.segments[0].matrix.shape[1])
    for start in range(0, len(rows), 8192):
        flat.add(index.vectors(rows[start : start + 8192]))
    passing = {country: index.columns.country[rows] == index.country(country) for country in ("MT", "DE")}
    selectors = {
        country: faiss.SearchParameters(sel=faiss.IDSelectorBitmap(np.packbits(chosen, bitorder="little")))
        for country, chosen in passing.items()
    }

    def search(country: str | None, query: Query) -> object:
        vector = query.vector.astype(np.float32)[None]
        return flat.search(vector, RESULTS, params=selectors[country]) if country else flat.search(vector, RESULTS)

    return search
