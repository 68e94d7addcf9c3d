"""The text by which an object is written that is held to a schema: its fields in the order of the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from modelwright.kinds.shared.schemas.schema_parts import JsonSchema, referred


def answer_text(value: str, schema: str | None) -> str:
    """Return the text that stands for a value where it is written.

    schema: its text, where the value is that of an object; None: the value is itself what is written.
    """
    if schema is None:
        return value
    root = _read(schema)
    return json.dumps(_ordered(json.loads(value), root, root), ensure_ascii=False)


@lru_cache(maxsize=64)
def _read(schema: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(schema)
    return found


def _ordered(value: object, schema: JsonSchema, root: JsonSchema) -> object:
    parts = list(_speaking(schema, root, frozenset()))
    if isinstance(value, Mapping):
        known = {name: one for part in parts for name, one in part.get("properties", {}).items()}
        others = [part["additionalProperties"] for part in parts if "additionalProperties" in part]
        names = [*(name for name in known if name in value), *(name for name in value if name not in known)]
        return {name: _ordered(value[name], known.get(name, _any(others)), root) for name in names}
    if isinstance(value, list):
        first = [one for part in parts for one in part.get("prefixItems", ())]
        rest = _any([part["items"] for part in parts if "items" in part])
        return [
            _ordered(one, first[place] if place < len(first) else rest, root)
            for place, one in enumerate(value)
        ]
    return value


def _speaking(schema: JsonSchema, root: JsonSchema, seen: frozenset[str]) -> Iterator[Mapping[str, Any]]:
    """Yield all that a schema says of a value at one place: itself, what it refers to, and its alternatives."""
    if not isinstance(schema, Mapping):
        return
    yield schema
    reference = schema.get("$ref")
    if reference is not None and reference not in seen and (target := referred(root, reference)) is not None:
        yield from _speaking(target, root, seen | {reference})
    for keyword in ("allOf", "anyOf", "oneOf"):
        for one in schema.get(keyword, ()):
            yield from _speaking(one, root, seen)


def _any(schemas: list[JsonSchema]) -> JsonSchema:
    return {"anyOf": schemas}
