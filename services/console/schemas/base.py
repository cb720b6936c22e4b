"""Reading what other services answer: unknown fields are ignored, another shape is their fault."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from shared.problems import Problem

ItemT = TypeVar("ItemT")


class Reading(BaseModel):
    """Base of everything read: extra fields are no error."""

    model_config = ConfigDict(extra="ignore")


def one(kind: type[ItemT], answer: Any) -> ItemT:
    """Read one thing; an answer of another shape is the other service's fault (502)."""
    try:
        return TypeAdapter(kind).validate_python(answer)
    except ValidationError as error:
        raise Problem(502, "unreadable-answer", "A sister service answered in a way that can't be shown.") from error


def many(kind: type[ItemT], answer: Any) -> list[ItemT]:
    """Read a page of a list, bare or under ``items``."""
    items = answer.get("items", []) if isinstance(answer, dict) else answer
    return one(list[kind], items or [])  # type: ignore[valid-type]


def cursor_of(answer: Any) -> str | None:
    """Return where the next page of a list begins, ``None`` on the last."""
    if not isinstance(answer, dict):
        return None
    following = answer.get("next_cursor", answer.get("next"))
    return str(following) if following else None
