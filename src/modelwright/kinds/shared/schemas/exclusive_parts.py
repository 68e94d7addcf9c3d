"""Where the parts of a `oneOf` exclude each other, so that it admits what `anyOf` does.

The library tells this of parts that stand there, and not of those that references name, as pydantic and OpenAPI write
them: two models, and a field whose constant says which of them it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelwright.kinds.shared.schemas.schema_parts import (
    MOST_DEPTH,
    JsonSchema,
    referred,
    with_changed_parts,
)

_MOST_STEPS = 32  # references that name references


def as_any_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with `anyOf` for each `oneOf` whose parts exclude each other; `enum` and `const` stay."""
    found: dict[str, Any] = _rewritten(schema, schema, 0)
    return found


def _rewritten(root: Mapping[str, Any], schema: Any, depth: int) -> Any:
    if depth > MOST_DEPTH or not isinstance(schema, Mapping):
        return schema
    found = with_changed_parts(schema, lambda one: _rewritten(root, one, depth + 1))
    choices = found.get("oneOf")
    if isinstance(choices, list) and "anyOf" not in found and _exclude_each_other(root, choices):
        found = {("anyOf" if key == "oneOf" else key): value for key, value in found.items()}
    return found


def _exclude_each_other(root: Mapping[str, Any], choices: Sequence[JsonSchema]) -> bool:
    """Tell whether no value fits two of some schemas: their values differ, or those of a field that all require."""
    parts = [_resolved(root, one) for one in choices]
    if any(part is None for part in parts):
        return False
    stated = [part for part in parts if part is not None]
    if _differ([_values(part) for part in stated]):
        return True
    if not all(part.get("type") == "object" for part in stated):
        return False
    names = set.intersection(*(set(part.get("required", ())) for part in stated))
    return any(_differ([_values_of(root, part, name) for part in stated]) for name in sorted(names))


def _values_of(root: Mapping[str, Any], part: Mapping[str, Any], name: str) -> frozenset[str] | None:
    field = _resolved(root, part.get("properties", {}).get(name, True))
    return None if field is None else _values(field)


def _resolved(root: Mapping[str, Any], schema: JsonSchema) -> Mapping[str, Any] | None:
    """Return what a schema is, where nothing but a reference names it; None where that is not known."""
    for _ in range(_MOST_STEPS):
        if not isinstance(schema, Mapping):
            return None
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        if (found := referred(root, reference)) is None:
            return None
        schema = found
    return None


def _values(schema: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the values that a schema has at most, as JSON; None where it names none."""
    stated = [schema["const"]] if "const" in schema else schema.get("enum")
    return frozenset(_written(stated)) if isinstance(stated, list) else None


def _written(values: Sequence[object]) -> Iterator[str]:
    for value in values:
        # 1 and 1.0 are one number, also within a list; true is none
        plain = json.loads(json.dumps(value), parse_float=_number)
        yield json.dumps(plain, sort_keys=True)


def _number(written: str) -> int | float:
    value = float(written)
    return int(value) if value.is_integer() else value


def _differ(values: Sequence[frozenset[str] | None]) -> bool:
    """Tell whether all of some sets are known, and no value is in two of them."""
    known = [one for one in values if one is not None]
    return len(known) == len(values) and sum(map(len, known)) == len(frozenset().union(*known))
