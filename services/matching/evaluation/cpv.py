"""CPV: the English label must find the same code's label in another language among all codes of 3 to 5 digits."""

import csv
import gzip
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from services.matching.encoder.calibration import Vectors
from services.matching.encoder.encoder import Encoder
from services.matching.encoder.spaces import ReadText, Space
from services.matching.evaluation.figures import Measured, Scores, ranks
from services.matching.evaluation.reading import BenchmarkError, lines_of

LANGUAGES = ("de", "fr", "pl", "fi", "hu", "el")
DIGITS = ("3", "4", "5")
NOTE = (
    "The lexicon was learned from the dev half of these codes: figures of dev codes are in-sample for it; "
    "of other codes they are not."
)


def measure(data: Path, queries: Path, encoder: Encoder, progress: Callable[[str], None]) -> Measured:
    """Return recall@20 by language and its mean, for the product and for every single model."""
    with gzip.open(data / "cpv_multilingual.csv.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["digits"] in DIGITS]
    wanted = set(lines_of(queries))
    asked = [place for place, row in enumerate(rows) if row["code"] in wanted]
    if not asked:
        raise BenchmarkError(f"{queries} names none of the codes with 3 to 5 digits")
    labels = {language: [ReadText(language, row[language]) for row in rows] for language in ("en", *LANGUAGES)}
    vectors: dict[str, Vectors] = {}
    for language, said in labels.items():
        progress(f"reading {len(said)} labels in {language}")
        vectors[language] = encoder.encode(said).astype(np.float32)
    figures = {"product": _recalls(asked, lambda each: vectors["en"][asked] @ vectors[each].T)}
    for space in (Space.ENGLISH, Space.MULTILINGUAL, Space.UNIVERSAL):
        progress(f"reading with {space} alone")
        alone = {
            language: encoder.encode_alone(space, said).astype(np.float32) if space is not Space.MULTILINGUAL
            else vectors[language][:, encoder.fusion.part(space)]
            for language, said in labels.items()
        }  # fmt: skip
        figures[f"{encoder.models[space].name} alone"] = _recalls(
            asked,
            lambda each, alone=alone: alone["en"][asked] @ alone[each].T,  # type: ignore[misc]
        )
    figures["lexicon alone"] = _recalls(asked, lambda each: _lexicon(encoder, vectors, asked, each))
    figures["TF-IDF of characters"] = _recalls(asked, lambda each: _characters(labels["en"], labels[each], asked))
    return Measured("cpv", len(asked), figures, (NOTE,))


def _lexicon(encoder: Encoder, vectors: Mapping[str, Vectors], asked: Sequence[int], language: str) -> Scores:
    part = encoder.fusion.part(Space.LEXICAL)
    return vectors["en"][asked][:, part] @ vectors[language][:, part].T


def _characters(english: Sequence[ReadText], other: Sequence[ReadText], asked: Sequence[int]) -> Scores:
    vectoriser = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    candidates = vectoriser.fit_transform([each.text for each in other])
    return np.asarray((vectoriser.transform([english[place].text for place in asked]) @ candidates.T).todense())


def _recalls(asked: Sequence[int], scores: Callable[[str], Scores]) -> dict[str, float]:
    found = {}
    for language in LANGUAGES:
        given = scores(language)
        right = np.zeros(given.shape, bool)
        right[np.arange(len(asked)), asked] = True
        found[language] = float((ranks(given, right) < 20).mean())
    return {"recall@20": float(np.mean(list(found.values()))), **found}
