"""A transformer of a few thousand weights and its tokenizer, as a folder that `model.pretrained` may name."""

from __future__ import annotations

import re
from pathlib import Path

from modelwright.core.signature import Field, Signature
from modelwright.kinds.shared.lists.text_spans import TextSpan
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import Machine
from modelwright.testing.learners import tiny_encoder as tiny

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
MACHINE = Machine(cores=1, memory_bytes=2 * 10**9, instruction_set="avx2")
CHOOSE = Signature.parse("answer(question: text) -> answer: choice")
EXTRACT = Signature.parse("answer(question: text, context: text) -> answer: span?")
TAG = Signature.parse("tag(question: text) -> words: spans")
ROUTE = Signature("route", (Field("question", "text"),), (Field("domain", "category"),))
MIXED = Signature(
    "judge",
    (Field("items", "text"), Field("age", "number"), Field("member", "boolean"), Field("region", "category")),
    (Field("keys", "category"), Field("price", "number"), Field("fraud", "boolean")),
)


def save(folder: Path, *, layers: int = 2, width: int = 16, words: list[str] | None = None) -> Path:
    """Write config.json, model.safetensors and tokenizer.json into a folder, and return it."""
    return tiny.save(folder, words or WORDS, layers=layers, width=width)


def routed(rows: int) -> Examples:
    """Return questions whose domain follows from one word of them; lengths differ."""
    texts, domains = [], []
    for row in range(rows):
        word = ("lost", "late", "fee")[row % 3]
        filler = [WORDS[(row * 7 + place * 5) % len(WORDS)] for place in range(row % 9)]
        texts.append(" ".join([word, *(one for one in filler if one not in {"lost", "late", "fee"})]))
        domains.append({"lost": "cards", "late": "transfers", "fee": "prices"}[word])
    return Examples([str(row) for row in range(rows)], {"question": texts, "domain": domains})


def chosen(rows: int) -> Examples:
    """Return the questions of `routed`, each of which one passage answers: what its domain does."""
    base = routed(rows)
    texts = {"cards": "a lost card", "transfers": "a late transfer", "prices": "a fee that was charged"}
    columns = {
        "question": base.columns["question"],
        "answer": [frozenset({one}) for one in base.columns["domain"]],
    }
    return Examples(base.ids, columns, passages=texts)


def tagged(rows: int) -> Examples:
    """Return the questions of `routed`, with a label on each word that decides and on `the card` as a whole."""
    questions = [f"{text} the card" for text in routed(rows).columns["question"]]
    spans = [
        tuple(
            sorted(
                TextSpan(found.start(), found.end(), "thing" if " " in found.group() else "trouble")
                for found in re.finditer(r"the card$|\b(lost|late|fee)\b", text)
            )
        )
        for text in questions
    ]
    return Examples([str(row) for row in range(rows)], {"question": questions, "words": spans})


def extracted(rows: int) -> Examples:
    """Return a question after each word of `tagged`, and whether its text holds it: one in four does not."""
    base = tagged(rows).columns
    wanted = ["where is my card" if row % 2 else "why" for row in range(rows)]
    answers = []
    for row, spans in enumerate(base["words"]):
        of_label = [one for one in spans if (one.label == "thing") == bool(row % 2)]
        answers.append(() if row % 4 == 3 else tuple(TextSpan(one.start, one.end) for one in of_label[:1]))
    return Examples(
        [str(row) for row in range(rows)],
        {"question": wanted, "context": base["question"], "answer": answers},
    )


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
