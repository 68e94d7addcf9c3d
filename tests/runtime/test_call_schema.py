"""The schema of a call holds arguments to the parameters of its tool, wherever these refer to."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
import tiny_tools

from modelwright.kinds.shared.schemas.answer_schema import schema_problem
from modelwright.runtime.drivers.decode.calling.call_schema import call_schema
from modelwright.runtime.drivers.decode.calling.tool_texts import ToolTexts

KEYS = ToolTexts.model_validate(tiny_tools.HERMES).keys
TREE = {
    "type": "object",
    "properties": {
        "more": {"type": "array", "items": {"$ref": "#"}, "maxItems": 2},
        "enum": {"$ref": "#/$defs/A"},
    },
    "required": ["enum"],
    "$defs": {"A": {"enum": ["x", {"$ref": "#"}]}},
}
EITHER = {"type": "object", "properties": {"a": {"type": "integer"}}, "anyOf": [{"required": ["a"]}]}


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        ({"enum": "x"}, True),
        ({"enum": "x", "more": [{"enum": "x", "more": []}]}, True),
        ({"enum": {"$ref": "#"}}, True),
        ({"enum": "y"}, False),
        ({"enum": "x", "more": [{}]}, False),
        ({"enum": "x", "other": 1}, False),
        ({}, False),
    ],
)
def test_references_lead_to_the_tool_that_they_stand_in(arguments: dict[str, Any], fits: bool) -> None:
    tools = [tiny_tools.TOOLS[1], tiny_tools.tool("tree", TREE)]
    schema = json.loads(call_schema(tools, KEYS))
    assert schema_problem(schema, "schema") is None
    validator = jsonschema_rs.validator_for(schema)
    assert validator.is_valid({"name": "tree", "arguments": arguments}) is fits
    assert not validator.is_valid({"name": "now", "arguments": arguments}) or arguments == {}


def test_names_that_other_parts_may_have_are_left_open() -> None:
    schema = json.loads(call_schema([tiny_tools.tool("either", EITHER)], KEYS))
    assert jsonschema_rs.is_valid(schema, {"name": "either", "arguments": {"a": 1, "b": 2}})
    assert list(schema["properties"]) == ["name", "arguments"]
