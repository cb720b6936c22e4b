"""One sentence model, loaded and run by sentence-transformers; every text padded to a fixed length class.

``SentenceTransformer.encode`` pads a text by its neighbours in the batch, which moves the last digits of its vector.
Padded to a class instead, a text's vector doesn't depend on what was encoded with it: a crash in the middle of an
import can't change a result.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from services.matching.encoder.errors import ModelDamagedError, ModelMissingError

Vectors = npt.NDArray[np.float32]

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Set before torch is loaded. Threads that wait for each other otherwise spin, and on a machine that has other work too
# the one they wait for gets no core: measured 2 texts/s against 21 with eight processes on two cores.

LENGTH_CLASSES = (16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512)
TOKENS_PER_PASS = 2048
"""Bounds the memory of one pass through a model; more at once is not faster on two cores."""
MAX_CHARACTERS = 8_000
"""Longer texts are cut before they are tokenised: no model reads that far, and a 20 MB field must cost nothing."""


class TextEncoder(Protocol):
    """What the encoder needs of a model (tests use a small fake)."""

    name: str
    dimensions: int

    def encode(self, texts: Sequence[str], languages: Sequence[str] = ()) -> Vectors:
        """Return unit vectors, shape (len(texts), dimensions), in the order of ``texts``; ``languages`` are theirs."""


def cpu_has_bfloat16() -> bool:
    """True where bfloat16 is computed natively (AVX512-BF16 or AMX): 2.5 times as fast there, far slower elsewhere."""
    import torch

    flags: Mapping[str, Any] = torch.cpu.get_capabilities()
    return bool(flags.get("avx512_bf16") or flags.get("amx_bf16") or flags.get("bf16"))


class SentenceModel:
    """A loaded model. ``name`` goes into the model version; ``max_tokens`` bounds what is read of a text.

    ``threads``: cores to read with when there are many texts, all if ``None``.
    """

    def __init__(
        self, folder: Path, name: str, max_tokens: int, bfloat16: bool | None = None, threads: int | None = None
    ) -> None:
        if not (folder / "model.safetensors").is_file():
            raise ModelMissingError(
                f"model {name} is not in {folder}: run `python -m services.matching prepare-models`"
            )
        import torch
        from sentence_transformers import SentenceTransformer

        self.name = name
        # Each pass by one thread, several at once: threads that share a pass wait for each other at every layer, and
        # for the one that has lost its core to somebody else. The vectors are the same, bit by bit, and come sooner
        # (1,350 texts: 15.5 to 17 s instead of 20 to 22 s on two cores).
        workers = threads or len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(workers, f"reading with {name}", lambda: torch.set_num_threads(1))
        use_bfloat16 = cpu_has_bfloat16() if bfloat16 is None else bfloat16
        precision = torch.bfloat16 if use_bfloat16 else torch.float32
        try:
            self._model = SentenceTransformer(
                str(folder), device="cpu", local_files_only=True, model_kwargs={"dtype": precision}
            ).eval()
            tokenizer: Any = self._model.tokenizer
        except Exception as error:  # tokenizers and safetensors raise bare exceptions for unreadable files
            raise ModelDamagedError(f"model {name} in {folder} can't be loaded: {error}") from error
        self._max_tokens = min(max_tokens, int(self._model.max_seq_length or max_tokens))
        self._tokenizer = tokenizer
        self.dimensions = int(self._model.get_embedding_dimension() or 0)

    def encode(self, texts: Sequence[str], languages: Sequence[str] = ()) -> Vectors:
        """Return unit vectors, shape (len(texts), dimensions). Blocks: call it off the event loop."""
        cut = [text[:MAX_CHARACTERS] for text in texts]
        lengths = [len(each) for each in self.tokens(cut)] if cut else []
        by_class: dict[int, list[int]] = {}
        for index, length in enumerate(lengths):
            by_class.setdefault(self._length_class(length), []).append(index)
        passes = []
        for length, indexes in sorted(by_class.items(), reverse=True):
            at_once = max(1, TOKENS_PER_PASS // length)
            for start in range(0, len(indexes), at_once):
                rows = indexes[start : start + at_once]
                # Here, one after the other: a tokenizer can't be used by two threads.
                passes.append((rows, self._features([cut[index] for index in rows], length)))
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for (rows, _), result in zip(passes, self._pool.map(self._forward, (each for _, each in passes)), strict=True):
            vectors[rows] = result
        return vectors

    def tokens(self, texts: list[str]) -> list[list[int]]:
        """Return the token ids of texts as the model reads them, special tokens included, cut at its length."""
        ids: list[list[int]] = self._tokenizer(texts, truncation=True, max_length=self._max_tokens)["input_ids"]
        return ids

    def _length_class(self, tokens: int) -> int:
        return next((each for each in LENGTH_CLASSES if tokens <= each < self._max_tokens), self._max_tokens)

    def _features(self, texts: list[str], length: int) -> dict[str, Any]:
        made = self._tokenizer(texts, truncation=True, padding="max_length", max_length=length, return_tensors="pt")
        return dict(made)

    def _forward(self, features: dict[str, Any]) -> Vectors:
        import torch

        with torch.inference_mode():
            pooled = self._model(features)["sentence_embedding"].float()
            result: Vectors = torch.nn.functional.normalize(pooled, dim=1).numpy()
        return result
