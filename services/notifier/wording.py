"""Words for what the data say: cleaning of foreign text, the fit of a score, shortening of quotes. Pure."""

import re
import unicodedata

QUOTE_LENGTH = 320
"""Characters of a statement shown in a mail; the whole statement stands in the console."""

HIGH_FIT = 0.8
MEDIUM_FIT = 0.7
"""Scores (0…1) from which a pair is called a very good or a good fit. Matching starts at 0.6: a possible fit."""

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def clean(text: str) -> str:
    """Return foreign text as one line: control and direction-changing characters gone, white space collapsed.

    Names and statements come from people; a line break or a bidirectional override in them must not
    change what a header or a sentence of ours says.
    """
    visible = "".join(" " if unicodedata.category(c) in _INVISIBLE else c for c in text)
    return re.sub(r"\s+", " ", visible).strip()


def shorten(text: str, length: int = QUOTE_LENGTH) -> str:
    """Cut at a word's end so that at most ``length`` characters remain, with an ellipsis where something is missing."""
    text = clean(text)
    if len(text) <= length:
        return text
    cut = text[: length - 1].rsplit(" ", 1)[0] or text[: length - 1]
    return cut.rstrip(" ,;:.-") + "…"


def fit(score: float) -> str:
    """Put a score into words: the last part of a text key, ``high``, ``medium`` or ``low``."""
    return "high" if score >= HIGH_FIT else "medium" if score >= MEDIUM_FIT else "low"
