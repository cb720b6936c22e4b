"""Calls: a project's title must find the call it answered (identically titled calls of other years count as right)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from services.matching.calls.challenges import Call, Challenges
from services.matching.encoder.encoder import Encoder
from services.matching.encoder.spaces import ReadText, Space
from services.matching.evaluation.figures import Measured, Scores, retrieval
from services.matching.evaluation.reading import BenchmarkError, records_of

NOTE = (
    "“product” counts that nearly all projects of this benchmark answered calls of 2021 and 2022, as it has learned; "
    "“product, timeless” is what the texts alone say, as for open calls. Both were learned from the dev half of the "
    "queries: there they are in-sample. Rounds compare the fused vectors, the third row."
)


def measure(data: Path, queries: Path, encoder: Encoder, progress: Callable[[str], None]) -> Measured:
    """Return hit@1, hit@20, nDCG@10 and MRR of the product and of every single model."""
    topics = records_of(data / "call_topics.jsonl.gz", ("topic", "title"))
    asked = [each for each in records_of(queries, ("title", "topic")) if not each.get("bottom_up")]
    if not asked:
        raise BenchmarkError(f"{queries} asks for no call: all its rows are bottom-up")
    title_of = {each["topic"]: _same(each["title"]) for each in topics}
    if unknown := sorted({each["topic"] for each in asked} - title_of.keys()):
        raise BenchmarkError(f"{queries} asks for calls that are not among the topics: {', '.join(unknown[:3])}")
    titles = np.array([_same(each["title"]) for each in topics])
    right = np.array([title_of[each["topic"]] for each in asked])[:, None] == titles[None, :]
    texts, candidates = [each["title"] for each in asked], [each["title"] for each in topics]
    progress(f"reading {len(topics)} calls")
    calls = Challenges(encoder, [Call(each["topic"], each["title"]) for each in topics])
    progress(f"reading {len(texts)} titles")
    figures = {
        "product": retrieval(calls.scores(texts), right),
        "product, timeless": retrieval(calls.scores(texts, learned_years=False), right),
    }
    progress("statements' own similarity")
    figures["fused vectors of statements"] = retrieval(_fused(encoder, texts, candidates), right)
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
    return Measured("calls", len(asked), figures, (NOTE,))


def _fused(encoder: Encoder, texts: list[str], candidates: list[str]) -> Scores:
    one, other = (
        encoder.encode([ReadText("en", text) for text in some]).astype(np.float32) for some in (texts, candidates)
    )
    return one @ other.T


def _same(title: str) -> str:
    return " ".join(title.lower().split())
