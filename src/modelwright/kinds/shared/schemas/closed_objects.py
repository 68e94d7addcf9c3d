"""Objects that have the properties alone that their schema names.

A schema without `additionalProperties` admits any further name, and a small model that is held to it goes on inventing
some until its tokens are used up. Who writes one from a class means its fields. What fits the closed schema fits the
open one, too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from modelwright.kinds.shared.schemas.schema_parts import (
    MOST_BYTES,
    MOST_DEPTH,
    JsonSchema,
    parts,
    with_changed_parts,
)

# with which a name may come from elsewhere, or fewer objects of one part are more of the whole
_ELSEWHERE = frozenset(
    {
        *("allOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies"),
        *("unevaluatedProperties", "$dynamicRef"),
    }
)
_OTHERS = frozenset({"anyOf", "$ref"})  # whose objects may not be closed where this one has properties, too
_OWN = frozenset({"properties", "required", "additionalProperties", "patternProperties", "minProperties"})
_OPEN = frozenset({"additionalProperties", "patternProperties", "minProperties"})


def close_objects(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema whose objects have the names that they state and no others.

    An object stays open that says what else it may have, or names nothing; all stay as they are where the names of one
    may stand in several parts, and of one that is too large to be enforced.
    """
    if _length(schema) <= MOST_BYTES and all(_stands_alone(part.schema) for part in parts(schema)):
        found: dict[str, Any] = _closed(schema, 0)
        return found
    return dict(schema)


def _length(schema: Mapping[str, Any]) -> float:
    try:
        return len(json.dumps(schema))
    except (ValueError, TypeError, RecursionError):
        return math.inf


def _stands_alone(schema: JsonSchema) -> bool:
    if not isinstance(schema, Mapping):
        return True
    return not _ELSEWHERE & schema.keys() and not (_OTHERS & schema.keys() and _OWN & schema.keys())


def _closed(schema: Any, depth: int) -> Any:
    if depth > MOST_DEPTH or not isinstance(schema, Mapping):
        return schema
    found = with_changed_parts(schema, lambda one: _closed(one, depth + 1))
    names = found.get("properties")
    if isinstance(names, Mapping) and names and not _OPEN & found.keys():
        required = found.get("required", ())
        if isinstance(required, list | tuple) and all(
            isinstance(one, str) and one in names for one in required
        ):
            found["additionalProperties"] = False
    return found
