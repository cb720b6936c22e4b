"""Calls: a project's title must find the call it answered (identically titled calls of other years count as right)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer

from services.matching.calls.comparing import Comparison, comparison_for
from services.matching.calls.words import CallWords
from services.matching.encoder.encoder import Encoder
from services.matching.encoder.spaces import ReadText, Space
from services.matching.evaluation.figures import Measured, Scores, retrieval
from services.matching.evaluation.reading import BenchmarkError, records_of

PRODUCT = "product"
WITH_YEAR = "product and year of the call (only for this benchmark)"
FUSED = "fused vectors (how statements are compared)"

YEAR = 3.75
"""What a call of 2021 or 2022 is given in :data:`WITH_YEAR`: learned with the rest (``learn_calls``)."""
_LEARNED_YEARS = re.compile("-202[12]")

NOTE = (
    f"“{PRODUCT}” compares texts alone: it is what fits open calls to organisations and what GET /calls?q= searches "
    f"with. “{WITH_YEAR}” adds that nearly all projects of this benchmark answered calls of 2021 and 2022; the product "
    "has open calls in its place. Both were learned from the dev half of the queries: there they are in-sample "
    "(5-fold, by services.matching.evaluation.learn_calls, see README)."
)


@dataclass(frozen=True)
class Benchmark:
    """Titles of projects, the calls, and which are right: shape (texts, calls)."""

    texts: list[str]
    calls: list[CallWords]
    right: npt.NDArray[np.bool_]


def read_benchmark(data: Path, queries: Path) -> Benchmark:
    """Read the benchmark's files; raises :class:`BenchmarkError`."""
    topics = records_of(data / "call_topics.jsonl.gz", ("topic", "title"))
    asked = [each for each in records_of(queries, ("title", "topic")) if not each.get("bottom_up")]
    if not asked:
        raise BenchmarkError(f"{queries} asks for no call: all its rows are bottom-up")
    title_of = {each["topic"]: _same(each["title"]) for each in topics}
    if unknown := sorted({each["topic"] for each in asked} - title_of.keys()):
        raise BenchmarkError(f"{queries} asks for calls that are not among the topics: {', '.join(unknown[:3])}")
    titles = np.array([_same(each["title"]) for each in topics])
    right = np.array([title_of[each["topic"]] for each in asked])[:, None] == titles[None, :]
    calls = [CallWords(each["topic"], each["title"], "en", each["title"]) for each in topics]
    return Benchmark([each["title"] for each in asked], calls, right)


def measure(data: Path, queries: Path, encoder: Encoder, progress: Callable[[str], None]) -> Measured:
    """Return hit@1, hit@20, nDCG@10 and MRR of the product and of every single model."""
    benchmark = read_benchmark(data, queries)
    texts, right = benchmark.texts, benchmark.right
    candidates = [each.title for each in benchmark.calls]
    progress(f"reading {len(candidates)} calls and {len(texts)} titles")
    scores = product_scores(benchmark, encoder, comparison_for(encoder.version, encoder.fusion))
    figures = {
        PRODUCT: retrieval(scores, right),
        WITH_YEAR: retrieval(scores + YEAR * in_learned_years(benchmark.calls), right),
    }
    progress("statements' own similarity")
    figures[FUSED] = retrieval(_fused(encoder, texts, candidates), right)
    for space in (Space.ENGLISH, Space.MULTILINGUAL, Space.UNIVERSAL):
        progress(f"{space} alone")
        one, other = (
            encoder.encode_alone(space, [ReadText("en", text) for text in some]).astype(np.float32)
            for some in (texts, candidates)
        )
        figures[f"{encoder.models[space].name} alone"] = retrieval(one @ other.T, right)
    for name, vectoriser in (
        ("TF-IDF of words", TfidfVectorizer(stop_words="english", sublinear_tf=True)),
        ("TF-IDF of characters", TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)),
    ):
        rows = vectoriser.fit_transform(candidates)
        figures[name] = retrieval(np.asarray((vectoriser.transform(texts) @ rows.T).todense()), right)
    return Measured("calls", len(texts), figures, (NOTE,))


def product_scores(benchmark: Benchmark, encoder: Encoder, comparison: Comparison) -> Scores:
    """Return how close each text is to each call, by what ``GET /calls?q=`` does with a question."""
    asked = encoder.encode([comparison.question(ReadText("en", each)) for each in benchmark.texts])
    reads = [comparison.reads(each) for each in benchmark.calls]
    fused = encoder.encode([text for each in reads for text in each]).reshape(len(reads), len(reads[0]), -1)
    calls = np.stack([comparison.of_call(comparison.to_store(each), "en") for each in fused])
    return np.stack([comparison.of_text(each, "en") for each in asked]) @ calls.T


def in_learned_years(calls: Sequence[CallWords]) -> npt.NDArray[np.float32]:
    """Return 1 for calls of 2021 and 2022, else 0."""
    return np.array([bool(_LEARNED_YEARS.search(each.identifier)) for each in calls], np.float32)


def _fused(encoder: Encoder, texts: list[str], candidates: list[str]) -> Scores:
    one, other = (
        encoder.encode([ReadText("en", text) for text in some]).astype(np.float32) for some in (texts, candidates)
    )
    return one @ other.T


def _same(title: str) -> str:
    return " ".join(title.lower().split())
