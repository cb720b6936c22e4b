"""Random requests built from each service's own OpenAPI document: whatever comes, no 5xx and no vague refusal."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bad_input.schemas import Schema, values
from tests.bad_input.sending import caller_of, fault, send, with_body
from tests.security.checking import Call, World
from tests.security.routes import shape
from tests.security.tables import TABLES
from tests.security.worlds import FURNISH, application

CALM = settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Requests:
    """Draws requests to a service. Each route is called on one real thing, so that bad input gets past the 404."""

    def __init__(self, world: World, document: Schema) -> None:
        self.world = world
        self.document = document
        self.calls: dict[str, Call] = {}
        self.operations: dict[str, Schema] = {
            f"{method.upper()} {shape(path)}": operation
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        }

    async def prepare(self) -> None:
        for route in TABLES[self.world.name]:
            self.calls[route] = await self.world.makers[route]()

    def draw(self, data: st.DataObject, route: str) -> Call:
        """Return a call with drawn query and body."""
        call, operation = self.calls[route], self.operations[route]
        query: list[tuple[str, Any]] = []
        for each in operation.get("parameters", ()):
            if each["in"] == "query" and data.draw(st.booleans(), label=each["name"]):
                drawn = data.draw(values(each["schema"], self.document), label=each["name"])
                query += [(each["name"], value) for value in (drawn if isinstance(drawn, list) else [drawn])]
        path = call.path.split("?")[0]
        if query:
            path += "?" + urlencode(query, errors="replace")
        elif "?" in call.path:
            path = call.path
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            return replace(call, path=path)
        body = data.draw(values(content["schema"], self.document), label="body")
        return replace(with_body(call, json.dumps(body).encode()), path=path)


@pytest.fixture
async def requests(of: World) -> Requests:
    """Requests to the service that the test names."""
    made = Requests(of, application(of.name, of.context).openapi())
    await made.prepare()
    return made


@pytest.mark.parametrize("of", FURNISH, indirect=True)
@CALM
@given(data=st.data())
async def test_whatever_the_document_allows_is_answered_well(requests: Requests, data: st.DataObject) -> None:
    route = data.draw(st.sampled_from(sorted(requests.calls)), label="route")
    answer = await send(requests.world, route, requests.draw(data, route))
    assert not fault(answer), f"{route} as {caller_of(requests.world.name, route)}: {fault(answer)}"
