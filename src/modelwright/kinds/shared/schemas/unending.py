"""Whether a schema contains itself without end, so that no answer to it is ever whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelwright.kinds.shared.schemas.schema_parts import JsonSchema, parts, referred

_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")


def unending(schema: JsonSchema) -> bool:
    """Tell whether nothing that fits is finite.

    The least fixed point: at first no reference is known to end; one ends as soon as what it names does, given those
    that are known. What is then left ends never.
    """
    found = {
        part.schema["$ref"]
        for part in parts(schema)
        if isinstance(part.schema, Mapping) and "$ref" in part.schema
    }
    ending: set[str] = set()
    while True:
        more = {one for one in found - ending if _ends(referred(schema, one), ending)}
        if not more:
            return not _ends(schema, ending)
        ending |= more


def _ends(schema: JsonSchema | None, ending: set[str]) -> bool:
    """Tell whether something finite fits, as far as references are known to end."""
    if schema is None or isinstance(schema, bool):
        return bool(schema)
    if "$ref" in schema and schema["$ref"] not in ending:
        return False
    for choices in (schema.get("anyOf"), schema.get("oneOf")):
        if choices is not None and not any(_ends(one, ending) for one in choices):
            return False
    if not all(_ends(one, ending) for one in schema.get("allOf", ())):
        return False
    if "const" in schema or "enum" in schema:
        return True
    types = schema.get("type", _TYPES)
    return any(_ends_as(one, schema, ending) for one in ([types] if isinstance(types, str) else types))


def _ends_as(kind: str, schema: Mapping[str, Any], ending: set[str]) -> bool:
    if kind == "object":
        known = schema.get("properties", {})
        others = "patternProperties" in schema or schema.get("additionalProperties", True)
        return all(_ends(known.get(name, others), ending) for name in schema.get("required", ()))
    if kind == "array":
        least, first = schema.get("minItems", 0), schema.get("prefixItems", [])
        wanted = [*first[:least], *([schema.get("items", True)] if least > len(first) else [])]
        return all(_ends(one, ending) for one in wanted)
    return True
