"""Which pair of the mailed suggestions the story goes on with: two countries, both sides reachable, nobody answered."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from deploy.local.demo.mailbox_reader import AnswerLink, answer_links


@dataclass(frozen=True)
class Side:
    """One side of a pair: its organisation, the mail's recipient, and her link that says yes."""

    organisation_id: str
    email: str
    person_id: str
    yes: AnswerLink
    language: str


@dataclass(frozen=True)
class Pair:
    """Both sides of a suggestion that were both mailed."""

    suggestion_id: str
    sides: tuple[Side, Side]


class Mailed:
    """Collects the answer links of mails and knows the pairs whose both sides got one."""

    def __init__(self) -> None:
        self._sides: dict[str, dict[str, Side]] = {}

    def read(self, messages: Iterable[dict[str, Any]]) -> None:
        """Take in more mails."""
        for message in messages:
            for link in answer_links(message):
                if link.answer == "interested":
                    side = Side(link.organisation_id, link.email, link.person_id, link, message["language"])
                    self._sides.setdefault(link.suggestion_id, {}).setdefault(link.organisation_id, side)

    def pairs(self) -> Iterator[Pair]:
        """Yield the suggestions whose both sides were mailed."""
        for key, sides in self._sides.items():
            if len(sides) == 2:
                first, second = sides.values()
                yield Pair(key, (first, second))

    @property
    def suggestions(self) -> int:
        """How many suggestions were mailed to at least one side."""
        return len(self._sides)
