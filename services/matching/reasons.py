"""Why two organisations are proposed to each other, in one sentence that quotes their own statements. Pure."""

from collections.abc import Mapping
from uuid import UUID

from services.matching.encoder.text import clean
from services.matching.parties import Party, StatementFact
from services.matching.scoring import Meeting, Scored

QUOTE_LENGTH = 140
NAME_LENGTH = 80
_MARKS = str.maketrans(dict.fromkeys("“”„«»", "'"))


def shortened(text: str, length: int) -> str:
    """Return the start of a text, cut at a word; a cut is shown by an ellipsis."""
    if len(text) <= length:
        return text
    return (text[:length].rsplit(" ", 1)[0].rstrip(" ,;:.-–") or text[:length]) + "…"


def quotable(text: str, length: int = QUOTE_LENGTH) -> str:
    """Return the start of a statement as it stands inside a sentence of ours, between quotation marks."""
    return shortened(text.strip().rstrip(".").translate(_MARKS), length)


def quote(text: str, length: int = QUOTE_LENGTH) -> str:
    """Return the start of a statement in quotation marks, cut at a word; a cut is shown by an ellipsis."""
    return f"“{quotable(text, length)}”"


def shown_name(name: str) -> str:
    """Return an organisation's name as it stands inside a sentence of ours."""
    return clean(name)[:NAME_LENGTH]


def reason_for(scored: Scored, parties: Mapping[UUID, Party], statements: Mapping[UUID, StatementFact]) -> str:
    """Return the sentence: the better direction first, then the other one if there is one."""
    sentences = [_meeting(each, parties, statements) for each in scored.meetings]
    return "; in return, ".join(sentences) + "."


def _meeting(met: Meeting, parties: Mapping[UUID, Party], statements: Mapping[UUID, StatementFact]) -> str:
    needing, offering = (
        shown_name(parties[each].name) for each in (met.need_organisation_id, met.offer_organisation_id)
    )
    need, offer = statements[met.need_id], statements[met.offer_id]
    return f"{needing} needs {quote(need.text)}, and {offering} offers {quote(offer.text)}"
