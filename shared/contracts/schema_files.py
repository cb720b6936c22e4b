"""The committed JSON Schemas of all event bodies: ``python -m shared.contracts.schema_files`` writes them anew."""

import json
from pathlib import Path
from typing import Any

from shared.contracts.envelope import EventType
from shared.contracts.registry import EVENT_TYPES

FOLDER = Path(__file__).parent / "schemas"


def schema(event_type: EventType[Any]) -> dict[str, Any]:
    """Return the JSON Schema of a type's body as it is sent."""
    made = event_type.body.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": event_type.name, **made}


def text(event_type: EventType[Any]) -> str:
    """Return the content of the committed file."""
    return json.dumps(schema(event_type), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def file(event_type: EventType[Any]) -> Path:
    """Return where the type's schema is committed."""
    return FOLDER / f"{event_type.name}.json"


if __name__ == "__main__":
    for each in EVENT_TYPES.values():
        file(each).write_text(text(each), encoding="utf-8")
