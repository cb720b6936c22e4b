"""Shorten a project's own description to the sentences that say what its SME offers.

Pure text work: nothing is rewritten, sentences are only chosen and kept in their order, so that an offer stays the
organisation's own words (CORDIS, CC BY 4.0).
"""

import re

LONGEST = 900  # characters of an offer: about what the sentence encoders read
SHORTEST = 60  # a description below this says nothing by itself; the project's title is put before it
SHORT = 200  # a selection below this gets the project's title as its first sentence

_BOUNDARY = re.compile(r"(?<=[.!?;:])\s+(?=[\"“‘'(\[\-•]?[A-Z0-9])|\s*[•▪●]\s*|(?<=\.)(?=[A-Z][a-z]{2,})")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|approx|ca|vs|Ltd|No|Fig|Dr|Mr|Prof|St|incl|max|min|S\.L|S\.A|Inc|Co)\.)$"
)
_LIST_MARK = re.compile(r"^(?:\(?[0-9ivx]{1,3}[.)]|[-–•*])\s*", re.IGNORECASE)

# Sentences about money, the grant or the world's state: true, but no offer.
_BUSINESS = re.compile(
    r"€|£|\$|\bEUR\b|\bUSD\b|euros?\b|\bmillion|\bbillion|revenue|turnover|profit|\bROI\b|return on investment|market share"
    r"|market size|business plan|business model|feasibility|[Pp]hase ?[I12]\b|SME[ -][Ii]nstrument|Horizon|H2020"
    r"|European Commission|work ?package|\bgrant|funding|\bTRL|\bFTO\b|freedom to operate|intellectual property|\bIPR|patent"
    r"|world population|global population|per year growth|CAGR|forecast|investor|stakeholder|jobs|employ|competitor"
    r"|this proposal|project will|the project aims|objective of th|aim of th|overall objective|months?\b.*project",
    re.IGNORECASE,
)
_OFFER = re.compile(
    r"\b(?:we|our|has developed|have developed|developed|invent|patented|novel|innovative|technology|system|device|product"
    r"|solution|process|machine|sensor|platform|software|service|enables?|allows?|provides?|offers?|consists?|based on|uses?"
    r"|using|without|reduc\w+|increas\w+|remov\w+|treat\w*|monitor\w*|produc\w+)\b",
    re.IGNORECASE,
)
_PERSONAL = re.compile(r"@|\b(?:Mr|Mrs|Ms|Dr|Prof)\b\.?\s+[A-Z]|\bfounded by\b|\bled by\b")


def sentences(text: str) -> list[str]:
    """Split ``text`` into trimmed sentences; abbreviations do not end one."""
    whole: list[str] = []
    for part in _BOUNDARY.split(text.replace("\n", " ")):
        piece = re.sub(r"\s+", " ", part or "").strip().strip('"“”').strip()
        if not piece:
            continue
        if whole and _ABBREVIATION.search(whole[-1]):
            whole[-1] = f"{whole[-1]} {piece}"
        else:
            whole.append(_LIST_MARK.sub("", piece))
    return whole


def worth(sentence: str, position: int, acronym: str) -> float:
    """How much a sentence says about the offer (higher is better); negative means it is left out."""
    if _PERSONAL.search(sentence) or len(sentence) < 25:
        return -10.0
    value = 1.5 * len(_OFFER.findall(sentence)) ** 0.5 - 0.05 * position
    if acronym and acronym.lower() in sentence.lower():
        value += 1.5
    if _BUSINESS.search(sentence):
        value -= 4.0
    if sentence.endswith((":", "?")):
        value -= 1.0
    return value


def shorten(title: str, acronym: str, description: str, without: str = "") -> str:
    """The best sentences of ``description``, in their order, at most ``LONGEST`` characters; with the title if short.

    Sentences that stand in ``without`` (the coordinator's offer, when a partner's is made) are left out.
    """
    found = [sentence for sentence in sentences(description) if not without or sentence not in without]
    ranked = sorted(range(len(found)), key=lambda i: (-worth(found[i], i, acronym), i))
    kept: list[int] = []
    room = LONGEST
    for index in ranked:
        if worth(found[index], index, acronym) < 0.5 and sum(len(found[i]) for i in kept) >= SHORTEST:
            break
        if worth(found[index], index, acronym) <= -9.0 or len(found[index]) + 1 > room:
            continue
        kept.append(index)
        room -= len(found[index]) + 1
    text = " ".join(found[i] for i in sorted(kept))
    if len(text) < SHORT and not without:
        heading = re.sub(r"\s+", " ", title).strip().rstrip(".")
        text = f"{heading}. {text}" if len(text) >= SHORTEST else f"{heading}."
    return text.rstrip(" :;,-").strip()


def alike(first: str, second: str) -> float:
    """Jaccard similarity of the words of two texts, 0 to 1."""
    one, two = (set(re.findall(r"[a-z]{4,}", text.lower())) for text in (first, second))
    return len(one & two) / max(1, len(one | two))
