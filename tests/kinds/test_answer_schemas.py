"""What answers can be held to, and what a schema that is dear or a trap is refused for."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import pytest
import tiny_decoder
from llguidance import LLMatcher

from modelwright.core.messages import RequestError
from modelwright.kinds.shared.schemas.answer_schema import grammar_of, schema_problem
from modelwright.kinds.shared.schemas.exclusive_parts import as_any_of
from modelwright.runtime.drivers.decode.answer_masks import AnswerMasks


def of(properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **more,
    }


CARD = of({"by": {"const": "card", "title": "By"}, "number": {"type": "string", "maxLength": 4}})
CASH = of({"by": {"enum": ["cash", "coins"]}, "sum": {"type": "integer"}})
BOTH = {"Card": CARD, "Cash": CASH}
REFERENCES = [{"$ref": "#/$defs/Card"}, {"$ref": "#/$defs/Cash"}]
UNION = of(
    {"paid": {"oneOf": REFERENCES, "discriminator": {"propertyName": "by", "mapping": {}}}}, **{"$defs": BOTH}
)
EXCLUSIVE = {
    "models of pydantic": UNION,
    "in a list": of({"all": {"type": "array", "items": {"oneOf": REFERENCES}}}, **{"$defs": BOTH}),
    "numbers": of({"a": {"oneOf": [{"const": 1}, {"const": 2.5}, {"const": True}]}}),
    "a reference to a value": of(
        {"a": {"oneOf": [{"$ref": "#/$defs/x"}, {"const": 2}]}}, **{"$defs": {"x": {"const": 1}}}
    ),
}
OVERLAPPING = {
    "one value twice": of({"a": {"oneOf": [{"const": 1}, {"enum": [2, 1.0]}]}}),
    "a field that one need not have": of(
        {"a": {"oneOf": [{"$ref": "#/$defs/c"}, {"$ref": "#/$defs/d"}]}},
        **{"$defs": {"c": {**CARD, "required": []}, "d": {**CASH, "required": []}}},
    ),
    "of any type": of(
        {"a": {"oneOf": [{"required": ["b"], "properties": {"b": {"const": c}}} for c in "xy"]}}
    ),
    "kinds of numbers": of({"a": {"oneOf": [{"type": "integer"}, {"type": "number"}]}}),
}


@pytest.mark.parametrize("schema", EXCLUSIVE.values(), ids=EXCLUSIVE)
def test_parts_that_exclude_each_other_are_told_by_what_references_name(schema: dict[str, Any]) -> None:
    assert schema_problem(schema, "s") is None
    assert LLMatcher.validate_grammar_with_warnings(grammar_of(schema)) == (False, [])
    assert "oneOf" not in str(as_any_of(schema))


@pytest.mark.parametrize("schema", OVERLAPPING.values(), ids=OVERLAPPING)
def test_parts_that_may_both_fit_are_refused(schema: dict[str, Any]) -> None:
    assert as_any_of(schema) == schema
    problem = schema_problem(schema, "s")
    assert problem is not None
    assert problem.id == "schema.refused"


def test_the_rewritten_schema_admits_the_same() -> None:
    rewritten = as_any_of(UNION)
    values = [
        {"by": "card", "number": "1"},
        {"by": "cash", "sum": 1},
        {"by": "card", "sum": 1},
        {"by": "x"},
        3,
    ]
    for value in values:
        paid = {"paid": value}
        assert jsonschema_rs.is_valid(rewritten, paid) is jsonschema_rs.is_valid(UNION, paid)


LONG = "x" * 3000
TEXTS = {
    "const": of({"a": {"const": LONG}}),
    "enum": of({"a": {"enum": ["y", {"deep": [LONG]}]}}),
    "pattern": of({"a": {"type": "string", "pattern": f"^{LONG}$"}}),
    "properties": of({LONG: {"type": "boolean"}}),
    "a list of numbers": of({"a": {"const": list(range(1000))}}),
}


@pytest.mark.parametrize("schema", TEXTS.values(), ids=TEXTS)
def test_texts_that_each_token_is_compared_with_are_bounded(schema: dict[str, Any]) -> None:
    problem = schema_problem(schema, "s")
    assert problem is not None
    assert problem.id == "schema.long"
    assert "#/properties" in str(problem)


@pytest.mark.parametrize("keyword", ["not", "propertyNames", "minProperties", "uniqueItems", "if"])
def test_a_keyword_that_is_meant_is_not_taken_for_another(keyword: str) -> None:
    value: object = {"minProperties": 3, "uniqueItems": True}.get(keyword, {})
    problem = schema_problem({"type": "object", keyword: value}, "s")
    assert problem is not None
    assert f"`{keyword}`" in problem.found
    assert "did you mean" not in problem.next_step


def test_a_keyword_that_is_mistyped_is_named() -> None:
    problem = schema_problem({"type": "object", "propertees": {}}, "s")
    assert problem is not None
    assert "`properties`" in problem.next_step


def test_what_unfolds_at_a_token_is_bounded() -> None:
    """Of numbers that two large primes divide each digit would unfold for a tenth of a second, beside other answers."""
    both = {"type": "integer", "allOf": [{"multipleOf": 999_983}, {"multipleOf": 999_979}]}
    masks = AnswerMasks(tiny_decoder.tokenizer(), tiny_decoder.tokenizer().get_vocab_size(), [0])
    try:
        mask = masks.of(str(of({"a": both})).replace("'", '"').replace("False", "false"))
    except RequestError:
        return
    assert mask is not None
    spent = time.process_time()
    for _ in range(30):
        (*found,) = mask.may_come().nonzero()[0]
        if not found:
            break
        mask.take(int(found[len(found) // 2]))
    assert not found or time.process_time() - spent < 1.0


@pytest.mark.parametrize("other", [1.0, [1.0], {"a": [1.0]}])
def test_numbers_that_are_equal_exclude_nothing_also_within_a_constant(other: Any) -> None:
    first = json.loads(json.dumps(other).replace("1.0", "1"))
    parts: dict[str, Any] = {
        name: {"type": "object", "properties": {"k": {"const": value}}, "required": ["k"]}
        for name, value in (("A", first), ("B", other))
    }
    schema = {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in parts], "$defs": parts}
    assert "oneOf" in as_any_of(schema)
    parts["B"]["properties"]["k"]["const"] = 2
    assert "anyOf" in as_any_of(schema)
