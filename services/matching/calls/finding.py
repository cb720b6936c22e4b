"""Use case: find open calls by what a question means, compared as statements are when calls are fitted to them."""

import re
from dataclasses import dataclass
from datetime import date

from services.matching.encoder.spaces import read_text
from services.matching.engine import Engine
from services.matching.models import Call
from services.matching.picture import Picture
from services.matching.repository import calls as rows
from shared.clock import today
from shared.database import Database

AT_LEAST = 0.25
"""Calls that are closer to a question than nine in ten of those paired with a statement at random are worth a look:
who asks reads from the top.
"""
MOST = 200
_WORDS = re.compile(r'["“”„«»]|(?:^|\s)-\S|\sOR\s')
"""Signs of somebody who looks for words, not for what they mean."""


@dataclass(frozen=True)
class FoundCall:
    """A call, its next deadline, and how close it is to the question; ``None``: found by its words alone."""

    call: Call
    deadline: date
    similarity: float | None

    def order(self, words: str) -> tuple[bool, float, date, str]:
        """Return what calls are sorted by."""
        named = words.casefold() in self.call.supplied_id.casefold()
        return (not named, -(self.similarity or 0.0), self.deadline, str(self.call.id))


def asks_for_words(words: str) -> bool:
    """Whether these words are to be looked for as they are: quoted, left out by a minus, or one OR another."""
    return _WORDS.search(words) is not None


async def by_meaning(database: Database, engine: Engine, shown: Picture, words: str) -> list[FoundCall]:
    """Return the open calls that mean these words or hold them all, the closest first.

    Raises :class:`~services.matching.encoder.errors.ModelUnavailableError`.
    """
    day = today()
    asked = await engine.ask_calls(shown, read_text(words, None))
    async with database.session() as session:
        await shown.calls.refresh(session, day)
        close = shown.calls.close_to(asked, AT_LEAST)
        told = {call.id: call for call, _ in await rows.page(session, day, MOST, words, only_open=True)}
        told |= await rows.still_open(session, [each for each in close if each not in told], day)
    found = [FoundCall(call, _deadline(call, day), close.get(each)) for each, call in told.items()]
    return sorted(found, key=lambda each: each.order(words))[:MOST]


def _deadline(call: Call, day: date) -> date:
    return min((each for each in call.deadlines if each >= day), default=call.closes_on)
