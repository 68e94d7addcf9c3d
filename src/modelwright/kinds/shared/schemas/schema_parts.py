"""The parts of a JSON schema: every place in it where a schema stands, and those that references name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote

# What the library enforces; what else it refuses of these (patterns with look-ahead, …) it says itself.
ENFORCED = frozenset(
    {
        *("type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"),
        *("properties", "required", "additionalProperties", "patternProperties"),
        *("minProperties", "maxProperties", "items", "prefixItems", "minItems", "maxItems"),
        *("minLength", "maxLength", "pattern", "format"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    }
)
# What says something of a value to people, and holds it to nothing.
ANNOTATIONS = frozenset(
    {
        *("title", "description", "default", "examples", "$comment", "$defs", "definitions"),
        *("deprecated", "readOnly", "writeOnly", "discriminator"),
    }
)
# The draft's and OpenAPI's other keywords: who writes one of them means it, and no other.
OTHERS = frozenset(
    {
        *("not", "if", "then", "else", "dependentSchemas", "dependentRequired", "dependencies"),
        *("propertyNames", "unevaluatedProperties", "unevaluatedItems", "additionalItems"),
        *("contains", "minContains", "maxContains", "uniqueItems", "nullable"),
        *("contentEncoding", "contentMediaType", "contentSchema"),
        *("$anchor", "$dynamicRef", "$dynamicAnchor", "$id", "$schema", "$vocabulary"),
    }
)
MOST_DEPTH = 64
MOST_BYTES = 100_000  # as JSON

_ONE = ("items", "additionalProperties")  # keywords whose value is a schema
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "$defs", "definitions")

JsonSchema: TypeAlias = Mapping[str, Any] | bool


@dataclass(frozen=True)
class SchemaPart:
    """A schema within a schema: its place (`#/properties/name`), and how deep it lies."""

    schema: JsonSchema
    place: str
    depth: int


def parts(schema: JsonSchema) -> Iterator[SchemaPart]:
    """Yield a schema, all that are within it, and what references name; deeper than MOST_DEPTH, the first alone.

    What several references name is followed once: one may be written in any number of ways.
    """
    seen: set[str] = set()
    named: set[int] = set()  # by identity
    waiting = [SchemaPart(schema, "#", 0)]
    while waiting:
        part = waiting.pop()
        if part.place in seen:
            continue
        seen.add(part.place)
        yield part
        if not isinstance(part.schema, Mapping) or part.depth > MOST_DEPTH:
            continue
        for place, inner in _inner(part.schema):
            waiting.append(SchemaPart(inner, f"{part.place}/{place}", part.depth + 1))
        reference = part.schema.get("$ref")
        if not isinstance(reference, str) or (target := referred(schema, reference)) is None:
            continue
        if id(target) not in named:
            named.add(id(target))
            waiting.append(SchemaPart(target, reference, part.depth))


def referred(schema: JsonSchema, reference: str) -> JsonSchema | None:
    """Return the part that a reference (`#/$defs/name`) names, None where there is none."""
    found: Any = schema
    for step in unquote(reference).split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        elif isinstance(found, Mapping) and key in found:
            found = found[key]
        else:
            return None
    return found if isinstance(found, Mapping | bool) else None


def with_changed_parts(schema: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a schema with what `change` makes of each that stands right within it; what is none stays."""
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _ONE:
            found[key] = change(value)
        elif key in _LISTS and isinstance(value, list):
            found[key] = [change(one) for one in value]
        elif key in _NAMED and isinstance(value, Mapping):
            found[key] = {name: change(one) for name, one in value.items()}
        else:
            found[key] = value
    return found


def _inner(schema: Mapping[str, Any]) -> Iterator[tuple[str, JsonSchema]]:
    """Yield what stands right within a schema; what is no schema there is passed over, and found by who checks it."""
    for keyword in _ONE:
        if keyword in schema:
            yield keyword, schema[keyword]
    for keyword in _LISTS:
        several = schema.get(keyword)
        for place, inner in enumerate(several if isinstance(several, list) else ()):
            yield f"{keyword}/{place}", inner
    for keyword in _NAMED:
        named = schema.get(keyword)
        for name, inner in named.items() if isinstance(named, Mapping) else ():
            yield f"{keyword}/{name.replace('~', '~0').replace('/', '~1')}", inner
