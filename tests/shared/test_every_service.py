"""What all five services have in common is there in each of them, and works without any foreign host."""

import importlib
import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from shared.contracts import EVENT_TYPES
from shared.contracts.topics import SERVICES, TOPICS

every_service = pytest.mark.parametrize("name", SERVICES)


def client(name: str, context: Any, raise_errors: bool = True) -> httpx.AsyncClient:
    service = importlib.import_module(f"services.{name}.__main__").service
    transport = httpx.ASGITransport(service.http_app(context), raise_app_exceptions=raise_errors)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


@every_service
async def test_it_documents_its_routes_and_streams(name: str, context: Callable[..., Any]) -> None:
    async with client(name, context(name)) as http:
        openapi = (await http.get("/openapi.json")).json()
        assert "/operations/status" in openapi["paths"]
        page = (await http.get("/docs")).text
        scripts = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert scripts
        assert all(each.startswith("/") for each in scripts), "no foreign host"
        for each in scripts:
            assert (await http.get(each)).status_code == 200
        streams = (await http.get("/asyncapi")).json()
    assert streams["asyncapi"] == "3.0.0"
    own = {each.name for each in TOPICS if each.producer == name}
    sent = {each for each, operation in streams["operations"].items() if operation["action"] == "send"}
    assert len(sent) == len([each for each in EVENT_TYPES.values() if each.topic in own])
    defined = set(streams["components"]["schemas"])
    used = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(streams)))
    assert used <= defined


@every_service
async def test_it_tells_its_health_and_metrics_to_everybody(name: str, context: Callable[..., Any]) -> None:
    async with client(name, context(name)) as http:
        assert (await http.get("/health/live")).status_code == 200
        ready = await http.get("/health/ready")
        metrics = await http.get("/metrics")
    assert ready.status_code == 503, "no broker is there"
    assert any("broker" in each for each in ready.json()["faults"])
    assert "intercluster_journal_unpublished" in metrics.text


async def test_a_replica_that_only_answers_requests_is_ready_without_a_broker(context: Callable[..., Any]) -> None:
    service = importlib.import_module("services.profiles.__main__").service
    made = context("profiles")
    messaging = service.runtime(made)
    app = service.http_app(made, messaging, "http")
    async with (
        service.running(made, messaging, "http"),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http,
    ):
        ready = await http.get("/health/ready")
    assert (ready.status_code, ready.json()["faults"]) == (200, [])


@every_service
async def test_operations_are_for_operators(name: str, context: Callable[..., Any], token: Callable[..., str]) -> None:
    async with client(name, context(name)) as http:
        assert (await http.get("/operations/status")).status_code == 401
        other = {"Authorization": f"Bearer {token('auditor')}"}
        refused = await http.get("/operations/status", headers=other)
        assert refused.status_code == 403
        assert refused.headers["content-type"] == "application/problem+json"
        operator = {"Authorization": f"Bearer {token('operator')}"}
        status = (await http.get("/operations/status", headers=operator)).json()
        assert status["service"] == name
        assert status["journal"]["unpublished"] == 0
        streams = (await http.get("/operations/streams", headers=operator)).json()
        assert set(streams["types_consumed"]) <= set(EVENT_TYPES)
        replay = await http.post("/operations/replay", headers=operator, json={"topic": "somebody.elses"})
        assert replay.json()["rule"] == "foreign-topic"


@every_service
async def test_an_unforeseen_fault_is_a_problem_that_tells_nothing(
    name: str, context: Callable[..., Any], token: Callable[..., str]
) -> None:
    made = context(name)
    await made.database.close()

    def broken(*_arguments: Any) -> Any:
        raise RuntimeError("secret words")

    made.database.transaction = broken
    operator = {"Authorization": f"Bearer {token('operator')}"}
    async with client(name, made, raise_errors=False) as http:
        answer = await http.get("/operations/status", headers=operator)
    assert answer.status_code == 500
    assert answer.json()["rule"] == "internal-error"
    assert "secret" not in answer.text


@every_service
async def test_a_trace_begun_elsewhere_goes_on_into_the_journal(name: str, context: Callable[..., Any]) -> None:
    from shared.observability import continue_trace, current_traceparent

    begun = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    continue_trace(begun)
    ours = current_traceparent()
    assert ours is not None
    assert ours.split("-")[1] == begun.split("-")[1]
    assert ours.split("-")[2] != begun.split("-")[2]
    async with client(name, context(name)) as http:
        assert (await http.get("/health/live", headers={"traceparent": "nonsense"})).status_code == 200
