"""Whose sign-in link the demo prints: somebody who finds open suggestions."""

from typing import Any

from deploy.local.demo.audience import by_open_suggestions, contact_with_open_suggestions


def pair(first: str, second: str, state: str = "proposed", **answers: str) -> dict[str, Any]:
    """A suggestion of two organisations."""
    return {"first_id": first, "second_id": second, "state": state, **answers}


class PlayedScene:
    """A scene whose services answer from memory."""

    def __init__(self, suggestions: list[dict[str, Any]], kinds: dict[str, str]) -> None:
        self.suggestions, self.kinds = suggestions, kinds
        self.operator = self
        self.asked: list[dict[str, str]] = []

    def call(self, service: str, method: str, path: str, params: dict[str, str]) -> dict[str, Any]:
        """Answer two suggestions a page."""
        assert (service, method, path) == ("matching", "GET", "/suggestions")
        self.asked.append(dict(params))
        start = int(params.get("cursor", "0"))
        end = start + 2
        live = [each for each in self.suggestions if each["state"] == params["state"]]
        return {"items": live[start:end], "next_cursor": str(end) if end < len(live) else None}

    def organisation(self, organisation_id: str) -> dict[str, Any]:
        """Return what kind of organisation it is."""
        return {"kind": self.kinds.get(organisation_id, "sme")}

    def contact(self, organisation_id: str, role: str) -> str | None:
        """Everybody but the firm without a contact has one."""
        return None if organisation_id == "mute" else f"{role}@{organisation_id}.example.org"


def test_the_organisation_with_most_unanswered_live_suggestions_comes_first() -> None:
    suggestions = [
        pair("visitor", "host", "connected"),
        pair("a", "b"),
        pair("a", "c", first_answer="interested"),
        pair("b", "c"),
        pair("d", "b", "withdrawn"),
    ]
    assert by_open_suggestions(suggestions) == ["b", "c", "a"]


def test_the_link_is_for_a_contact_of_an_sme_who_has_something_to_answer() -> None:
    suggestions = [pair("cluster", "mute"), pair("cluster", "mute"), pair("cluster", "firm"), pair("firm", "other")]
    scene = PlayedScene(suggestions, {"cluster": "cluster"})
    assert contact_with_open_suggestions(scene) == "sme_contact@firm.example.org"  # type: ignore[arg-type]
    assert [each.get("cursor") for each in scene.asked] == [None, "2"]


def test_nobody_is_chosen_when_everything_is_answered() -> None:
    assert contact_with_open_suggestions(PlayedScene([pair("a", "b", "connected")], {})) is None  # type: ignore[arg-type]
