"""How well a text (a statement, a project's title) answers a call, as it was learned from real ones. Pure (numpy only).

score = Σₛ wₛ·cos(Pₛ·text, Pₛ·call) + Σₛ rₛ·cos(Rₛ·Pₛ·text, Rₛ'·Pₛ·call)

The three spaces: the English model on text ~ title with programme words, e5 on text ~ title and on text ~ title with
programme words. Pₛ takes each side's mean away and whitens what differs between a text and the call it answered
(within-class covariance normalisation, Hatch et al. 2006); R is a low-rank refinement of each side. All was learned
from the dev half of real projects and the calls they answered (``python -m services.matching.evaluation.learn_calls``
writes ``challenges.npz``); :mod:`services.matching.evaluation.calls` measures it.

Each of the two sides is one vector, so that a comparison is one dot product. A text's vector comes out of its fused
one (:mod:`services.matching.encoder.fusion`): nothing more is read or stored of a statement. A text that is not English
has no vector in the English space; there the score is that of e5, with anchors of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from services.matching.calls.words import CallWords
from services.matching.encoder.calibration import OTHER, Calibration, Vectors
from services.matching.encoder.errors import ModelDamagedError
from services.matching.encoder.fusion import Fused, Fusion
from services.matching.encoder.preparation import ENGLISH, MULTILINGUAL
from services.matching.encoder.spaces import ReadText, Space, spaces_of

CONSTANTS = Path(__file__).with_name("challenges.npz")
WIDTH = 384
SPACES = (Space.ENGLISH, Space.MULTILINGUAL, Space.MULTILINGUAL)
READ = (1, 0, 1)
"""Which of a call's two texts each space compares: the bare title (0) or the one with programme words (1)."""


@dataclass(frozen=True)
class Learned:
    """What was learned. ``maps``: M (whitening), m (means), U and V (refinement), named by side (q: the text, t: the
    call) and space; ``weights``: of the three spaces and of their refinements; ``anchors`` by what is compared.
    """

    maps: Mapping[str, Vectors]
    weights: Vectors
    anchors: Mapping[str, tuple[float, ...]]

    def white(self, raw: Vectors, space: int, side: str) -> Vectors:
        """Return whitened unit vectors of raw unit ones, shape (n, 384)."""
        return unit(unit(raw - self.maps[f"m{side}{space}"]) @ self.maps[f"M{space}"])

    def refined(self, white: Vectors, space: int, side: str) -> Vectors:
        """Return refined unit vectors of whitened ones."""
        return unit(white + white @ self.maps[f"U{side}{space}"] @ self.maps[f"V{side}{space}"])

    def placed(self, raws: Sequence[Vectors | None], side: str) -> Vectors:
        """Return vectors as they are compared, shape (n, 6 · 384); ``None``: a space in which the texts have none."""
        rows = next(len(each) for each in raws if each is not None)
        parts = []
        for space, raw in enumerate(raws):
            if raw is None:
                parts.append(np.zeros((rows, 2 * WIDTH), np.float32))
                continue
            white = self.white(raw, space, side)
            plain, refined = np.sqrt(self.weights[[space, space + len(SPACES)]])
            parts += [plain * white, refined * self.refined(white, space, side)]
        return np.concatenate(parts, axis=1)


@cache
def learned(path: Path = CONSTANTS) -> Learned:
    """Read what was learned; raises :class:`ModelDamagedError` when it can't be read."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            read = {name: stored[name].astype(np.float32) for name in stored.files}
            anchors = {name: tuple(map(float, stored[f"anchors_{name}"])) for name in ("english", "other")}
        return Learned(read, read["weights"], anchors)
    except Exception as error:  # numpy and zipfile raise whatever they stumble over
        raise ModelDamagedError(f"the constants of calls {path} can't be read: {error}") from error


def learned_with(version: str, fusion: Fusion) -> bool:
    """Whether an encoder reads calls so, by its recipe, and has the models, by its version, that were learned about.

    The recipe has a say, for encoders of the same models have read calls plainly before.
    """
    widths = {fusion.widths.get(space) for space in SPACES}
    fits = widths == {WIDTH} and fusion.dimensions >= len(SPACES) * WIDTH
    return fits and fusion.calls == "learned" and version.startswith(f"{ENGLISH}+{MULTILINGUAL}+")


class Challenges:
    """The learned comparison, on the vectors of one encoder (see :class:`.comparing.Comparison`)."""

    def __init__(self, fusion: Fusion, constants: Learned | None = None) -> None:
        self._fusion = fusion
        self._learned = constants or learned()
        read = {each: Calibration(anchors) for each, anchors in self._learned.anchors.items()}
        english = Space.ENGLISH.bit
        self.calibrations = {
            ground: read["english" if ground & english else "other"] for ground in range(1 << len(Space))
        }

    def reads(self, call: CallWords) -> tuple[ReadText, ...]:
        """Return the bare title and the one with programme words, as a question is read."""
        return tuple(self.question(ReadText(call.language, text)) for text in (call.bare_title, call.described))

    def to_store(self, vectors: Fused) -> Fused:
        """Return the parts that are compared of the two fused vectors, one after the other, and zeros."""
        parts = [vectors[text, self._fusion.part(space)] for space, text in zip(SPACES, READ, strict=True)]
        stored: Fused = np.zeros(self._fusion.dimensions, np.float16)
        stored[: len(SPACES) * WIDTH] = np.concatenate(parts)
        return stored

    def of_call(self, stored: Fused, language: str) -> Vectors:
        """Return the vector of a call as it is compared."""
        parts = stored[: len(SPACES) * WIDTH].reshape(1, len(SPACES), WIDTH)
        raws = [self.raw(parts[:, row], space, language) for row, space in enumerate(SPACES)]
        placed: Vectors = self._learned.placed(raws, "t")[0]
        return placed

    def of_text(self, fused: Fused | Vectors, language: str) -> Vectors:
        """Return the vector of a text as it is compared."""
        raws = [self.raw(fused[None, self._fusion.part(space)], space, language) for space in SPACES]
        placed: Vectors = self._learned.placed(raws, "q")[0]
        return placed

    def question(self, read: ReadText) -> ReadText:
        """Return it in lower case: "DigitAl incrEmental" and the like, made up for acronyms, ruin what e5 sees."""
        return ReadText(read.language, read.text.lower())

    def raw(self, placed: npt.NDArray[np.floating], space: Space, language: str) -> Vectors | None:
        """Return the model's unit vectors, as if the texts were English, out of what fused vectors hold of a space.

        There e5's vectors x lie as (x − c) / |x − c|, with the centre c of their language. As |x| = 1, the length of
        what was divided by follows from c; added to the centre of English it is where an English text would lie.
        """
        if space not in spaces_of(language):
            return None
        there = unit(placed.astype(np.float32))
        if space is Space.ENGLISH or not self._fusion.centres:
            return there
        centres = self._fusion.centres
        centre = centres.get(language, centres[OTHER])
        along = there @ centre
        length = np.sqrt(np.maximum(along**2 + 1 - centre @ centre, 0.0)) - along
        return unit(centres.get("en", centre) + length[:, None] * there)


def of_calls(version: str) -> str:
    """Return the name under which an encoder's vectors of calls are stored apart from those of statements."""
    return f"{version} calls"


def unit(vectors: npt.NDArray[np.floating]) -> Vectors:
    """Return vectors made unit length; zeros stay zeros."""
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    result: Vectors = (vectors / lengths).astype(np.float32)
    return result
