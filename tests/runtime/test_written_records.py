"""The text by which an object is written is one that its schema lets be written, whatever the order of its fields."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tiny_decoder

from modelwright import kinds
from modelwright.kinds.shared.schemas.written_order import answer_text
from modelwright.runtime.drivers.decode.answer_masks import AnswerMasks

NODE = {"type": "object", "properties": {"z": {"type": "string"}, "a": {"$ref": "#/$defs/node"}}}
SCHEMA = json.dumps(
    {
        "type": "object",
        "$defs": {"node": NODE},
        "properties": {
            "text": {"type": "string"},
            "number": {"type": "number"},
            "count": {"type": "integer"},
            "deep": {"$ref": "#/$defs/node"},
            "list": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
        },
    }
)


@pytest.fixture(scope="module")
def masks() -> AnswerMasks:
    built = tiny_decoder.tokenizer()
    return AnswerMasks(built, built.get_vocab_size(), [2])


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"text": 'a"b\\c/\n\t'}, '{"text": "a\\"b\\\\c/\\n\\t"}'),
        ({"text": "\u2028 苹果 😀"}, '{"text": "\u2028 苹果 😀"}'),
        ({"number": 1e-7, "count": 5.0}, '{"number": 1e-07, "count": 5}'),
        ({"number": 1e22}, '{"number": 1e+22}'),
        (
            {"deep": {"a": {"a": {}, "z": "q"}, "z": "x"}, "text": "y"},
            '{"text": "y", "deep": {"z": "x", "a": {"z": "q", "a": {}}}}',
        ),
        ({"list": [None, {"a": {}, "z": "1"}]}, '{"list": [null, {"z": "1", "a": {}}]}'),
        ({"extra": [{"b": 1, "a": 2}], "text": "x"}, '{"text": "x", "extra": [{"a": 2, "b": 1}]}'),
    ],
)
def test_an_object_is_written_in_the_order_of_its_schema(
    masks: AnswerMasks, given: dict[str, Any], written: str
) -> None:
    text = answer_text(kinds.value("record").parse(given), SCHEMA)
    assert text == written
    assert masks.fits(tiny_decoder.tokenizer().encode(text).ids, SCHEMA)


@pytest.mark.parametrize("given", [{"count": 1.5}, {"text": 3}, {"deep": {"z": None}}, {"list": ["x"]}])
def test_what_does_not_fit_cannot_be_written(masks: AnswerMasks, given: dict[str, Any]) -> None:
    text = answer_text(kinds.value("record").parse(given), SCHEMA)
    assert not masks.fits(tiny_decoder.tokenizer().encode(text).ids, SCHEMA)
    whole = tiny_decoder.tokenizer().encode('{"count": 12}').ids
    assert masks.fits(whole, SCHEMA)
    assert not masks.fits(whole[:-1], SCHEMA), "half an object is none"
