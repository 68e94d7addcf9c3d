"""Objects have the names alone that their schema states, where no other part of it may state more."""

from __future__ import annotations

import time
from typing import Any

import jsonschema_rs
import pytest

from modelwright.kinds.shared.schemas.closed_objects import close_objects
from modelwright.kinds.shared.schemas.schema_parts import parts

A, B = {"type": "object", "properties": {"a": {"type": "integer"}}}, {"properties": {"b": {}}}
FURTHER = {"more": 1}


@pytest.mark.parametrize(
    ("schema", "fits", "wrong"),
    [
        (A, {"a": 1}, {"a": 1, **FURTHER}),
        ({"properties": {"who": A}}, {"who": {"a": 1}}, {"who": {"a": 1, **FURTHER}}),
        ({"type": "array", "items": A}, [{"a": 1}], [FURTHER]),
        ({"prefixItems": [A]}, [{}], [FURTHER]),
        ({"additionalProperties": A}, {"x": {"a": 1}}, {"x": FURTHER}),
        ({"anyOf": [A, {"type": "null"}]}, None, FURTHER),
        ({"$ref": "#/$defs/A", "$defs": {"A": A}}, {"a": 1}, FURTHER),
        (
            {"properties": {"x": {"$ref": "#/definitions/A"}}, "definitions": {"A": A}},
            {"x": {}},
            {"x": FURTHER},
        ),
    ],
)
def test_a_name_that_is_not_stated_does_not_fit(schema: dict[str, Any], fits: Any, wrong: Any) -> None:
    found = close_objects(schema)
    assert jsonschema_rs.is_valid(schema, fits)
    assert jsonschema_rs.is_valid(found, fits)
    assert jsonschema_rs.is_valid(schema, wrong)
    assert not jsonschema_rs.is_valid(found, wrong)


@pytest.mark.parametrize(
    ("schema", "fits"),
    [
        ({"type": "object"}, FURTHER),
        ({"type": "object", "properties": {}}, FURTHER),
        ({**A, "additionalProperties": True}, {"a": 1, **FURTHER}),
        ({**A, "additionalProperties": {"type": "integer"}}, {"a": 1, **FURTHER}),
        ({**A, "patternProperties": {"^m": {}}}, {"a": 1, **FURTHER}),
        ({**A, "minProperties": 2}, {"a": 1, **FURTHER}),
        ({**A, "required": ["b"]}, {"b": 1}),  # else nothing would fit
        ({"allOf": [A, B]}, {"a": 1, "b": 1}),
        ({"allOf": [{"$ref": "#/$defs/A"}, B], "$defs": {"A": A}}, {"a": 1, "b": 1}),
        ({**A, "anyOf": [B]}, {"a": 1, "b": 1}),
        ({**A, "$ref": "#/$defs/B", "$defs": {"B": B}}, {"a": 1, "b": 1}),
        ({"properties": {"x": {"anyOf": [B], "required": ["a"]}}}, {"x": {"a": 1}}),
        ({**A, "if": {"required": ["c"]}, "then": B}, {"a": 1, "c": 1}),
        ({**A, "not": {"properties": {"c": {"const": 1}}, "required": ["c"]}}, {"c": 2}),
        ({"properties": {"x": {"enum": [{"properties": {}}]}}}, {"x": {"properties": {}}}),
    ],
)
def test_what_may_have_more_names_stays_open(schema: dict[str, Any], fits: Any) -> None:
    assert jsonschema_rs.is_valid(schema, fits)
    assert jsonschema_rs.is_valid(close_objects(schema), fits)


@pytest.mark.parametrize(
    "schema",
    [{"properties": 3}, {"properties": {"a": 3}, "required": 4}, {"items": [3]}, {"$ref": 5, "anyOf": 6}],
)
def test_what_is_no_schema_is_left_to_who_tells_that(schema: dict[str, Any]) -> None:
    assert close_objects(schema).keys() >= schema.keys()
    assert close_objects({**A, "required": [["a"], "a"]})["required"] == [["a"], "a"]


def test_a_schema_without_end_comes_to_an_end() -> None:
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"properties": {"a": deep}}
    assert close_objects(deep)["properties"]


def test_a_schema_that_is_a_trap_takes_no_time() -> None:
    wide = {f"n{place}": {} for place in range(3_000)}
    refs = {f"r{place}": {"$ref": f"{place}/$defs/wide"} for place in range(1_000)}
    trap = {"properties": refs, "$defs": {"wide": {"properties": wide}}}
    assert sum(1 for _ in parts(trap)) < 10_000  # each once or twice, however often it is named
    begun = time.perf_counter()
    close_objects(trap)
    large = {"properties": {f"n{place}": {"properties": {"a": {}}} for place in range(100_000)}}
    assert close_objects(large) == large
    assert time.perf_counter() - begun < 5
