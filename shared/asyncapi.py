"""AsyncAPI 3.0 description of a service's streams, made from the contracts, so that it can't disagree with them."""

from typing import Any

from pydantic.json_schema import models_json_schema

from shared.contracts import EVENT_TYPES, EventType
from shared.contracts.topics import TOPICS
from shared.messaging.events import Handlers

_HEADERS = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_aggregateversion")


def document(service: str, handlers: Handlers) -> dict[str, Any]:
    """Return the AsyncAPI document: a channel per topic, a message per event type, what is sent and received."""
    own = {each.name for each in TOPICS if each.producer == service}
    sent = [each for each in EVENT_TYPES.values() if each.topic in own]
    received = sorted(handlers.event_types, key=lambda each: each.name)
    used = {each.name: each for each in (*sent, *received)}
    bodies = {each.body for each in used.values()}
    _, definitions = models_json_schema(
        [(body, "serialization") for body in sorted(bodies, key=lambda each: each.__name__)],
        ref_template="#/components/schemas/{model}",
    )
    return {
        "asyncapi": "3.0.0",
        "info": {"title": f"Intercluster {service}", "version": "1.0.0"},
        "defaultContentType": "application/json",
        "channels": {topic: _channel(topic, used) for topic in sorted({each.topic for each in used.values()})},
        "operations": {
            **{f"send {each.occasion}": _operation("send", each) for each in sent},
            **{f"receive {each.occasion}": _operation("receive", each) for each in received},
        },
        "components": {
            "schemas": definitions.get("$defs", {}),
            "messages": {each.occasion: _message(each) for each in used.values()},
        },
    }


def _channel(topic: str, used: dict[str, EventType[Any]]) -> dict[str, Any]:
    return {
        "address": topic,
        "messages": {
            each.occasion: {"$ref": f"#/components/messages/{each.occasion}"}
            for each in used.values()
            if each.topic == topic
        },
    }


def _operation(action: str, event: EventType[Any]) -> dict[str, Any]:
    channel = f"#/channels/{event.topic}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{event.occasion}"}],
    }


def _message(event: EventType[Any]) -> dict[str, Any]:
    return {
        "name": event.name,
        "title": event.occasion,
        "summary": (event.body.__doc__ or "").strip().split("\n")[0],
        "headers": {"type": "object", "properties": {name: {"type": "string"} for name in _HEADERS}},
        "payload": {"$ref": f"#/components/schemas/{event.body.__name__}"},
    }
