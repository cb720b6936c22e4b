"""Why two organisations are proposed to each other, in one sentence that quotes their own statements. Pure."""

from collections.abc import Mapping
from uuid import UUID

from services.matching.encoder.text import clean
from services.matching.parties import Party, StatementFact
from services.matching.scoring import Meeting, Scored

QUOTE_LENGTH = 140
NAME_LENGTH = 80


def quote(text: str, length: int = QUOTE_LENGTH) -> str:
    """Return the start of a statement in quotation marks, cut at a word; a cut is shown by an ellipsis."""
    text = text.strip().rstrip(".").replace("“", "'").replace("”", "'")
    if len(text) > length:
        cut = text[:length].rsplit(" ", 1)[0].rstrip(" ,;:.-–") or text[:length]
        text = cut + "…"
    return f"“{text}”"


def reason_for(scored: Scored, parties: Mapping[UUID, Party], statements: Mapping[UUID, StatementFact]) -> str:
    """Return the sentence: the better direction first, then the other one if there is one."""
    sentences = [_meeting(each, parties, statements) for each in scored.meetings]
    return "; in return, ".join(sentences) + "."


def _meeting(met: Meeting, parties: Mapping[UUID, Party], statements: Mapping[UUID, StatementFact]) -> str:
    needing, offering = (
        clean(parties[each].name)[:NAME_LENGTH] for each in (met.need_organisation_id, met.offer_organisation_id)
    )
    need, offer = statements[met.need_id], statements[met.offer_id]
    return f"{needing} needs {quote(need.text)}, and {offering} offers {quote(offer.text)}"
