"""Who sees what: the own organisation, the own cluster's members, or everything by role."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shared.auth import Role
from shared.ids import new_id
from tests.matching.conftest import Api, Matching, identifier, organisation

NEED = "recycling of lithium batteries from electric cars"
MILK = "milk powder from mountain farms"


@pytest.fixture
async def market(matching: Matching) -> None:
    """Two suggestions: Akku–Pile, and Milch–Lait; Akku is a member of Hub."""
    await matching.hear(
        organisation("Hub", "DE", kind="cluster"),
        organisation("Akku", "DE", needs=[NEED], clusters=["Hub"]),
        organisation("Pile", "FR", offers=[NEED]),
        organisation("Milch", "AT", needs=[MILK]),
        organisation("Lait", "FR", offers=[MILK]),
    )
    await matching.settle()


async def seen(api: Api, *token: object, path: str = "/suggestions", **signed: object) -> set[str]:
    """Return the names in the list that a caller gets."""
    response = await api.get(path, *token, **signed)
    assert response.status_code == 200, response.text
    return {each[side] for each in response.json()["items"] for side in ("first_name", "second_name")}


async def test_lists_show_only_what_concerns_the_caller(api: Api, market: None) -> None:
    everyone = {"Akku", "Pile", "Milch", "Lait"}
    assert await seen(api, "sme_contact", identifier("Akku")) == {"Akku", "Pile"}
    assert await seen(api, "hub_manager", identifier("Hub")) == {"Akku", "Pile"}
    assert await seen(api, "sme_contact", identifier("Hub")) == set()
    assert await seen(api, "voucher_administrator", identifier("Akku")) == set()
    assert await seen(api, "operator") == everyone
    assert await seen(api, "auditor") == everyone
    both = (Role("sme_contact", identifier("Akku")), Role("sme_contact", identifier("Lait")))
    assert await seen(api, roles=both) == everyone
    assert await seen(api, "sme_contact", new_id()) == set()


async def test_a_foreign_organisation_is_not_there(api: Api, matching: Matching, market: None) -> None:
    row = (await matching.suggestions())[frozenset(("Milch", "Lait"))]
    of_milch = f"organisation_id={identifier('Milch')}"
    for path in (f"/suggestions?{of_milch}", f"/connections?{of_milch}", f"/suggestions/{row.id}"):
        assert (await api.get(path, "sme_contact", identifier("Akku"))).status_code == 404
        assert (await api.get(path, "hub_manager", identifier("Hub"))).status_code == 404
        assert (await api.get(path, "sme_contact", identifier("Milch"))).status_code == 200
        assert (await api.get(path, "operator")).status_code == 200


async def test_nothing_without_a_token(api: Api, market: None) -> None:
    for path in ("/suggestions", "/connections", "/roadmaps", "/statements/search?q=milk"):
        response = await api._client.get(path)
        assert response.status_code == 401


async def test_a_sister_service_sees_only_what_a_person_with_roles_would(
    api: Api, market: None, service_token: Callable[..., str]
) -> None:
    headers = {"Authorization": f"Bearer {service_token('console', 'matching')}"}
    response = await api._client.get("/suggestions", headers=headers)
    assert response.json()["items"] == []


async def test_lists_come_in_pages_best_first(api: Api, market: None) -> None:
    first = (await api.get("/suggestions?limit=1", "operator")).json()
    second = (await api.get(f"/suggestions?limit=1&cursor={first['next_cursor']}", "operator")).json()
    assert first["items"][0]["score"] >= second["items"][0]["score"]
    assert first["items"][0]["suggestion_id"] != second["items"][0]["suggestion_id"]
    assert second["next_cursor"] is None
    assert (await api.get("/suggestions?cursor=nonsense", "operator")).status_code == 422
    assert (await api.get("/suggestions?limit=100000", "operator")).status_code == 422
    assert (await api.get("/suggestions?state=declined", "operator")).json()["items"] == []


async def test_search_finds_by_meaning_with_filters(api: Api, market: None) -> None:
    path = "/statements/search?q=lithium batteries recycling"
    found = (await api.get(path, "sme_contact", identifier("Milch"))).json()
    assert [each["organisation_name"] for each in found["items"][:2]] in (["Akku", "Pile"], ["Pile", "Akku"])
    only = (await api.get(path + "&role=offer&country=FR", "operator")).json()["items"]
    assert [each["organisation_name"] for each in only] == ["Pile"]  # Lait's offer has nothing to do with it
    assert (await api.get("/statements/search?q=x", "operator")).status_code == 422
    assert (await api.get(path + "&country=de", "operator")).status_code == 422


async def test_search_says_that_the_models_are_missing(
    api: Api, matching: Matching, tmp_path: Path, market: None
) -> None:
    from services.matching.engine import Engine

    matching.context.settings.models_directory = tmp_path
    matching.context.state.engine = Engine(matching.context.settings)
    response = await api.get("/statements/search?q=lithium", "operator")
    assert (response.status_code, response.json()["rule"]) == (503, "models-unavailable")
    assert "prepare-models" in response.json()["detail"]
    assert (await api.get("/suggestions", "operator")).status_code == 200
