"""Refusals of a form: each at its field, in plain words; what belongs to no field stands at the top."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from shared.problems import Problem

STALE = 412
MOST_SHOWN = 50

FILL_IN = "Please fill this in."

_PLAIN: tuple[tuple[str, str], ...] = (
    (r"Value error, (.+)", r"\1"),
    (r"Field required", FILL_IN),
    (r"(?:String|Value|Tuple|List) should have at least 1 (?:character|item).*", FILL_IN),
    (r"Input should be a valid date.*", "Please give a day, for example 2026-12-31."),
    (r"Input should be a valid (?:decimal|number).*", "Please write a number, for example 5000.00."),
    (r"Decimal input should be an integer, float.*", "Please write a number, for example 5000.00."),
    (r"Input should be a valid integer.*", "Please write a whole number."),
    (r"Input should be greater than or equal to (.+)", r"This must be \1 or more."),
    (r"Input should be less than or equal to (.+)", r"This must be \1 or less."),
    (r"Input should be greater than (.+)", r"This must be more than \1."),
    (r"Decimal input should have no more than 2 decimal places", "At most two digits may follow the point."),
    (r"Decimal input should have no more than .*", "This number is too large."),
    (r"String should have at most (\d+) characters?", r"At most \1 characters fit here."),
    (r"(?:List|Tuple) should have at most (\d+) items?.*", r"At most \1 of these are possible."),
    (r"Input should be a valid UUID.*", "Please choose one from the list."),
    (r"Input should be '.*", "Please choose one from the list."),
    (r"String should match pattern.*", "This is not written as it must be."),
)  # fmt: skip
"""What pydantic says to programmers, and what it means to people."""

AT_FIELD: Mapping[str, str] = {
    "budget-available": "budget-amount",
    "positive-cents": "budget-amount",
    "known-organisation": "funder_id",
}
"""Refusals by a rule that is about one field."""


@dataclass(frozen=True)
class Faults:
    """Messages by field, in the order they were found, and those of no field. ``newest``: the version that is there
    now, when somebody else changed the thing meanwhile."""

    at: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    top: tuple[str, ...] = ()
    newest: str = ""

    def __bool__(self) -> bool:
        return bool(self.at or self.top or self.newest)

    def of(self, key: str) -> tuple[str, ...]:
        """Return what is wrong with a field."""
        return self.at.get(key, ())


def faults_of(problem: Problem, known: Collection[str], named: Callable[[str], str]) -> Faults:
    """Return a problem as faults of the form whose fields are ``known``; ``named`` says how a field is called."""
    if problem.status == STALE:
        return Faults(newest=str(problem.extra.get("current_version", "")))
    at: dict[str, list[str]] = {}
    top: list[str] = []
    listed = [each for each in _listed(problem) if each[1]]
    for path, message in listed[:MOST_SHOWN]:
        key = key_of(path, known)
        if key:
            at.setdefault(key, []).append(message)
        else:
            name = path.rsplit(".", 1)[-1]
            top.append(message if name in ("", "body") or name.isdigit() else f"{named(name)}: {message}")
    if not listed:
        place = AT_FIELD.get(problem.rule, "")
        if place in known:
            at[place] = [problem.detail]
        else:
            top.append(problem.detail)
    return Faults({key: _distinct(found) for key, found in at.items()}, _distinct(top))


def _distinct(messages: list[str]) -> tuple[str, ...]:
    """Return each message once. Where something is wrong, it is not also missing (its list is empty without it)."""
    found = tuple(dict.fromkeys(messages))
    return tuple(each for each in found if each != FILL_IN) or found


def key_of(path: str, known: Collection[str]) -> str | None:
    """Return the field for a path such as ``body.rules.3.cap.amount``: the longest beginning that is a field.

    What follows a rule's number is the rule's own word, which no field is named after.
    """
    steps = [each for each in path.split(".") if each != "body"]
    if len(steps) > 2 and steps[0] == "rules":
        del steps[2]
    for length in range(len(steps), 0, -1):
        key = "-".join(steps[:length])
        if key in known:
            return key
    return None


def plain(message: str) -> str:
    """Return a message as a sentence for people."""
    for pattern, words in _PLAIN:
        if match := re.fullmatch(pattern, message, re.DOTALL):
            message = match.expand(words)
            break
    return message[:1].upper() + message[1:] + ("" if message.endswith((".", "!", "?")) else ".")


def _listed(problem: Problem) -> list[tuple[str, str]]:
    found = problem.extra.get("errors")
    faults = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return [(str(each.get("field", "")), plain(str(each.get("message", "")))) for each in faults]
