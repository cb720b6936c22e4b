"""Makes similarities of two vector spaces comparable: 0 for unrelated texts, 1 for the same text.

Raw cosines are not: between unrelated texts MiniLM gives .1 and e5 .8, and e5 squeezes all that matters into .1. So

1. the mean vector of ordinary statements *in its language* (``fusion.json``) is subtracted from e5's vector, which is
   then made unit length again: what all texts of a language share says nothing about a pair. Without it a Polish bakery
   and a Polish recycler look closer than two recyclers of different countries;
2. a cosine is mapped by straight lines through fixed quantiles of the *background*: needs and offers paired at
   random. So a similarity
   of .5 means in each space: as close as the best 1 % of random pairs; .7: as the best 0.1 %.

``python -m services.matching.encoder.measure_calibration`` measures the centre and the anchors again.
"""

from dataclasses import dataclass

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
    """How the weighted cosines of one ground are read. ``anchors``: those of :data:`LEVELS`, rising."""

    anchors: tuple[float, ...]

    def similarity(self, cosines: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return similarities 0…1 for dot products of fused vectors; never falls when they rise."""
        return np.interp(np.asarray(cosines, np.float64), self.anchors, LEVELS)

    def cosine(self, similarity: float) -> float:
        """Return the dot product at which a similarity is reached."""
        return float(np.interp(similarity, LEVELS, self.anchors))
