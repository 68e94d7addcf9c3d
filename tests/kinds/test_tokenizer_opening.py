"""A tokenizer that somebody else wrote: what the library panics of is refused, and texts have the same tokens again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import tiny_decoder

from modelwright.core.messages import PackageError, ValueProblem
from modelwright.kinds.shared.files.tokenizer_opening import opened
from modelwright.kinds.text import arrays as text_arrays
from modelwright.learners.weights.tokenizer_files import ids_of
from modelwright.runtime.drivers.decode import prompts
from modelwright.runtime.drivers.locate.locate_settings import LocateSettings
from modelwright.runtime.drivers.locate.text_windows import WindowReader

OWN = json.loads(tiny_decoder.tokenizer().to_str())
ODD: dict[str, Any] = {
    "a map that is none": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
    "a template of nothing": {
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "x", "type_id": 0}}],
            "pair": [],
            "special_tokens": {},
        }
    },
    "a replaced nothing": {"normalizer": {"type": "Replace", "pattern": {"String": ""}, "content": "x"}},
    "pieces of no length": {"pre_tokenizer": {"type": "FixedLength", "length": 0}},
    "a merge of no token": {"model": {**OWN["model"], "merges": [["zz", "yy"]]}},
    "no object": [],
}
READERS: dict[str, Callable[[bytes], object]] = {
    "opened": opened,
    "weights": ids_of,
    "text": text_arrays._build,
    "windows": lambda data: WindowReader(data, LocateSettings.model_construct()),
    "decode": prompts._opened,
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_the_library_panics_of_is_refused(reader: Callable[[bytes], object], odd: Any) -> None:
    stated = {**OWN, **odd} if isinstance(odd, dict) else odd
    with pytest.raises((ValueError, ValueProblem, PackageError)):
        reader(json.dumps(stated).encode())


def test_tokens_are_not_left_to_chance() -> None:
    stated = {**OWN, "model": {**OWN["model"], "dropout": 0.9}}
    built = opened(json.dumps(stated))
    once = tiny_decoder.tokenizer().encode("hello one user").ids
    assert all(built.encode("hello one user").ids == once for _ in range(20))


def test_a_closed_vocabulary_is_opened() -> None:
    model = {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "[UNK]"}
    assert opened(json.dumps({**OWN, "model": model, "added_tokens": []})).encode("a").ids == [0]
