"""Why two organisations are suggested to each other, told to one reader from what was stored. Pure.

Nothing is computed anew: the shares are those that the ranker gave, the quotes those that met, and what speaks against
a pair is only what the stored factors say.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from services.matching.ranking.ranker import BEFORE, DECIMALS
from services.matching.reasons import quotable, shortened, shown_name
from services.matching.schemas import (
    ExplainedMeeting,
    ExplanationView,
    FactorShare,
    Quoted,
    ScoredWith,
    SuggestionView,
)
from services.matching.scoring import BY_REGION
from services.matching.texts import Texts, written_language
from shared.contracts.matching import Evidence

NEAR_KM = 150
"""Regions whose main places lie so close are said to be close to each other."""
SHOWN_LENGTH = 320
"""Characters of a statement that are shown beside the reason."""


@dataclass(frozen=True)
class Reader:
    """Who reads: the language wanted, and all languages that the reader has listed (ISO 639-1)."""

    language: str
    reads: frozenset[str]


@dataclass(frozen=True)
class Grounds:
    """What was stored of a score: its shares by factor, what was known of the pair by factor, and the models.

    ``explored``: the pair was not among the best, but drawn to learn from its answers.
    """

    shares: Mapping[str, float]
    values: Mapping[str, float]
    model: ScoredWith
    explored: bool = False


def explain(told: SuggestionView, grounds: Grounds, reader: Reader) -> ExplanationView:
    """Return the explanation of a suggestion, as it is told to who asks, for a reader.

    Shares that don't add up to the score are none (suggestions from before there were shares): then there are no
    factors, and nothing is said against the pair.
    """
    texts = Texts(written_language(reader.language))
    names = {told.first_id: shown_name(told.first_name), told.second_id: shown_name(told.second_name)}
    adds_up = round(sum(grounds.shares.values()) - told.score, DECIMALS) == 0
    return ExplanationView(
        suggestion_id=told.suggestion_id,
        first_id=told.first_id,
        second_id=told.second_id,
        first_name=told.first_name,
        second_name=told.second_name,
        language=texts.language,
        score=told.score,
        factors=factors_told(grounds, texts) if adds_up else [],
        meetings=[_meeting(each, names, texts, reader) for each in told.evidence],
        sentence=sentence(told.evidence, names, texts),
        gains=gains(told.evidence, names, texts),
        against=against(grounds, texts) if adds_up else [],
        explored=texts("explored") if grounds.explored else None,
        call=told.call,
        model=grounds.model,
    )


def factors_told(grounds: Grounds, texts: Texts) -> list[FactorShare]:
    """Return the shares in words: what every pair has first, then the largest first."""
    order = sorted(grounds.shares, key=lambda name: (name != BEFORE, -grounds.shares[name], name))
    return [
        FactorShare(
            name=name,
            text=_factor_text(name, grounds.values, texts),
            share=grounds.shares[name],
            value=grounds.values.get(name),
        )
        for name in order
    ]


def against(grounds: Grounds, texts: Texts) -> list[str]:
    """Return what speaks against a pair, the heaviest first: what is missing, and whatever lowers the score."""
    said = []
    known = grounds.values.keys() | (grounds.shares.keys() - {BEFORE})
    for name in sorted(known, key=lambda each: (grounds.shares.get(each, 0.0), each)):
        value = grounds.values.get(name)
        missing = texts.first_of(f"against.{name}") if value is not None and value <= 0 else None
        if missing:
            said.append(texts(missing))
        elif grounds.shares.get(name, 0.0) < 0:
            said.append(texts("against.other", text=_factor_text(name, grounds.values, texts)))
    return said


def sentence(evidence: Iterable[Evidence], names: Mapping[UUID, str], texts: Texts) -> str | None:
    """Return the reason: the better direction, then the other one if there is one; ``None`` when nothing met."""
    parts = [
        texts(
            "meeting",
            needing=names[each.need_organisation_id],
            need=quotable(each.need_text),
            offering=names[each.offer_organisation_id],
            offer=quotable(each.offer_text),
        )
        for each in evidence
    ]
    if not parts:
        return None
    return (
        texts("sentence.two", first=parts[0], second=parts[1]) if parts[1:] else texts("sentence.one", first=parts[0])
    )


def gains(evidence: Iterable[Evidence], names: Mapping[UUID, str], texts: Texts) -> dict[UUID, str]:
    """Return what each side gains, by organisation: an answer to its need before somebody for its offer."""
    found: dict[UUID, list[tuple[bool, str]]] = {}
    for each in evidence:
        needing, offering = each.need_organisation_id, each.offer_organisation_id
        answer = texts("gain.need", partner=names[offering], offer=quotable(each.offer_text))
        demand = texts("gain.offer", partner=names[needing], need=quotable(each.need_text))
        found.setdefault(needing, []).append((False, answer))
        found.setdefault(offering, []).append((True, demand))
    return {side: " ".join(text for _, text in sorted(said)) for side, said in found.items()}


def _meeting(each: Evidence, names: Mapping[UUID, str], texts: Texts, reader: Reader) -> ExplainedMeeting:
    def quoted(statement_id: UUID, organisation_id: UUID, text: str, language: str) -> Quoted:
        return Quoted(
            statement_id=statement_id,
            organisation_id=organisation_id,
            organisation_name=names[organisation_id],
            text=shortened(text.strip(), SHOWN_LENGTH),
            language=language,
            language_name=texts.language_name(language),
            foreign=language not in reader.reads,
        )

    return ExplainedMeeting(
        need=quoted(each.need_statement_id, each.need_organisation_id, each.need_text, each.need_language),
        offer=quoted(each.offer_statement_id, each.offer_organisation_id, each.offer_text, each.offer_language),
        similarity=each.similarity,
    )


def _factor_text(name: str, values: Mapping[str, float], texts: Texts) -> str:
    """Return a factor in words; a ranker may look at something that has no words yet, which is named as it is.

    ``percent`` is for values of 0…1, ``km`` for thousands of kilometres.
    """
    value = values.get(name)
    grade = "" if value is None else "none" if value <= 0 else "full" if value >= 1 else "some"
    if name == "distance" and value is not None and BY_REGION in values:
        grade = "near" if 1000 * value <= NEAR_KM else "regions"
    key = texts.first_of(f"factor.{name}.{grade}", f"factor.{name}") or "factor.other"
    percent, km = ("–", "–") if value is None else (texts.number(100 * value), texts.number(10 * round(100 * value)))
    return texts(key, name=name.replace("_", " "), percent=percent, km=km)
