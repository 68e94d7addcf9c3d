"""A transformer of a few thousand weights and its tokenizer, as a folder that `model.pretrained` may name."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from modelwright.core.signature import Field, Signature
from modelwright.learners.base import Machine
from modelwright.storage.formats.rows import Examples

WORDS = [
    "the",
    "my",
    "a",
    "card",
    "bank",
    "lost",
    "stolen",
    "where",
    "is",
    "money",
    "transfer",
    "late",
    "rate",
    "why",
    "when",
    "blocked",
    "fee",
    "please",
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
MACHINE = Machine(cores=1, memory_bytes=2 * 10**9, instruction_set="avx2")
ROUTE = Signature("route", (Field("question", "text"),), (Field("domain", "category"),))
MIXED = Signature(
    "judge",
    (Field("items", "text"), Field("age", "number"), Field("member", "boolean"), Field("region", "category")),
    (Field("keys", "category"), Field("price", "number"), Field("fraud", "boolean")),
)


def save(folder: Path, *, layers: int = 2, width: int = 16, words: list[str] | None = None) -> Path:
    """Write config.json, model.safetensors and tokenizer.json into a folder, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: place for place, word in enumerate([*SPECIAL, *(words or WORDS)])}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = transformers.BertConfig(
            vocab_size=len(vocabulary),
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=2,
            intermediate_size=2 * width,
            max_position_embeddings=32,
        )
        transformers.BertModel(config).save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def routed(rows: int) -> Examples:
    """Return questions whose domain follows from one word of them; lengths differ."""
    texts, domains = [], []
    for row in range(rows):
        word = ("lost", "late", "fee")[row % 3]
        filler = [WORDS[(row * 7 + place * 5) % len(WORDS)] for place in range(row % 9)]
        texts.append(" ".join([word, *(one for one in filler if one not in {"lost", "late", "fee"})]))
        domains.append({"lost": "cards", "late": "transfers", "fee": "prices"}[word])
    return Examples([str(row) for row in range(rows)], {"question": texts, "domain": domains})


def mixed(rows: int) -> Examples:
    """Return rows of every kind, with missing inputs and missing truths."""
    base = routed(rows).columns
    return Examples(
        [str(row) for row in range(rows)],
        {
            "items": list(base["question"]),
            "age": [None if row % 11 == 0 else float(row % 50) for row in range(rows)],
            "member": [None if row % 13 == 0 else row % 2 == 0 for row in range(rows)],
            "region": [None if row % 17 == 0 else ("north", "south")[row % 2] for row in range(rows)],
            "keys": [None if row % 7 == 0 else value for row, value in enumerate(base["domain"])],
            # It follows from the age; where that is missing, a truth would only be noise.
            "price": [
                None if row % 5 == 0 or row % 11 == 0 else 3.0 * (row % 50) + 10.0 for row in range(rows)
            ],
            "fraud": [None if row % 9 == 0 else row % 2 == 0 for row in range(rows)],
        },
    )
