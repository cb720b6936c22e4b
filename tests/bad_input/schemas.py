"""Values that fit a JSON schema of the OpenAPI document, now and then some that do not: a Hypothesis strategy."""

from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=30) | st.sampled_from(
    ["=1+1", "<b>", "a\r\nb", "\0", "AT221", "de"]
)
FORMATS: dict[str, st.SearchStrategy[str]] = {
    "uuid": st.uuids().map(str),
    "date": st.dates().map(str),
    "date-time": st.datetimes(timezones=st.timezones()).map(lambda each: each.isoformat()),
}


def values(schema: Schema, document: Schema, depth: int = 0) -> st.SearchStrategy[Any]:
    """Return a strategy for a schema; one value in ten breaks it."""
    good = _fitting(schema, document, depth)
    return st.integers(0, 9).flatmap(lambda dice: ANYTHING if dice == 0 else good)


def _fitting(schema: Schema, document: Schema, depth: int) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _fitting(document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], document, depth)
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return st.one_of([values(each, document, depth + 1) for each in schema[choice]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    match schema.get("type"):
        case "string":
            return FORMATS.get(schema.get("format", ""), TEXTS)
        case "integer":
            return st.integers(schema.get("minimum", -(2**63)), schema.get("maximum", 2**63)) | st.integers()
        case "number":
            return st.floats() | st.decimals(allow_nan=False, allow_infinity=False).map(float)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "array" if depth < 6:
            return st.lists(values(schema.get("items", {}), document, depth + 1), max_size=3)
        case "object" if depth < 6 and "properties" in schema:
            return _objects(schema, document, depth)
    return ANYTHING


def _objects(schema: Schema, document: Schema, depth: int) -> st.SearchStrategy[Any]:
    fields = {name: values(each, document, depth + 1) for name, each in schema["properties"].items()}
    needed = {name: fields.pop(name) for name in schema.get("required", ()) if name in fields}
    return st.fixed_dictionaries(needed, optional=fields)
