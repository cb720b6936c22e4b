"""What the models read of a call: its title and the beginning of what it wants to achieve. Pure."""

import re

from services.matching.encoder.text import clean

OBJECTIVE_CHARACTERS = 300
"""So much of the text is read beside the title: calls say first what they are for, then pages of conditions."""

_HEADING = re.compile(r"[^.:!?]{1,300}:\s*")
"""“Expected Outcome:”, “Projects contribute to the following:”: words before a colon that say nothing themselves."""

MAX_HEADINGS = 3


def objective(text: str) -> str:
    """Return a call's cleaned text without the headings that it begins with."""
    for _ in range(MAX_HEADINGS):
        heading = _HEADING.match(text)
        if heading is None or heading.end() == len(text):
            break
        text = text[heading.end() :]
    return text


def read_text_of(title: str, text: str) -> str:
    """Return what is read of a call with this cleaned title and text: ``Title. Beginning of the objective``."""
    wanted = objective(text)
    if len(wanted) > OBJECTIVE_CHARACTERS:
        wanted = wanted[:OBJECTIVE_CHARACTERS].rsplit(" ", 1)[0]
    return clean(f"{title.rstrip('. ')}. {wanted}" if wanted else title)
