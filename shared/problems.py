"""Errors as RFC 9457 problem details: every refusal names its rule."""

from typing import Any
from uuid import UUID

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """An error the caller can act on. ``rule`` is a stable word for programs, ``detail`` a sentence for people."""

    def __init__(self, status: int, rule: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.rule = rule
        self.detail = detail
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """Return the problem document."""
        return {
            "type": f"/problems/{self.rule}",
            "title": self.rule.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            "rule": self.rule,
            **self.extra,
        }


def unauthorised(detail: str = "Sign in first.") -> Problem:
    """401: there is no valid token."""
    return Problem(401, "sign-in-required", detail)


def forbidden(detail: str = "You may not do this.") -> Problem:
    """403: the caller sees the thing but may not do this to it."""
    return Problem(403, "not-allowed", detail)


def not_found(noun: str, identifier: UUID | str) -> Problem:
    """404: it does not exist, or the caller may not know that it does."""
    return Problem(404, "not-found", f"There is no {noun} {identifier} that you may see.")


def conflict(rule: str, detail: str, **extra: Any) -> Problem:
    """409: the thing is not in a state in which this can be done."""
    return Problem(409, rule, detail, **extra)


def stale_version(current: object) -> Problem:
    """412: somebody else changed it since the caller read it."""
    return Problem(
        412, "stale-version", "It was changed since you read it; read it again.", current_version=str(current)
    )


def version_required() -> Problem:
    """428: a change needs the version the caller has read."""
    return Problem(428, "version-required", "Send the version you have read in If-Match.")


def unprocessable(rule: str, detail: str, **extra: Any) -> Problem:
    """422: the request is understood but breaks a rule."""
    return Problem(422, rule, detail, **extra)
