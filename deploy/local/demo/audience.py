"""Whose sign-in link is worth printing: an SME contact who finds open suggestions. Public API calls only."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from deploy.local.demo.scene import Scene

PAGES = 5
PAGE_SIZE = "100"
SIDES = ("first", "second")


def contact_with_open_suggestions(scene: Scene) -> str | None:
    """Return the address of the SME contact whose organisation has most live suggestions that it has not answered."""
    for organisation_id in by_open_suggestions(_live_suggestions(scene)):
        if scene.organisation(organisation_id)["kind"] == "sme" and (
            email := scene.contact(organisation_id, "sme_contact")
        ):
            return email
    return None


def by_open_suggestions(suggestions: Iterable[dict[str, Any]]) -> list[str]:
    """Return the ids of organisations that have something to answer, those with most first, equals by id."""
    waiting = Counter(
        str(each[f"{side}_id"])
        for each in suggestions
        for side in SIDES
        if each["state"] == "proposed" and not each.get(f"{side}_answer")
    )
    return sorted(waiting, key=lambda organisation: (-waiting[organisation], organisation))


def _live_suggestions(scene: Scene) -> list[dict[str, Any]]:
    """Return the best live suggestions, as the operator sees them."""
    assert scene.operator is not None, "the operator signs in first"
    found: list[dict[str, Any]] = []
    query = {"limit": PAGE_SIZE, "state": "proposed"}
    for _ in range(PAGES):
        page = scene.operator.call("matching", "GET", "/suggestions", params=query)
        found += page["items"]
        if not page.get("next_cursor"):
            break
        query["cursor"] = page["next_cursor"]
    return found
