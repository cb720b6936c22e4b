"""Makes similarities of two vector spaces comparable: 0 for unrelated texts, 1 for the same text.

Raw cosines are not: between unrelated texts MiniLM gives .1 and e5 .8, and e5 squeezes all that matters into .1. So

1. the mean vector of ordinary statements *in its language* (``centres.json``) is subtracted from e5's vector, which is
   then made unit length again: what all texts of a language share says nothing about a pair. Without it a Polish bakery
   and a Polish recycler look closer than two recyclers of different countries;
2. a cosine is mapped by straight lines through fixed quantiles of the *background*: needs and offers paired at
   random. So a similarity
   of .5 means in each space: as close as the best 1 % of random pairs; .7: as the best 0.1 %.

``python -m services.matching.encoder.measure_calibration`` measures the centre and the anchors again.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

LEVELS = (0.0, 0.25, 0.5, 0.7, 0.9, 1.0)
"""Similarities of the background's quantiles 50 %, 90 %, 99 %, 99.9 %, of a cosine one such step further, and of
cosine 1.
"""

QUANTILES = (50.0, 90.0, 99.0, 99.9)


OTHER = "other"
"""Key of the mean vector for languages that have none of their own: that of all texts that are not English."""


@dataclass(frozen=True)
class Calibration:
    """How one model's cosines are read. ``anchors``: the cosines of :data:`LEVELS`, rising; ``centres`` by language."""

    anchors: tuple[float, ...]
    centres: Mapping[str, Vectors] = field(default_factory=dict, hash=False)

    def place(self, vectors: Vectors, languages: Sequence[str]) -> Vectors:
        """Return the model's unit vectors, shape (n, d), of texts in these languages, moved, of unit length again."""
        if not self.centres:
            return vectors
        moved = vectors - np.stack([self.centres.get(each, self.centres[OTHER]) for each in languages])
        lengths = np.linalg.norm(moved, axis=1, keepdims=True)
        result: Vectors = (moved / np.maximum(lengths, 1e-6)).astype(np.float32)
        return result

    def similarity(self, cosines: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return similarities 0…1 for cosines between placed vectors; never falls when the cosine rises."""
        return np.interp(np.asarray(cosines, np.float64), self.anchors, LEVELS)


@cache
def centres_of(model: str) -> dict[str, Vectors]:
    """Return the committed mean vectors of a model by language, none for a model that needs none."""
    stored = json.loads(Path(__file__).with_name("centres.json").read_text(encoding="utf-8")).get(model, {})
    return {
        language: np.frombuffer(base64.b64decode(each), "<f2").astype(np.float32) for language, each in stored.items()
    }
