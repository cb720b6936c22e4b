"""Which language a statement is in: what its author said, else a guess that is always the same for the same text."""

import re
from functools import lru_cache

UNKNOWN = "und"
_TOO_SHORT = 12
"""Fewer letters say too little: such a text goes to the multilingual model, which reads any language."""

_FALSE_FRIENDS = frozenset({"af", "cy", "id", "so", "sw", "tl", "vi"})
"""What short texts in Europe's languages are taken for ("Seawater desalination membranes": Indonesian). The next guess
counts; without one the text goes to the multilingual model alone. Who really writes in these states the language.
"""


def language_of(stated: str | None, text: str) -> str:
    """Return an ISO 639-1 code, ``"und"`` when nothing is known. A stated language is trusted."""
    code = (stated or "").strip().lower().removeprefix(UNKNOWN)[:2]
    if re.fullmatch("[a-z]{2}", code):
        return code
    return _detected(text)


@lru_cache(maxsize=4096)
def _detected(text: str) -> str:
    if sum(map(str.isalpha, text)) < _TOO_SHORT:
        return UNKNOWN
    from langdetect import DetectorFactory, LangDetectException, detect_langs

    DetectorFactory.seed = 1
    try:
        guesses = [str(each.lang)[:2] for each in detect_langs(text[:1000])]
    except LangDetectException:
        return UNKNOWN
    return next((each for each in guesses if each not in _FALSE_FRIENDS), UNKNOWN)
