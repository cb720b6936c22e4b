"""Shorten a project's own description to the sentences that say what its SME offers.

Nothing is rewritten: the title and some sentences, chosen by hand in ``authored/firms.csv``, are kept in their order,
so that an offer stays the organisation's own words (CORDIS, CC BY 4.0).
"""

import re

LONGEST = 900  # characters of an offer: about what the sentence encoders read

_BOUNDARY = re.compile(r"(?<=[.!?])\s+(?=[\"“‘'(\[\-•]?[A-Z0-9])|\s*[•▪●]\s*|(?<=\.)(?=[A-Z][a-z]{2,})|\n+")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|approx|ca|vs|Ltd|No|Fig|Dr|Mr|Prof|St|incl|max|min|S\.L|S\.A|Inc|Co)\.)$"
)
_LIST_MARK = re.compile(r"^(?:\(?[0-9ivx]{1,3}[.)]|[-–•*])\s*", re.IGNORECASE)
_STUDY = re.compile(
    r"^(?:A )?(?:feasibility (?:study|assessment)(?: for| of| to)?|commerciali[sz]ation of|industrial scale-up of"
    r"|up-scaling, demonstration and first market application of|demonstration of(?: the economic feasibility of)?"
    r"|a study for the technical and business feasibility of|investigating the commercial feasibility of)\s+"
    r"(?:(?:an?|the)\s+)?",
    re.IGNORECASE,
)


def sentences(text: str) -> list[str]:
    """Split ``text`` into trimmed sentences; abbreviations do not end one."""
    whole: list[str] = []
    for part in _BOUNDARY.split(text):
        piece = re.sub(r"\s+", " ", part or "").strip().strip('"“”').strip()
        if not piece:
            continue
        if whole and _ABBREVIATION.search(whole[-1]):
            whole[-1] = f"{whole[-1]} {piece}"
        else:
            whole.append(_LIST_MARK.sub("", piece))
    return whole


def heading(title: str) -> str:
    """The title as a sentence: no "feasibility study of", no shouting; empty if it is only a name."""
    text = _STUDY.sub("", re.sub(r"\s+", " ", title).strip()).rstrip(". ")
    if text == text.upper():
        text = text.lower()
    if len(text.split()) < 3 or text.startswith("Topic identifier"):
        return ""
    return f"{text[0].upper()}{text[1:]}."


def shorten(title: str, description: str, chosen: list[int]) -> str:
    """The title and the ``chosen`` sentences (by position) of a description, at most ``LONGEST`` characters."""
    found = sentences(description)
    kept = [heading(title)]
    for index in chosen:
        sentence = found[index]
        if sum(map(len, kept)) + len(kept) + len(sentence) > LONGEST:
            continue
        # Some descriptions begin with the title, or consist of it.
        if sentence.rstrip(".").lower() != title.rstrip(".").lower():
            kept.append(sentence if sentence[-1] in ".!?" else f"{sentence.rstrip(' :;,')}.")
    return " ".join(filter(None, kept)) or f"{title.strip()}."
