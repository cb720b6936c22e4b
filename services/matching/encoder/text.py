"""What of a text a model reads: no markup, no control characters, single spaces, bounded."""

import hashlib
import html
import re

MAX_CHARACTERS = 4_000
_MARKUP = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^<>]{0,500}>", re.IGNORECASE | re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_SPACE = re.compile(r"\s+")


def clean(text: str) -> str:
    """Return the readable part of a statement; a text without any letter or digit becomes empty."""
    text = html.unescape(_MARKUP.sub(" ", text[: 4 * MAX_CHARACTERS]))
    text = _SPACE.sub(" ", _CONTROL.sub(" ", text)).strip()[:MAX_CHARACTERS]
    return text if any(map(str.isalnum, text)) else ""


def text_hash(language: str, read_text: str) -> bytes:
    """Return the 16 bytes under which the vector of this text, read in this language, is stored."""
    return hashlib.blake2b(f"{language}\n{read_text}".encode(), digest_size=16).digest()
