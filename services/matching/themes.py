"""Themes of a roadmap: statements that say similar things, named by their own words; who is strong, who has a gap.
Pure.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import numpy.typing as npt

from shared.contracts.matching import Theme, ThemeStrength
from shared.contracts.profiles import StatementRole

MAX_THEMES = 8
STATEMENTS_FOR_EXACT = 2000
"""Up to here the clustering is hierarchical (no chance in it); beyond, it would need too much memory."""
TERMS_IN_LABEL = 3

_WORD = re.compile(r"[^\W\d_][\w-]{2,}")
_SAYS_NOTHING = frozenset(Path(__file__).with_name("common_words.txt").read_text(encoding="utf-8").split())
"""Words so common in offers and needs that they name nothing."""


@dataclass(frozen=True)
class Voice:
    """One statement of a member, with the clusters its organisation belongs to and its multilingual vector."""

    statement_id: UUID
    role: StatementRole
    language: str
    text: str
    clusters: frozenset[UUID]
    vector: npt.NDArray[np.float16]


def find_themes(voices: Sequence[Voice], clusters: Sequence[UUID]) -> tuple[Theme, ...]:
    """Return themes, the one with most statements first. The same statements give the same themes in any order."""
    ordered = sorted(voices, key=lambda each: each.statement_id)
    groups = _groups(ordered)
    counts = [_terms(group) for group in groups]
    themes = [
        Theme(
            label=label_of(index, counts),
            statement_ids=tuple(each.statement_id for each in group),
            strengths=(strengths := _strengths(group, clusters)),
            gaps=tuple(each.cluster_id for each in strengths if each.needs > each.offers),
        )
        for index, group in enumerate(groups)
    ]
    return tuple(sorted(themes, key=lambda theme: (-len(theme.statement_ids), theme.label)))


def _groups(voices: Sequence[Voice]) -> list[list[Voice]]:
    number = theme_count(len(voices))
    if number <= 1:
        return [list(voices)] if voices else []
    vectors = np.asarray([each.vector for each in voices], np.float64)
    from sklearn.cluster import AgglomerativeClustering, KMeans

    if len(voices) <= STATEMENTS_FOR_EXACT:
        labels = AgglomerativeClustering(n_clusters=number, linkage="ward").fit_predict(vectors)
    else:
        labels = KMeans(n_clusters=number, n_init=4, random_state=0).fit_predict(vectors)
    groups: dict[int, list[Voice]] = {}
    for label, voice in zip(labels, voices, strict=True):
        groups.setdefault(int(label), []).append(voice)
    return list(groups.values())


def theme_count(statements: int) -> int:
    """Return how many themes to look for: about √(n/2), at most eight; a handful of statements is one theme."""
    return 1 if statements < 6 else min(MAX_THEMES, max(2, round((statements / 2) ** 0.5)))


def _terms(group: Collection[Voice]) -> Counter[str]:
    """Count in how many statements each word occurs; in English ones if there are any: a label has one language."""
    english = [each for each in group if each.language == "en"]
    return Counter(term for each in english or group for term in set(words(each.text)))


def words(text: str) -> list[str]:
    """Return the words of a text that can name a theme."""
    return [word for word in _WORD.findall(text.lower()) if word not in _SAYS_NOTHING]


def label_of(index: int, counts: Sequence[Mapping[str, int]]) -> str:
    """Return the words that are frequent here and rare in other themes (class-based TF-IDF), ties by alphabet."""
    mine = counts[index]
    average = sum(sum(each.values()) for each in counts) / len(counts)
    weight = {
        term: count * float(np.log1p(average / sum(each.get(term, 0) for each in counts)))
        for term, count in mine.items()
    }
    best = sorted(weight, key=lambda term: (-weight[term], term))[:TERMS_IN_LABEL]
    return ", ".join(best) or "other"


def _strengths(group: Collection[Voice], clusters: Sequence[UUID]) -> tuple[ThemeStrength, ...]:
    def count(cluster: UUID, role: StatementRole) -> int:
        return sum(cluster in each.clusters and each.role == role for each in group)

    return tuple(
        ThemeStrength(
            cluster_id=cluster, offers=count(cluster, StatementRole.OFFER), needs=count(cluster, StatementRole.NEED)
        )
        for cluster in clusters
    )
