"""Where a page of organisations ended, as an opaque word for the next request."""

import base64
import binascii
from dataclasses import dataclass
from uuid import UUID

from pydantic_core import from_json, to_json


@dataclass(frozen=True)
class Place:
    """The last line of a page: its rank in the search (0 without text), its sorting key and its id."""

    rank: int
    name_key: str
    id: UUID

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(to_json([self.rank, self.name_key, self.id.hex])).decode()

    @classmethod
    def parse(cls, word: str) -> "Place":
        """Read a cursor; raises ``ValueError`` on anything we did not write."""
        try:
            rank, name_key, identifier = from_json(base64.b64decode(word.encode(), altchars=b"-_", validate=True))
        except (binascii.Error, TypeError) as error:
            raise ValueError("no cursor of ours") from error
        if not (isinstance(rank, int) and abs(rank) < 2**62 and isinstance(name_key, str) and "\0" not in name_key):
            raise ValueError("no cursor of ours")
        return cls(rank, name_key, UUID(str(identifier)))
