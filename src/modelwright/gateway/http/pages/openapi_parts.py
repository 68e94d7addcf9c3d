"""What descriptions of paths are put together from."""

from __future__ import annotations

from modelwright.core.json_types import JsonObject


def object_of(properties: JsonObject, required: list[str] | None = None) -> JsonObject:
    """Return an object with these properties and no others; required: all of them, unless it is given."""
    return {
        "type": "object",
        "properties": properties,
        "required": [*(properties if required is None else required)],
        "additionalProperties": False,
    }


def one_or_many(schema: str) -> JsonObject:
    """Return a schema by name, or a list of such."""
    return {"anyOf": [ref(schema), {"type": "array", "items": ref(schema)}]}


def ref(schema: str) -> JsonObject:
    """Return a schema by name."""
    return {"$ref": f"#/components/schemas/{schema}"}


def content(schema: JsonObject) -> JsonObject:
    """Return a body in JSON."""
    return {"application/json": {"schema": schema}}


def plain(text: str) -> JsonObject:
    """Return a path that answers 200 and needs no words beside its summary."""
    return {"summary": text, "responses": {"200": {"description": text}}}


def refusals(texts: dict[str, str]) -> JsonObject:
    """Return what is answered by status, with the error that every path has."""
    return {code: {"description": text, "content": content(ref("Error"))} for code, text in texts.items()}
