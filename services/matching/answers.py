"""What the two sides say to a suggestion, and the state that follows. Pure: the tables are the documentation."""

from shared.contracts.matching import Answer, SuggestionState

AFTER_ANSWERS: dict[frozenset[Answer | None], SuggestionState] = {
    frozenset({None}): SuggestionState.PROPOSED,
    frozenset({None, Answer.INTERESTED}): SuggestionState.PROPOSED,
    frozenset({Answer.INTERESTED}): SuggestionState.CONNECTED,
    frozenset({None, Answer.NOT_INTERESTED}): SuggestionState.DECLINED,
    frozenset({Answer.INTERESTED, Answer.NOT_INTERESTED}): SuggestionState.DECLINED,
    frozenset({Answer.NOT_INTERESTED}): SuggestionState.DECLINED,
}
"""State by the set of both answers (``None``: not answered yet); it doesn't matter which side said what."""

ANSWERABLE = frozenset({SuggestionState.PROPOSED, SuggestionState.DECLINED})
"""A side may change its mind until both have agreed; a connection stays, and a withdrawn suggestion waits for a new
proposal. A declined one is answered by who declined it; to the other it is withdrawn.
"""


def state_after(first: Answer | None, second: Answer | None) -> SuggestionState:
    """Return the state that follows from both answers."""
    return AFTER_ANSWERS[frozenset({first, second})]
