"""One sentence model: a folder in the layout of sentence-transformers, read with ``transformers`` and ``tokenizers``
alone.

Why not by ``SentenceTransformer`` itself: it gives the same vectors (a test compares them) but costs 170 MB and 3 s of
imports, copies the weights, and pads a text by its neighbours in the batch. Here every text is padded to a fixed length
class, so that its vector doesn't depend on what was encoded with it: a crash in the middle of an import can't change
a result.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from services.matching.encoder.errors import ModelDamagedError, ModelMissingError
from services.matching.encoder.unigram import FILE, UnigramTokenizer

Vectors = npt.NDArray[np.float32]

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Set before torch is loaded. Threads that wait for each other otherwise spin, and on a machine that has other work too
# the one they wait for gets no core: measured 2 texts/s against 21 with eight processes on two cores.

LENGTH_CLASSES = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512)
TOKENS_PER_PASS = 2048
"""Bounds the memory of one pass through a model; more at once is not faster on two cores."""
MAX_CHARACTERS = 8_000
"""Longer texts are cut before they are tokenised: no model reads that far, and a 20 MB field must cost nothing."""


class TextEncoder(Protocol):
    """What the encoder needs of a model (tests use a small fake)."""

    name: str
    dimensions: int

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dimensions), in the order of ``texts``."""


def cpu_has_bfloat16() -> bool:
    """True where bfloat16 is computed natively (AVX512-BF16 or AMX): 2.5 times as fast there, far slower elsewhere."""
    import torch

    flags: Mapping[str, Any] = torch.cpu.get_capabilities()
    return bool(flags.get("avx512_bf16") or flags.get("amx_bf16") or flags.get("bf16"))


class SentenceModel:
    """A loaded model. ``name`` goes into the model version; ``max_tokens`` bounds what is read of a text."""

    def __init__(self, folder: Path, name: str, max_tokens: int, bfloat16: bool | None = None) -> None:
        import torch
        from safetensors import SafetensorError

        if not (folder / "model.safetensors").is_file():
            raise ModelMissingError(
                f"model {name} is not in {folder}: run `python -m services.matching prepare-models`"
            )
        self.name = name
        try:
            self._model = _load_weights(folder)
            self._max_tokens = min(max_tokens, int(self._model.config.max_position_embeddings))
            self.tokens = _tokenizer(folder, self._max_tokens)
            pooling = json.loads((folder / "1_Pooling" / "config.json").read_text())
            self._pad = int(json.loads((folder / "config.json").read_text()).get("pad_token_id") or 0)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise ModelDamagedError(f"model {name} in {folder} can't be loaded: {error}") from error
        except Exception as error:  # tokenizers raises bare Exception for an unreadable file
            raise ModelDamagedError(f"model {name} in {folder} can't be loaded: {error}") from error
        use_bfloat16 = cpu_has_bfloat16() if bfloat16 is None else bfloat16
        self._model = self._model.to(torch.bfloat16 if use_bfloat16 else torch.float32).eval()
        self._first_token = bool(pooling.get("pooling_mode_cls_token"))
        self.dimensions = int(self._model.config.hidden_size)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (len(texts), dimensions). Runs in the calling thread: call it off the event
        loop.
        """
        ids = [self.tokens(text[:MAX_CHARACTERS]) for text in texts]
        by_class: dict[int, list[int]] = {}
        for index, tokens in enumerate(ids):
            by_class.setdefault(self._length_class(len(tokens)), []).append(index)
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for length, indexes in sorted(by_class.items()):
            at_once = max(1, TOKENS_PER_PASS // length)
            for start in range(0, len(indexes), at_once):
                rows = indexes[start : start + at_once]
                vectors[rows] = self._forward([ids[index] for index in rows], length)
        return vectors

    def _length_class(self, tokens: int) -> int:
        return next((each for each in LENGTH_CLASSES if tokens <= each < self._max_tokens), self._max_tokens)

    def _forward(self, token_ids: list[list[int]], length: int) -> Vectors:
        import torch

        ids = torch.full((len(token_ids), length), self._pad)
        mask = torch.zeros((len(token_ids), length), dtype=torch.long)
        for row, tokens in enumerate(token_ids):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        with torch.inference_mode():
            hidden = self._model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
            if self._first_token:
                pooled = hidden[:, 0]
            else:
                weights = mask.unsqueeze(-1).float()
                pooled = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
            unit = torch.nn.functional.normalize(pooled, dim=1)
        result: Vectors = unit.numpy()
        return result


def _tokenizer(folder: Path, max_tokens: int) -> Callable[[str], list[int]]:
    """Return what turns a text into ids: our own for the unigram vocabulary, else the ``tokenizers`` library."""
    if (folder / FILE).is_file():
        return UnigramTokenizer(folder, max_tokens).encode
    from tokenizers import Tokenizer

    library = Tokenizer.from_file(str(folder / "tokenizer.json"))
    library.no_padding()
    library.enable_truncation(max_tokens)
    return lambda text: list(library.encode(text).ids)


def _load_weights(folder: Path) -> Any:
    """Build the architecture without memory, then let its parameters point into the mapped file."""
    import torch
    from safetensors import safe_open
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(folder)
    with torch.device("meta"):
        build: Any = AutoModel.from_config
        model = build(config)
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    state = {name: values for name, values in state.items() if not name.endswith("position_ids")}
    missing, _unused = model.load_state_dict(state, strict=False, assign=True)
    if missing:
        raise ValueError(f"weights are missing: {', '.join(missing[:3])}")
    for module in model.modules():  # buffers made on "meta" hold no numbers: make them again
        for name, buffer in list(module.named_buffers(recurse=False)):
            if buffer.is_meta:
                values = torch.zeros(buffer.shape, dtype=buffer.dtype)
                if name == "position_ids":
                    values = torch.arange(buffer.shape[-1]).expand(buffer.shape).clone()
                module.register_buffer(name, values, persistent=False)
    return model
