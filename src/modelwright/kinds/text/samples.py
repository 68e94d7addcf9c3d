"""Texts to try the kind with, and a small tokenizer with special tokens."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from modelwright.kinds.contract.samples import Samples


class TextSamples(Samples[str]):
    """Texts in several scripts, with odd white space."""

    def strict(self) -> Sequence[tuple[object, str]]:
        """Return texts."""
        return [
            ("What is it?", "What is it?"),
            ("你好，世界", "你好，世界"),
            ("  a\tb\r\nc\u3000d\u00a0 ", "a b c d"),
            ("Cafe\u0301", "Caf\u00e9"),
            ("ÀÉ — “quoted”, UPPER?!", "ÀÉ — “quoted”, UPPER?!"),
        ]

    def lenient(self) -> Sequence[tuple[object, str | None]]:
        """Return blanks."""
        return [("", None), (" \n", None), ("3", "3")]

    def refused(self) -> Sequence[object]:
        """Return what is no text, too long, or half a character."""
        return [1, 1.5, True, ["a"], {"a": 1}, "x" * 100_001, "half \ud800 a character", b"a"]

    def values(self) -> Sequence[str | None]:
        """Return texts of different lengths, some missing."""
        return [None, *(" ".join(["what is it? 你好"] * times) for times in range(1, 20)), "x"]

    def column(self) -> Sequence[object]:
        """Return texts that do not repeat."""
        return [*(f"question number {number}" for number in range(30)), ""]

    def options(self) -> dict[str, object]:
        """Return the tokenizer, and how many positions its encoder is to know."""
        return {"tokenizer": tokenizer(), "limit": 32}


@cache
def tokenizer() -> bytes:
    """Return a tokenizer of single characters, with special tokens and settings that its user must ignore."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz?.,!' 你好世界"]
    built = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))  # noqa: S106
    built.normalizer = normalizers.Lowercase()
    built.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    built.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    built.enable_padding(length=16, pad_id=0, pad_token="[PAD]")  # noqa: S106
    built.enable_truncation(16)
    return built.to_str().encode()
