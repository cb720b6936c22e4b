"""Roadmaps in first form: asked for by a hub, drafted by the queue, told once, redacted after an erasure."""

from uuid import UUID

import pytest

from services.matching.roadmaps import NotReadYetError, draft_roadmap
from shared.ids import new_id
from shared.messaging import Unprocessable
from tests.matching.conftest import Api, Matching, identifier, organisation


@pytest.fixture
async def clusters(matching: Matching) -> list[str]:
    """Two clusters with five members each that speak of water and of milk; their ids."""
    await matching.hear(organisation("North", "DE", kind="cluster"), organisation("South", "IT", kind="cluster"))
    for number in range(5):
        await matching.hear(
            organisation(f"N{number}", "DE", clusters=["North"], offers=[f"membrane desalination water {number}"]),
            organisation(f"S{number}", "IT", clusters=["South"], needs=[f"membrane desalination water pump {number}"],
                         offers=[f"cheese milk dairy cellar {number}"]),
        )  # fmt: skip
    await matching.read()
    return [str(identifier("North")), str(identifier("South"))]


async def draft(api: Api, matching: Matching, clusters: list[str]) -> dict:
    """Ask for a roadmap, draft it as the queue does, and return it."""
    asked = await api.post("/roadmaps", {"cluster_ids": clusters}, "hub_manager", identifier("North"))
    assert (asked.status_code, asked.json()["state"]) == (202, "drafting"), asked.text
    await draft_roadmap(matching.context.database, matching.engine, UUID(asked.json()["roadmap_id"]))
    return (await api.get(f"/roadmaps/{asked.json()['roadmap_id']}", "hub_manager", identifier("South"))).json()


async def test_a_roadmap_shows_themes_strengths_and_gaps(api: Api, matching: Matching, clusters: list[str]) -> None:
    roadmap = await draft(api, matching, clusters)
    assert roadmap["state"] == "drafted"
    assert roadmap["title"] in ("Roadmap of North and South", "Roadmap of South and North")
    assert sum(len(theme["statement_ids"]) for theme in roadmap["themes"]) == 15
    water = [theme for theme in roadmap["themes"] if "desalination" in theme["label"] or "membrane" in theme["label"]]
    assert water
    assert all(theme["gaps"] in ([], [str(identifier("South"))]) for theme in roadmap["themes"])
    assert any(theme["gaps"] for theme in water)
    strengths = [
        each for theme in roadmap["themes"] for each in theme["strengths"] if each["cluster_id"] == clusters[0]
    ]
    assert sum(each["offers"] for each in strengths) == 5
    assert (await matching.occasions()).count("roadmap.drafted") == 1


async def test_drafting_twice_tells_once(api: Api, matching: Matching, clusters: list[str]) -> None:
    roadmap = await draft(api, matching, clusters)
    await draft_roadmap(matching.context.database, matching.engine, UUID(roadmap["roadmap_id"]))
    assert (await matching.occasions()).count("roadmap.drafted") == 1


async def test_drafting_waits_until_all_statements_are_read(api: Api, matching: Matching, clusters: list[str]) -> None:
    await matching.hear(organisation("Late", "IT", clusters=["South"], needs=["late words"]))
    with pytest.raises(NotReadYetError):
        await draft(api, matching, clusters)
    with pytest.raises(Unprocessable):
        await draft_roadmap(matching.context.database, matching.engine, new_id())


async def test_only_hubs_that_take_part_may_ask_and_see(api: Api, matching: Matching, clusters: list[str]) -> None:
    roadmap = await draft(api, matching, clusters)
    body = {"cluster_ids": clusters}
    assert (await api.post("/roadmaps", body, "sme_contact", identifier("North"))).status_code == 403
    assert (await api.post("/roadmaps", body, "hub_manager", new_id())).status_code == 403
    assert (await api.post("/roadmaps", body, "auditor")).status_code == 403
    path = f"/roadmaps/{roadmap['roadmap_id']}"
    assert (await api.get(path, "hub_manager", new_id())).status_code == 404
    assert (await api.get(path, "auditor")).status_code == 200
    assert (await api.get("/roadmaps", "hub_manager", new_id())).json()["items"] == []
    foreign = await api.get(f"/roadmaps?organisation_id={identifier('North')}", "hub_manager", new_id())
    assert foreign.status_code == 404
    own = await api.get(f"/roadmaps?organisation_id={identifier('North')}", "hub_manager", identifier("North"))
    assert [each["roadmap_id"] for each in own.json()["items"]] == [roadmap["roadmap_id"]]


async def test_a_roadmap_needs_two_active_clusters(api: Api, matching: Matching, clusters: list[str]) -> None:
    async def rule(cluster_ids: list[str]) -> tuple[int, str]:
        response = await api.post("/roadmaps", {"cluster_ids": cluster_ids}, "hub_manager", identifier("North"))
        return response.status_code, response.json()["rule"]

    assert await rule([clusters[0], clusters[0]]) == (422, "too-few-clusters")
    assert await rule([clusters[0], str(identifier("N1"))]) == (422, "no-such-cluster")
    assert await rule([clusters[0], str(new_id())]) == (422, "no-such-cluster")
    assert await rule([clusters[0]]) == (422, "invalid-request")


async def test_an_erased_member_leaves_the_roadmap(api: Api, matching: Matching, clusters: list[str]) -> None:
    roadmap = await draft(api, matching, clusters)
    await matching.erase("N1")
    path = f"/roadmaps/{roadmap['roadmap_id']}"
    after = (await api.get(path, "operator")).json()
    assert sum(len(theme["statement_ids"]) for theme in after["themes"]) == 14
    assert (await matching.occasions()).count("roadmap.drafted") == 2
    await matching.erase("South")
    assert (await api.get(path, "operator")).json()["themes"] == []
