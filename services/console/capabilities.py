"""Links in mails that do one thing without signing in: reading them, and acting on them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.auth import InvalidTokenError, TokenVerifier
from shared.contracts.matching import Answer
from shared.problems import Problem

CAPABILITY_ISSUER = "notifier"
AUDIENCE = "console"
"""Capabilities are for the console alone, never for all services."""
ANSWER_SUGGESTION = "answer-suggestion"


@dataclass(frozen=True)
class AnswerLink:
    """What an answer link says: this person, for this organisation, answers this suggestion in this way."""

    person_id: UUID
    suggestion_id: UUID
    organisation_id: UUID
    answer: Answer

    @property
    def action(self) -> str:
        """The one action that the token made from this link allows."""
        return f"answer:{self.suggestion_id}:{self.organisation_id}:{self.answer}"


def read_answer_link(verifier: TokenVerifier, capability: str) -> AnswerLink:
    """Check a link's signature, issuer, audience, purpose and age; raises 410 when it is not (or no longer) good."""
    try:
        claims = verifier.claims(capability, "capability")
        return _answer_link(claims)
    except (InvalidTokenError, KeyError, ValueError, TypeError) as error:
        raise Problem(
            410, "link-does-not-work", "This link is too old or was cut off. Sign in to answer the suggestion."
        ) from error


def _answer_link(claims: dict[str, Any]) -> AnswerLink:
    if (claims["iss"], claims["aud"], claims["purpose"]) != (CAPABILITY_ISSUER, AUDIENCE, ANSWER_SUGGESTION):
        raise ValueError("made by somebody else or for something else")
    return AnswerLink(
        UUID(claims["sub"]), UUID(claims["suggestion_id"]), UUID(claims["organisation_id"]), Answer(claims["answer"])
    )
