"""The lexicon: vectors of texts by the character n-grams of their words, alike across languages. Numpy only.

Where USE does not know a language and e5 knows little of it (Finnish, Hungarian, Greek …), the pieces of words that
trade vocabulary is made of say most: ``jäädyt`` and ``froz`` lie close together. Learned from official product labels
that are the same in all languages (see ``learn_lexicon.py``).
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from services.matching.encoder.calibration import Vectors
from services.matching.encoder.errors import ModelDamagedError, ModelMissingError

Packed = npt.NDArray[np.uint8]

LEXICON = Path(__file__).with_name("lexicon.npz")
UNNAMED, ONCE_UNNAMED = "lexicon", "lexicon-c6dd474b"
"""Until names told tables apart, those that have the second name now had the first."""
SIZES = (3, 4)
"""Characters of an n-gram."""
MOST = 7
"""Weights are stored as whole numbers −7…7, two in a byte: as good as eight bits each (recall .929 both)."""
MAX_CHARACTERS = 1_000


def ngrams(text: str) -> Counter[str]:
    """Return the 3- and 4-character pieces of each lower-case word with a space at both ends, and how often."""
    found = Counter[str]()
    for word in text.lower().split():
        padded = f" {word} "
        for size in SIZES:
            last = max(1, len(padded) - size + 1)
            found.update(padded[start : start + size] for start in range(last))
    return found


@dataclass(frozen=True)
class Table:
    """One language's n-grams in order, their weights (inverse document frequency), and their rows of the table."""

    ngrams: tuple[str, ...]
    idf: Vectors
    scale: Vectors
    packed: Packed
    """Shape (n-grams, width / 2)."""

    @cached_property
    def place(self) -> dict[str, int]:
        """Row by n-gram."""
        return {each: row for row, each in enumerate(self.ngrams)}

    def vector(self, text: str) -> Vectors:
        """Return a unit vector, zeros when no n-gram of the text is known."""
        counts = ngrams(text[:MAX_CHARACTERS])
        known = [(self.place[each], count) for each, count in counts.items() if each in self.place]
        if not known:
            return np.zeros(2 * self.packed.shape[1], np.float32)
        rows = np.array([row for row, _ in known])
        weights = (1 + np.log([count for _, count in known])) * self.idf[rows] * self.scale[rows]
        total: Vectors = (weights[:, None] * unpack(self.packed[rows])).sum(axis=0)
        length = np.linalg.norm(total)
        return (total / length if length > 0 else total).astype(np.float32)


class Lexicon:
    """Tables by language."""

    def __init__(self, tables: Mapping[str, Table], name: str = UNNAMED) -> None:
        self.name = name
        self._tables = dict(tables)
        self.dimensions = 2 * next(iter(self._tables.values())).packed.shape[1]

    def named(self, name: str) -> "Lexicon":
        """Return the same tables under another name."""
        return Lexicon(self._tables, name)

    @property
    def languages(self) -> frozenset[str]:
        """The languages it knows."""
        return frozenset(self._tables)

    def encode(self, texts: Sequence[str], languages: Sequence[str] = ()) -> Vectors:
        """Return unit vectors, shape (len(texts), dimensions); zeros where nothing is known."""
        nothing = np.zeros(self.dimensions, np.float32)
        made = [
            self._tables[language].vector(text) if language in self._tables else nothing
            for text, language in zip(texts, languages, strict=True)
        ]
        return np.asarray(made, np.float32).reshape(len(made), self.dimensions)


def pack(numbers: npt.NDArray[np.int8]) -> Packed:
    """Put whole numbers −7…7, shape (n, even), two into a byte."""
    shifted = (numbers + MOST).astype(np.uint8)
    packed: Packed = (shifted[:, 0::2] | (shifted[:, 1::2] << 4)).astype(np.uint8)
    return packed


def unpack(packed: Packed) -> Vectors:
    """Return what :func:`pack` was given."""
    numbers = np.empty((len(packed), 2 * packed.shape[1]), np.float32)
    numbers[:, 0::2], numbers[:, 1::2] = packed & 15, packed >> 4
    return numbers - MOST


def save_lexicon(tables: Mapping[str, Table], path: Path) -> None:
    """Write tables to a compressed file."""
    stored: dict[str, npt.NDArray[Any]] = {}
    for language, each in tables.items():
        stored |= {
            f"{language}_ngrams": np.frombuffer("\n".join(each.ngrams).encode(), np.uint8),
            f"{language}_idf": each.idf.astype(np.float16),
            f"{language}_scale": each.scale.astype(np.float16),
            f"{language}_table": each.packed,
        }
    np.savez_compressed(path, allow_pickle=False, **stored)


@cache
def lexicon_name(path: Path = LEXICON) -> str:
    """Return the name of the tables in a file: learned anew, they are another model and have another name."""
    if not path.is_file():
        return UNNAMED
    return f"lexicon-{hashlib.blake2b(path.read_bytes(), digest_size=4).hexdigest()}"


def load_lexicon(path: Path = LEXICON) -> Lexicon:
    """Read the tables (0.3 s); raises ``ModelUnavailableError`` when they are not there or not whole."""
    if not path.is_file():
        raise ModelMissingError(f"the lexicon {path} is missing: install the product again")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            languages = sorted(name.removesuffix("_table") for name in stored.files if name.endswith("_table"))
            return Lexicon({each: _table(stored, each) for each in languages}, lexicon_name(path))
    except Exception as error:  # numpy and zipfile raise whatever they stumble over in a damaged file
        raise ModelDamagedError(f"the lexicon {path} can't be read: {error}") from error


def _table(stored: Mapping[str, npt.NDArray[Any]], language: str) -> Table:
    table = Table(
        tuple(stored[f"{language}_ngrams"].tobytes().decode().split("\n")),
        stored[f"{language}_idf"].astype(np.float32),
        stored[f"{language}_scale"].astype(np.float32),
        stored[f"{language}_table"],
    )
    if len(table.ngrams) != len(table.idf) or len(table.idf) != len(table.packed) or not len(table.idf):
        raise ValueError(f"the table of {language} is not whole")
    return table
