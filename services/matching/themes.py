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

ENGLISH = "en"
ENOUGH_ENGLISH = 4
"""A label is English if at least one in so many statements is: most readers know it."""
SHORTEST_STEM, SAME_STEM = 4, 0.7
"""Two words are one (``sensor``, ``sensors``) if they begin alike for so many letters, and for this part of both."""

_WORD = re.compile(r"[^\W\d_][\w-]+\w")


def _common_words() -> dict[str, frozenset[str]]:
    """Return the words that name nothing, by language."""
    found: dict[str, set[str]] = {}
    language = ""
    for line in Path(__file__).with_name("common_words.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            language = line.strip("[]")
        elif not line.startswith("#"):
            found.setdefault(language, set()).update(line.split())
    return {code: frozenset(said) for code, said in found.items()}


_SAYS_NOTHING = _common_words()
LANGUAGES = frozenset(_SAYS_NOTHING)
"""Languages whose small words are known."""


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
    spoken = [[each for each in group if each.language == label_language(group)] for group in groups]
    counts = [_terms(group) for group in spoken]
    themes = [
        Theme(
            label=label_of(index, counts, _spellings(spoken[index])),
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


def label_language(group: Collection[Voice]) -> str:
    """Return the one language of a theme's label: English if enough is said in it, else what most is said in."""
    said = Counter(each.language for each in group)
    if said[ENGLISH] * ENOUGH_ENGLISH >= len(group):
        return ENGLISH
    return min(said, key=lambda language: (-said[language], language))


def _terms(group: Collection[Voice]) -> Counter[str]:
    """Count in how many statements each word occurs."""
    return Counter(term for each in group for term in {word.lower() for word in words(each.text, each.language)})


def words(text: str, language: str) -> list[str]:
    """Return the words of a text that can name a theme, as they are written."""
    nothing = _SAYS_NOTHING[ENGLISH] | _SAYS_NOTHING.get(language, frozenset())
    return [word for word in _WORD.findall(text) if word.lower() not in nothing]


def _spellings(group: Collection[Voice]) -> dict[str, str]:
    """Return how each word is mostly written: German nouns and names keep their capitals, beginnings do not."""
    seen: dict[str, Counter[str]] = {}
    for each in group:
        for word in words(each.text, each.language):
            begins = each.text.lstrip().startswith(word) and not word.isupper() and each.language != "de"
            seen.setdefault(word.lower(), Counter())[word.lower() if begins else word] += 1
    return {term: max(forms, key=lambda form: (forms[form], form == term, form)) for term, forms in seen.items()}


def label_of(index: int, counts: Sequence[Mapping[str, int]], spellings: Mapping[str, str]) -> str:
    """Return the words that are frequent here and rare in other themes (class-based TF-IDF), ties by alphabet.

    Forms of one word count once.
    """
    mine = counts[index]
    average = sum(sum(each.values()) for each in counts) / len(counts)
    weight = {
        term: count * float(np.log1p(average / sum(each.get(term, 0) for each in counts)))
        for term, count in mine.items()
    }
    best: list[str] = []
    for term in sorted(weight, key=lambda each: (-weight[each], each)):
        if not any(_one_word(term, chosen) for chosen in best):
            best.append(term)
        if len(best) == TERMS_IN_LABEL:
            break
    return ", ".join(spellings.get(term, term) for term in best) or "other"


def _one_word(one: str, other: str) -> bool:
    alike = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return alike >= SHORTEST_STEM and alike >= SAME_STEM * max(len(one), len(other))


def _strengths(group: Collection[Voice], clusters: Sequence[UUID]) -> tuple[ThemeStrength, ...]:
    def count(cluster: UUID, role: StatementRole) -> int:
        return sum(cluster in each.clusters and each.role == role for each in group)

    return tuple(
        ThemeStrength(
            cluster_id=cluster, offers=count(cluster, StatementRole.OFFER), needs=count(cluster, StatementRole.NEED)
        )
        for cluster in clusters
    )
