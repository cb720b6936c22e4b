"""The multilingual model's tokenizer in a tenth of the memory.

The ``tokenizers`` library builds a tree of hash maps over 250,000 pieces: 280 MB, a third of the whole service. This
one keeps the pieces in one dictionary and remembers the words it has seen, which statements repeat. It gives the same
tokens (a test compares them), except that special tokens written out in a text stay text.
"""

import json
import re
import unicodedata
from array import array
from functools import lru_cache
from pathlib import Path

FILE = "unigram.json"
SPACE = "▁"
UNKNOWN_PENALTY = 10.0
"""An unknown character costs this much more than the rarest piece (the rule of SentencePiece)."""
REMEMBERED_WORDS = 50_000

_SPACES = re.compile(" {2,}")
_WORDS = re.compile(f"{SPACE}[^{SPACE}]*")


class UnigramTokenizer:
    """Splits texts into the most probable pieces. ``encode`` returns token ids with the beginning and end tokens."""

    def __init__(self, folder: Path, max_tokens: int) -> None:
        stored = json.loads((folder / FILE).read_text(encoding="utf-8"))
        self._ids: dict[str, int] = {piece: number for number, piece in enumerate(stored["pieces"])}
        self._scores = array("f", stored["scores"])
        self._begin, self._end, self._unknown = (int(stored[name]) for name in ("bos", "eos", "unknown"))
        for special in stored["special"]:
            self._ids.pop(stored["pieces"][special], None)
        self._longest = max(map(len, self._ids))
        self._unknown_score = min(self._scores) - UNKNOWN_PENALTY
        self._vanish = {ord(each): None for each in stored["removed"]} | {ord(each): " " for each in stored["spaces"]}
        self._room = max_tokens - 2
        self._pieces_of = lru_cache(maxsize=REMEMBERED_WORDS)(self._split)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, at most ``max_tokens`` of them."""
        text = _SPACES.sub(" ", unicodedata.normalize("NFKC", text.translate(self._vanish))).replace(" ", SPACE)
        if text and not text.startswith(SPACE):
            text = SPACE + text
        ids: list[int] = []
        for word in _WORDS.findall(text):
            ids += self._pieces_of(word)
            if len(ids) >= self._room:
                break
        return [self._begin, *ids[: self._room], self._end]

    def _split(self, word: str) -> tuple[int, ...]:
        """Return the pieces of one word by the Viterbi algorithm; neighbouring unknown characters become one token."""
        length = len(word)
        best = [0.0] + [float("-inf")] * length
        came: list[tuple[int, int]] = [(0, self._unknown)] * (length + 1)
        for start in range(length):
            here = best[start]
            for end in range(start + 1, min(length, start + self._longest) + 1):
                piece = self._ids.get(word[start:end])
                score = here + (self._scores[piece] if piece is not None else self._unknown_score)
                if piece is None and end > start + 1:
                    continue
                if score > best[end]:
                    best[end], came[end] = score, (start, self._unknown if piece is None else piece)
        ids: list[int] = []
        end = length
        while end > 0:
            end, piece = came[end]
            if not (piece == self._unknown and ids and ids[-1] == self._unknown):
                ids.append(piece)
        return tuple(reversed(ids))
