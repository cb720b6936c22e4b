"""A hub imports its own cluster and its members, nothing else."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.ids import new_id
from tests.profiles.conftest import Api
from tests.profiles.test_imports import a_contact, a_row, found, jsonl, rules

BEYOND_A_HUB = [
    (a_row("foreign", name="Taken over"), "not-your-member"),
    (a_row("d", name="Taken over", kind="cluster"), "not-your-member"),
    (a_row("new"), "not-your-member"),
    (a_row("new", member_of=["c", "d"]), "foreign-cluster"),
    (a_row("new", kind="cluster", member_of=["c"]), "kind-not-allowed"),
    (a_row("new", member_of=["c"], contacts=[a_contact(role="operator")]), "role-not-allowed"),
    (a_row("new", member_of=["c"], contacts=[a_contact(role="hub_manager")]), "role-does-not-fit"),
    (
        a_row("new", member_of=["c"], contacts=[a_contact("me@c.example.org", supplied_id="boss")]),
        "email-change",
    ),
]


class TestAHub:
    """A hub imports its own cluster and its members, nothing else."""

    @pytest.fixture
    async def clusters(self, operator: Api) -> list[dict[str, Any]]:
        rows = [
            a_row("c", kind="cluster"),
            a_row("d", kind="cluster"),
            a_row("mine", member_of=["c", "d"]),
            a_row("foreign", member_of=["d"], contacts=[a_contact("boss@d.example.org", supplied_id="boss")]),
        ]
        await operator.load(jsonl(*rows))
        return [await found(operator, f"Firm {key}") for key in ("c", "d", "mine", "foreign")]

    async def test_may_not_reach_beyond(self, api: Callable[..., Api], clusters: list[dict[str, Any]]) -> None:
        hub = api("hub_manager", clusters[0]["id"])
        for number, (row, rule) in enumerate(BEYOND_A_HUB):
            report = await hub.load(jsonl(row, a_row(f"good {number}", member_of=["c"])))
            assert (rules(report), report["created"]) == ([(1, rule)], 1)

    async def test_keeps_its_members_and_leaves_other_memberships(
        self, api: Callable[..., Api], clusters: list[dict[str, Any]], operator: Api
    ) -> None:
        hub = api("hub_manager", clusters[0]["id"])
        contact = a_contact("boss@d.example.org", name="Defaced", language="fr")
        report = await hub.load(
            jsonl(
                a_row("mine", city="Graz", member_of=["c"], contacts=[contact]), a_row("c", kind="cluster", city="Wien")
            )
        )
        assert (report["updated"], report["errors"]) == (2, [])
        mine = await found(operator, "Firm mine")
        assert (mine["city"], mine["clusters"]) == ("Graz", clusters[2]["clusters"])
        assert [(c["name"], c["language"]) for c in mine["contacts"]] == [("Eva", "de")]

    async def test_an_sme_contact_may_not_import_at_all(self, api: Callable[..., Api]) -> None:
        response = await api("sme_contact", new_id()).post("/imports", content=jsonl(a_row("a")))
        assert response.status_code == 403

    async def test_reports_are_for_who_imported_and_operators(
        self, api: Callable[..., Api], clusters: list[dict[str, Any]], operator: Api
    ) -> None:
        hub = api("hub_manager", clusters[0]["id"])
        report = await hub.load(jsonl(a_row("good", member_of=["c"])))
        for reader, status in ((hub, 200), (operator, 200), (api("hub_manager", clusters[1]["id"]), 404)):
            assert (await reader.get(f"/imports/{report['id']}")).status_code == status
