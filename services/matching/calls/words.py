"""What a call says, as the models read it. Pure."""

import re
from dataclasses import dataclass

from services.matching.calls.programme_parts import words_of

_ACTION = re.compile(r"\s*\((?:RIA|IA|CSA|PCP|PPI|COFUND)\)", re.IGNORECASE)


@dataclass(frozen=True)
class CallWords:
    """``identifier``: its publisher's name for it; ``read_text``: title and the beginning of its objective."""

    identifier: str
    title: str
    language: str
    read_text: str

    @property
    def bare_title(self) -> str:
        """The title without the kind of action in brackets."""
        return " ".join(_ACTION.sub(" ", self.title).split()) or self.title

    @property
    def described(self) -> str:
        """The title with the programme's part in words."""
        words = words_of(self.identifier)
        return f"{self.bare_title} ({words})" if words else self.bare_title
