"""Raw texts, and a small tokenizer with special tokens."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

TWO = ("What is it?", "你好，世界")
REFUSED = (1, 1.5, True, ["a"], {"a": 1}, "x" * 100_001, "half \ud800 a character")


def accepted() -> st.SearchStrategy[Any]:
    return st.text(max_size=40)


def cells() -> st.SearchStrategy[Any]:
    return st.text(max_size=40)


@cache
def tokenizer() -> bytes:
    """Return a tokenizer of single characters, with special tokens and settings that its user must ignore."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz?.,!' 你好世界"]
    built = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    built.normalizer = normalizers.Lowercase()
    built.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    built.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    built.enable_padding(length=16, pad_id=0, pad_token="[PAD]")
    built.enable_truncation(16)
    return built.to_str().encode()


def options() -> dict[str, Any]:
    return {"tokenizer": tokenizer(), "limit": 32}
