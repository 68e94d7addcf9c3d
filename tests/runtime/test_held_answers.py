"""An answer that is held to a schema fits it, whatever the weights say; one that is cut is never called whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jsonschema_rs
import pytest
import tiny_writing

from modelwright.core.messages import RequestError
from modelwright.kinds.contract.common import Answer
from modelwright.kinds.shared.schemas import answer_schema
from modelwright.package.body import Body
from modelwright.runtime.drivers.contract.driver import Call
from modelwright.runtime.drivers.decode.driver import DecodeDriver, RunningDecode

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "likes": {"type": "array", "items": {"enum": ["苹果", "pears"]}, "minItems": 1, "maxItems": 2},
    },
    "required": ["name", "age", "likes"],
    "additionalProperties": False,
}
TREE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": ["boolean", "null"]},
                "more": {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 1},
            },
            "required": ["value"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}
EITHER = {
    "anyOf": [{"type": "integer", "minimum": 10, "maximum": 99}, {"const": {"none": None}}],
    "description": "a count, or none",
}
DAY = {"type": "string", "format": "date"}
CODE = {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"}
SCHEMAS = [PERSON, TREE, EITHER, DAY, CODE]


@pytest.fixture(scope="module")
def body() -> Body:
    return tiny_writing.reply_body()


@pytest.fixture(scope="module")
def running(body: Body) -> RunningDecode:
    return _opened(body)


def _opened(body: Body) -> RunningDecode:
    opened = DecodeDriver().open(body, 1)
    assert isinstance(opened, RunningDecode)
    return opened


def _answers(running: RunningDecode, asked: Sequence[str], **options: Any) -> list[Answer]:
    (*_, last) = running.run(Call({}, {"message": asked}, {"max_tokens": 120, **options}))
    return list(last.answers["answer"])


@pytest.mark.parametrize("schema", SCHEMAS, ids=["person", "tree", "either", "day", "code"])
@pytest.mark.parametrize("temperature", [0.0, 1.0, 3.0])
def test_finished_answers_fit_and_cut_ones_say_so(
    running: RunningDecode, schema: Mapping[str, Any], temperature: float
) -> None:
    asked = [f"Question {place}" for place in range(8)]
    found = _answers(running, asked, schema=schema, temperature=temperature, seed=list(range(8)))
    finished = [str(one.value) for one in found if one.details["finish"] == "stop"]
    assert len(finished) >= 6, "weights of chance come to an end here"
    for text in finished:
        jsonschema_rs.validate(schema, json.loads(text))
    assert {one.details["finish"] for one in found} <= {"stop", "length"}


def test_what_is_cut_is_said_to_be_cut(running: RunningDecode) -> None:
    (cut,) = _answers(running, ["One?"], schema=PERSON, max_tokens=6)
    assert cut.details["finish"] == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(str(cut.value))
    (out_of_time,) = _answers(running, ["One?"], schema=PERSON, max_time_s=1e-9)
    assert out_of_time.details["finish"] == "time"


def test_an_answer_that_is_whole_at_its_last_token_is_whole(running: RunningDecode) -> None:
    (whole,) = _answers(running, ["One?"], schema=CODE)
    tokens = whole.details["tokens"]
    (again,) = _answers(running, ["One?"], schema=CODE, max_tokens=tokens)
    assert again == whole
    (cut,) = _answers(running, ["One?"], schema=CODE, max_tokens=int(str(tokens)) - 1)
    assert cut.details["finish"] == "length"


def test_a_seed_gives_the_same_text_beside_rows_without_a_schema(running: RunningDecode, body: Body) -> None:
    options = {"schema": PERSON, "temperature": 1.0, "logprobs": 0}
    alone = [_answers(running, [one], seed=7, **options)[0] for one in ("One?", "Two?")]
    free = _answers(running, ["Three?"], temperature=1.0, seed=7)
    fresh = _opened(body)
    held = fresh.run(Call({}, {"message": ["One?", "Two?"]}, {"max_tokens": 120, "seed": 7, **options}))
    beside = fresh.run(
        Call({}, {"message": ["Three?"] * 3}, {"max_tokens": 120, "seed": 7, "temperature": 1.0})
    )
    last: dict[str, list[Answer]] = {}
    for name, part in _in_turn({"held": held, "free": beside}):
        last[name] = list(part.answers["answer"])
    assert last["held"] == alone
    assert last["free"] == free * 3


def _in_turn(runs: Mapping[str, Iterator[Any]]) -> Iterator[tuple[str, Any]]:
    left = dict(runs)
    while left:
        for name, run in list(left.items()):
            if (part := next(run, None)) is None:
                del left[name]
            else:
                yield name, part


BAD = {
    "no schema": ({"type": "nothing"}, "schema.invalid", "#/type"),
    "a keyword's value": ({"required": "a"}, "schema.invalid", "#/required"),
    "an unknown keyword": ({"type": "integer", "minimun": 1}, "schema.keyword", "minimum"),
    "not enforced": ({"not": {"type": "null"}}, "schema.keyword", "not"),
    "beside the point": ({"type": "integer", "format": "int32"}, "schema.keyword", "format"),
    "under a property": ({"properties": {"a": {"uniqueItems": True}}}, "schema.keyword", "#/properties/a"),
    "too few names": ({"type": "object", "minProperties": 2}, "schema.keyword", "minProperties"),
    "settings of the library": ({"x-guidance": {"lenient": True}}, "schema.keyword", "x-guidance"),
    "a file": ({"$ref": "file:///etc/passwd"}, "schema.elsewhere", "file:///etc/passwd"),
    "a page": ({"$ref": "http://127.0.0.1/a.json#/b"}, "schema.elsewhere", "http://127.0.0.1"),
    "a hidden reference": (
        {"$ref": "#/default/a", "default": {"a": {"$ref": "other.json"}}},
        "schema.elsewhere",
        "other.json",
    ),
    "nowhere": ({"$ref": "#/$defs/none"}, "schema.refused", "none"),
    "itself": ({"$ref": "#"}, "schema.endless", "end"),
    "endless objects": (
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        "schema.endless",
        "end",
    ),
    "endless lists": ({"type": "array", "items": {"$ref": "#"}, "minItems": 1}, "schema.endless", "end"),
    "endless in two": (
        {
            "$defs": {
                "a": {"type": "array", "prefixItems": [{"$ref": "#/$defs/b"}], "minItems": 1},
                "b": {"anyOf": [{"$ref": "#/$defs/a"}, {"allOf": [{"$ref": "#/$defs/b"}]}]},
            },
            "$ref": "#/$defs/b",
        },
        "schema.endless",
        "end",
    ),
    "no number": ({"type": "integer", "minimum": 5, "maximum": 3}, "schema.refused", "minimum"),
    "no choice": ({"enum": []}, "schema.refused", "admits nothing"),
    "no property": (
        {"type": "object", "required": ["z"], "additionalProperties": False},
        "schema.refused",
        "admits nothing",
    ),
    "look-ahead": ({"type": "string", "pattern": "(?=a)b"}, "schema.refused", "look"),
    "overlapping": ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "schema.refused", "oneOf"),
    "half a character": ({"const": "\ud800"}, "schema.refused", "d800"),
    "half a character that says nothing": ({"title": "\ud800"}, "schema.refused", "d800"),
    "beyond 64 bits": ({"type": "integer", "maximum": 10**25}, "schema.refused", "10000"),
    "too large": ({"enum": ["x" * 100_000]}, "schema.large", "100,0"),
    "too deep": (
        json.loads('{"items": ' * 70 + "{}" + "}" * 70),
        "schema.deep",
        "64",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_answers_cannot_be_held_to_is_refused(running: RunningDecode, case: str) -> None:
    schema, wanted, quoted = BAD[case]
    call = Call({}, {"message": ["One?", "Two?"]}, {"schema": schema})
    (problem,) = running.misfits(call).values()
    assert problem.id == wanted
    assert quoted in str(problem)
    with pytest.raises(RequestError):
        list(running.run(call))
    assert running.loop.in_slots == 0


def test_without_its_libraries_a_schema_is_refused_and_the_rest_is_answered(
    running: RunningDecode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_schema, "_LIBRARIES", ("json", "no_such_library"))
    call = Call({}, {"message": ["One?"]}, {"schema": {"const": "of this test alone"}})
    (problem,) = running.misfits(call).values()
    assert problem.id == "machine.missing-library"
    assert "modelwright[record]" in str(problem)
    with pytest.raises(RequestError):
        list(running.run(call))
    (free,) = _answers(running, ["One?"])
    assert free.details["finish"] in {"stop", "length"}


def test_a_stop_text_would_cut_an_object(running: RunningDecode) -> None:
    call = Call({}, {"message": ["One?"]}, {"schema": PERSON, "stop": "}"})
    (problem,) = running.misfits(call).values()
    assert problem.values["name"] == "stop"
    call = Call({}, {"message": ["One?"]}, {"schema": [1]})
    (problem,) = running.misfits(call).values()
    assert problem.values["name"] == "schema"


def test_a_way_out_is_no_endless_schema(running: RunningDecode) -> None:
    for schema in (
        {"type": "object", "properties": {"a": {"$ref": "#"}}},
        {
            "type": "object",
            "properties": {"a": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
            "required": ["a"],
        },
        {"type": "array", "items": {"$ref": "#"}},
        {"type": ["array", "null"], "items": {"$ref": "#"}, "minItems": 1},
    ):
        assert not running.misfits(Call({}, {"message": ["One?"]}, {"schema": schema}))
