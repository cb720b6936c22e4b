"""The Encoder: which spaces a statement lives in, its vectors there, and how two statements are compared.

English is read best by an English model, and no English model reads anything else. So an English statement gets
a vector in both spaces, any other one in the multilingual space; two English statements meet in the English space,
all other
pairs in the multilingual one, and calibration makes the two kinds of similarity comparable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from services.matching.encoder.calibration import Calibration, centres_of
from services.matching.encoder.language import language_of
from services.matching.encoder.preparation import ENGLISH, MULTILINGUAL, english_folder, multilingual_folder
from services.matching.encoder.sentence_model import SentenceModel, TextEncoder
from services.matching.encoder.text import clean

DIMENSIONS = 384
MAX_TOKENS = 256
"""Both models read this much of a statement, about 1,000 characters."""
CALIBRATION = 3
"""Raise it when centres or recipes change: then every stored vector differs and is made again."""
MULTILINGUAL_PREFIX = "query: "
"""e5 wants a prefix. Needs and offers alike are short statements, so both get the one for symmetric comparison."""

ENGLISH_ANCHORS = (0.165, 0.321, 0.47, 0.609, 0.748, 1.0)
MULTILINGUAL_ANCHORS = (-0.004, 0.103, 0.215, 0.342, 0.47, 1.0)
"""Measured on 488 needs and 404 offers of the seed data (see ``calibration.py``)."""


class Space(StrEnum):
    """The vector spaces statements are compared in."""

    ENGLISH = "english"
    MULTILINGUAL = "multilingual"


@dataclass(frozen=True)
class ReadText:
    """A statement as the models read it: its language and its cleaned text."""

    language: str
    text: str

    @property
    def spaces(self) -> tuple[Space, ...]:
        """Where this text has vectors; empty when there is nothing to read in it."""
        return spaces_of(self.language) if self.text else ()


def spaces_of(language: str) -> tuple[Space, ...]:
    """Return the spaces in which statements of this language have vectors."""
    return (Space.ENGLISH, Space.MULTILINGUAL) if language == "en" else (Space.MULTILINGUAL,)


def read_text(text: str, stated_language: str | None) -> ReadText:
    """Clean a statement and settle its language."""
    cleaned = clean(text)
    return ReadText(language_of(stated_language, cleaned), cleaned)


class Encoder:
    """Two models behind one interface."""

    def __init__(self, english: TextEncoder, multilingual: TextEncoder) -> None:
        self._models = {Space.ENGLISH: english, Space.MULTILINGUAL: multilingual}
        self.calibrations = calibrations(multilingual.name)

    @property
    def names(self) -> dict[Space, str]:
        """Names under which vectors are stored, by space; they change whenever a stored vector would differ."""
        return {space: model.name for space, model in self._models.items()}

    def encode(self, space: Space, reads: Sequence[ReadText]) -> npt.NDArray[np.float16]:
        """Return calibrated unit vectors, shape (len(reads), 384). Blocks for long: call it in a thread.

        float16 is what is stored, so it is also what is computed with: a restart changes no score.
        """
        prefix = MULTILINGUAL_PREFIX if space is Space.MULTILINGUAL else ""
        raw = self._models[space].encode([prefix + each.text for each in reads])
        return self.calibrations[space].place(raw, [each.language for each in reads]).astype(np.float16)


def calibrations(multilingual_model: str = MULTILINGUAL) -> dict[Space, Calibration]:
    """Return how the cosines of each space are read (needs no model: scoring works without torch)."""
    return {
        Space.ENGLISH: Calibration(ENGLISH_ANCHORS),
        Space.MULTILINGUAL: Calibration(MULTILINGUAL_ANCHORS, centres_of(multilingual_model.split("/")[0])),
    }


def load_encoder(
    models_directory: Path,
    english_model: Path | None = None,
    multilingual_model: Path | None = None,
    threads: int | None = None,
) -> Encoder:
    """Load both models (2 s); raises ``ModelUnavailableError`` with a sentence that says what to do.

    ``english_model`` and ``multilingual_model`` name folders of other sentence-transformers models with 384 dimensions.
    ``threads``: cores to read many texts with.
    """
    english = SentenceModel(
        english_model or english_folder(), _name(ENGLISH, english_model), MAX_TOKENS, threads=threads
    )
    folder = multilingual_model or multilingual_folder(models_directory)
    multilingual = SentenceModel(folder, _name(MULTILINGUAL, multilingual_model), MAX_TOKENS, threads=threads)
    return Encoder(english, multilingual)


def standard_names(english_model: Path | None = None, multilingual_model: Path | None = None) -> dict[Space, str]:
    """Return the names of the models that ``load_encoder`` would load, without loading them."""
    return {Space.ENGLISH: _name(ENGLISH, english_model), Space.MULTILINGUAL: _name(MULTILINGUAL, multilingual_model)}


def _name(standard: str, chosen: Path | None) -> str:
    return f"{chosen.name if chosen else standard}/{CALIBRATION}"
