"""How well a text (an offer, a project's title) answers a call. Pure but for the models that read the texts.

score = Σ wₛ·cos(Pₛ·text, Pₛ·call) + w·(character and word TF-IDF) + w·(the call was open in the learned years)

The three spaces: the English model on title ~ title with programme words, e5 on title ~ title and on title ~ title with
programme words. Pₛ takes each side's mean away and whitens what differs between a text and the call it answered
(within-class covariance normalisation, Hatch et al. 2006); a low-rank refinement of each side is added as a score of
its own. All learned from the dev half of real projects and the calls they answered (``challenges.npz``), as
:mod:`services.matching.evaluation.calls` measures it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer

from services.matching.calls.programme_parts import words_of
from services.matching.encoder.calibration import Vectors
from services.matching.encoder.encoder import MULTILINGUAL_PREFIX, Encoder
from services.matching.encoder.errors import ModelDamagedError
from services.matching.encoder.spaces import Space

CONSTANTS = Path(__file__).with_name("challenges.npz")
SPACES = 3
REFINED = np.array([7.0, 3.0, 5.0], np.float32)
"""Weights of the three spaces within the refinement's one score, as it was learned with them."""
_ACTION = re.compile(r"\s*\((?:RIA|IA|CSA|PCP|PPI|COFUND)\)", re.IGNORECASE)
_LEARNED_YEARS = re.compile("-202[12]")


@dataclass(frozen=True)
class Call:
    """A call as it is read: its identifier and title."""

    identifier: str
    title: str

    @property
    def bare_title(self) -> str:
        """The title without the kind of action in brackets."""
        return " ".join(_ACTION.sub(" ", self.title).split())

    @property
    def described(self) -> str:
        """The title with the programme's part in words."""
        words = words_of(self.identifier)
        return f"{self.bare_title} ({words})" if words else self.bare_title


@cache
def constants(path: Path = CONSTANTS) -> dict[str, Vectors]:
    """Read what was learned; raises :class:`ModelDamagedError` when it can't be read."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name].astype(np.float32) for name in stored.files}
    except Exception as error:  # numpy and zipfile raise whatever they stumble over
        raise ModelDamagedError(f"the constants of calls {path} can't be read: {error}") from error


class Challenges:
    """Calls to be searched, read once."""

    def __init__(self, encoder: Encoder, calls: Sequence[Call]) -> None:
        self._encoder = encoder
        self._learned = constants()
        self._calls = list(calls)
        titles, described = ([getattr(each, name) for each in calls] for name in ("bare_title", "described"))
        raw = (self._english(described), self._multilingual(titles), self._multilingual(described))
        self._white = [self._whitened(vectors, space, "t") for space, vectors in enumerate(raw)]
        self._refined = [self._refine(vectors, space, "t") for space, vectors in enumerate(self._white)]
        words = [f"{each.bare_title} {words_of(each.identifier)}" for each in calls]
        self._lexical = [
            _fitted(TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True), titles),
            _fitted(TfidfVectorizer(stop_words="english"), words),
        ]

    def scores(self, texts: Sequence[str], learned_years: bool = True) -> npt.NDArray[np.float64]:
        """Return scores, shape (texts, calls), higher is better.

        ``learned_years``: whether it counts that nearly all projects that it was learned from (and will be measured
        with) answered calls of 2021 and 2022. Say no where calls are open ones.
        """
        english, multilingual = self._english(texts), self._multilingual(texts)
        weights = self._learned["weights" if learned_years else "weights_timeless"]
        total = np.zeros((len(texts), len(self._calls)))
        refined = np.zeros_like(total)
        for space, raw in enumerate((english, multilingual, multilingual)):
            white = self._whitened(raw, space, "q")
            total += weights[space] * (white @ self._white[space].T)
            refined += REFINED[space] * (self._refine(white, space, "q") @ self._refined[space].T)
        total += weights[3] * refined / REFINED.sum()
        for weight, (vectoriser, rows) in zip(weights[4:6], self._lexical, strict=True):
            total += weight * (vectoriser.transform(texts) @ rows.T).toarray()
        if learned_years:
            total += weights[6] * np.array([bool(_LEARNED_YEARS.search(each.identifier)) for each in self._calls])
        return total

    def _english(self, texts: Sequence[str]) -> Vectors:
        return self._encoder.models[Space.ENGLISH].encode(list(texts), ["en"] * len(texts))

    def _multilingual(self, texts: Sequence[str]) -> Vectors:
        # Lower case: "DigitAl incrEmental" and the like, made up for acronyms, ruin a model that sees the case.
        lower = [MULTILINGUAL_PREFIX + " ".join(text.lower().split()) for text in texts]
        return self._encoder.models[Space.MULTILINGUAL].encode(lower, ["en"] * len(texts))

    def _whitened(self, raw: Vectors, space: int, side: str) -> Vectors:
        return _unit(_unit(raw - self._learned[f"m{side}{space}"]) @ self._learned[f"M{space}"])

    def _refine(self, white: Vectors, space: int, side: str) -> Vectors:
        return _unit(white + white @ self._learned[f"U{side}{space}"] @ self._learned[f"V{side}{space}"])


def _fitted(vectoriser: TfidfVectorizer, texts: Sequence[str]) -> tuple[TfidfVectorizer, npt.NDArray[np.float64]]:
    return vectoriser, vectoriser.fit_transform(texts)


def _unit(vectors: npt.NDArray[Any]) -> Vectors:
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    unit: Vectors = (vectors / lengths).astype(np.float32)
    return unit
