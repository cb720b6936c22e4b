"""How texts are compared with calls: by what was learned of calls where the models are those it was learned with
(:mod:`.challenges`), else as statements are compared with each other. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from services.matching.calls.challenges import Challenges, learned_with, of_calls
from services.matching.calls.words import CallWords
from services.matching.encoder.calibration import Calibration, Vectors
from services.matching.encoder.fusion import Fused, Fusion
from services.matching.encoder.spaces import ReadText


class Comparison(Protocol):
    """Makes vectors of texts and of calls, of which one dot product says how close they are."""

    @property
    def calibrations(self) -> Mapping[int, Calibration]:
        """Return, by ground, how a dot product is read as a similarity 0…1."""

    def reads(self, call: CallWords) -> tuple[ReadText, ...]:
        """Return the texts that the models read of a call, always as many."""

    def to_store(self, vectors: Fused) -> Fused:
        """Return what is stored of a call: one vector, as wide as fused ones, out of those of the texts read."""

    def of_call(self, stored: Fused, language: str) -> Vectors:
        """Return the vector of a call as it is compared."""

    def of_text(self, fused: Fused | Vectors, language: str) -> Vectors:
        """Return the vector of a text (a statement, a question) as it is compared, out of its fused one."""

    def question(self, read: ReadText) -> ReadText:
        """Return what is to be read of a question, which is read for this comparison alone."""


@dataclass(frozen=True)
class Plain:
    """Fused vectors as they are; of a call its title and the beginning of its objective are read."""

    calibrations: Mapping[int, Calibration]

    def reads(self, call: CallWords) -> tuple[ReadText, ...]:
        """Return the one text."""
        return (ReadText(call.language, call.read_text),)

    def to_store(self, vectors: Fused) -> Fused:
        """Return its vector."""
        stored: Fused = vectors[0]
        return stored

    def of_call(self, stored: Fused, language: str) -> Vectors:
        """Return the fused vector."""
        return stored.astype(np.float32)

    def of_text(self, fused: Fused | Vectors, language: str) -> Vectors:
        """Return the fused vector."""
        return fused.astype(np.float32)

    def question(self, read: ReadText) -> ReadText:
        """Return the question."""
        return read


def stored_under(version: str, fusion: Fusion) -> str:
    """Return the name under which vectors of calls by the encoder of this version are stored.

    Where what is stored of a call is no fused vector, it is a name of its own: neither may ever pass for the other.
    """
    return of_calls(version) if learned_with(version, fusion) else version


def comparison_for(version: str, fusion: Fusion) -> Comparison:
    """Return how calls are compared with vectors of the encoder of this version."""
    if learned_with(version, fusion):
        return Challenges(fusion)
    return Plain(fusion.calibrations)
