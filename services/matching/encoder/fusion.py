"""Joins the vectors of several models into one, so that two texts are compared by one dot product.

No single model wins: English texts want the English model, other pairs want USE where it knows both languages and e5
everywhere. A text's fused vector is the concatenation of its vectors in the spaces it has, each times the square root
of the space's weight, and zeros in the others; so the dot product of two fused vectors is the weighted sum of their
cosines in the spaces that both have. What such a sum means depends on which spaces those are: each such *ground* has
a calibration of its own (see ``calibration.py``).
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from services.matching.encoder.calibration import OTHER, Calibration, Vectors
from services.matching.encoder.errors import ModelDamagedError
from services.matching.encoder.spaces import Space

Fused = npt.NDArray[np.float16]

CONSTANTS = Path(__file__).with_name("fusion.json")
"""Weights, centres and anchors of the standard models, as ``measure_calibration`` has written them."""


@dataclass(frozen=True)
class Fusion:
    """``widths``: numbers in each space's vectors; ``weights``: of the spaces' cosines; ``centres`` by language;
    ``calls``: how calls are read, ``learned`` (:mod:`services.matching.calls.challenges`) or, when empty, plainly.
    """

    recipe: str
    widths: Mapping[Space, int]
    weights: Mapping[Space, float]
    centres: Mapping[str, Vectors]
    calibrations: Mapping[int, Calibration]
    """By ground: the bits of the spaces that both texts have."""
    calls: str = ""

    @property
    def digest(self) -> str:
        """A few letters that change with any of the constants."""
        centres = [(name, each.tobytes().hex()) for name, each in sorted(self.centres.items())]
        numbers = [self.constants, sorted(self.widths.items()), sorted(self.weights.items()), centres]
        numbers += [self.calls] if self.calls else []  # encoders of before there was a choice keep their names
        return hashlib.blake2b(json.dumps(numbers).encode(), digest_size=4).hexdigest()

    @property
    def dimensions(self) -> int:
        """Numbers in a fused vector."""
        return sum(self.widths.values())

    @property
    def constants(self) -> dict[str, Any]:
        """What is needed to compare stored vectors again, as JSON."""
        anchors = {str(ground): list(each.anchors) for ground, each in self.calibrations.items()}
        return {"recipe": self.recipe, "anchors": anchors}

    @property
    def stored(self) -> dict[str, Any]:
        """All constants as JSON, from which :func:`fusion_from` makes the same again."""
        centres = {name: base64.b64encode(each.astype("<f2").tobytes()).decode() for name, each in self.centres.items()}
        kept = {"widths": dict(self.widths), "weights": dict(self.weights), "centres": centres, "calls": self.calls}
        return {**self.constants, **kept}

    def part(self, space: Space) -> slice:
        """Return where a fused vector holds the vector of this space."""
        start = sum(self.widths[each] for each in Space if each.bit < space.bit)
        return slice(start, start + self.widths[space])

    def place(self, space: Space, vectors: Vectors, languages: Sequence[str]) -> Vectors:
        """Return unit vectors of one model as they go into fused ones; e5's are moved by their language's centre."""
        if space is Space.MULTILINGUAL and self.centres:
            vectors = vectors - np.stack([self.centres.get(each, self.centres[OTHER]) for each in languages])
            vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
        placed: Vectors = (vectors * np.sqrt(self.weights[space])).astype(np.float32)
        return placed


def load_fusion(path: Path = CONSTANTS, widths: Mapping[Space, int] | None = None) -> Fusion:
    """Read a file of constants; raises :class:`ModelDamagedError` when it is none. ``widths``: of other models."""
    try:
        return _read(path, tuple((widths or {}).items()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelDamagedError(f"{path} holds no constants of the encoder: {error!r}") from error


def calibrations_from(constants: Mapping[str, Any]) -> dict[int, Calibration]:
    """Return the calibrations by ground out of stored :attr:`Fusion.constants`.

    In the order of the grounds, for a database keeps none, and the digest is to be the same.
    """
    anchors = [(int(ground), tuple(each)) for ground, each in constants["anchors"].items()]
    return {ground: Calibration(each) for ground, each in sorted(anchors, reverse=True)}


@cache
def _read(path: Path, widths: tuple[tuple[Space, int], ...]) -> Fusion:
    return fusion_from(json.loads(path.read_text(encoding="utf-8")), dict(widths))


def fusion_from(stored: Mapping[str, Any], widths: Mapping[Space, int] | None = None) -> Fusion:
    """Return constants out of JSON; raises ``ValueError``, ``KeyError`` or ``TypeError`` when it is none of ours."""
    centres = {language: np.frombuffer(base64.b64decode(each), "<f2") for language, each in stored["centres"].items()}
    return Fusion(
        str(stored["recipe"]),
        {space: int(stored["widths"][space]) for space in Space} | dict(widths or {}),
        {space: float(stored["weights"][space]) for space in Space},
        {language: each.astype(np.float32) for language, each in centres.items()},
        calibrations_from(stored),
        str(stored.get("calls", "")),
    )
