"""The JSON schema of the object by which one of several tools is called."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from modelwright.kinds.shared.calling.offered_tools import Tool
from modelwright.kinds.shared.schemas.closed_objects import close_objects
from modelwright.kinds.shared.schemas.exclusive_parts import as_any_of
from modelwright.runtime.drivers.decode.calling.tool_texts import CallKeys

_FURTHER = frozenset({"allOf", "anyOf", "oneOf", "$ref", "patternProperties"})  # which may name more of them
_VALUES = frozenset({"const", "enum", "default", "examples"})  # in which nothing is a schema
_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions"})  # names → schemas


def call_schema(tools: Sequence[Tool], keys: CallKeys) -> str:
    """Return the schema, as text; arguments have the names alone that a tool's parameters state."""
    defs: dict[str, Any] = {}
    calls: list[dict[str, Any]] = []
    for place, tool in enumerate(tools):
        function = tool["function"]
        own = f"tool{place}"
        parameters = close_objects({"type": "object", **function["parameters"]})
        if "properties" in parameters and not _FURTHER & parameters.keys():
            parameters.setdefault("additionalProperties", False)
        defs[own] = _moved(parameters, f"#/$defs/{own}")
        values: dict[str, Any] = {
            **{key: {"const": value} for key, value in keys.fixed.items()},
            keys.name: {"const": function["name"]},
            keys.arguments: {"$ref": f"#/$defs/{own}"},
        }
        calls.append(
            {
                "type": "object",
                "properties": {key: values[key] for key in keys.forced},
                "required": list(keys.forced),
                "additionalProperties": False,
            }
        )
    stated = calls[0] if len(calls) == 1 else {"anyOf": calls}
    return json.dumps(as_any_of({**stated, "$defs": defs}))


def _moved(schema: Any, to: str) -> Any:
    """Return a schema that stands within another, its references to parts of itself led there."""
    if not isinstance(schema, Mapping):
        return [_moved(one, to) for one in schema] if isinstance(schema, list) else schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _VALUES:
            found[key] = value
        elif key in _MAPS and isinstance(value, Mapping):
            found[key] = {name: _moved(one, to) for name, one in value.items()}
        elif key == "$ref" and isinstance(value, str) and value.startswith("#"):
            found[key] = to + value[1:]
        elif key not in {"$schema", "$id"}:
            found[key] = _moved(value, to)
    return found
