"""Of the projects that `kill.py` kills, those that find places and passages in texts, or write some."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from kill_projects import SECOND, TOPICS, WORDS, Case, learned_beside, rows, texts_encoder

WRITE = "write(start: text?) -> text: text"
REPLY = "reply(message: text) -> answer: text"
TINY = {"layers": 1, "width": 32, "heads": 2}
TURNS = {
    "opening": "\n",
    "user": {"before": "\n", "after": " ", "trim": True},
    "assistant": {"before": "- ", "after": "<|end|>"},
    "reply": "- ",
}


def _write(folder: Path, found: Iterable[Mapping[str, object]], name: str = "rows.jsonl") -> None:
    (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in found), "utf-8")


def _topic_word(text: str) -> str:
    """Return the first word of a text that tells a topic."""
    return next(word for word in text.split() if word.startswith(TOPICS))


def tagged(folder: Path) -> None:
    """Write texts whose words of a topic are places, and their encoder."""
    texts_encoder(folder)
    found = []
    for text in rows()["question"]:
        words = [word for word in text.split() if word.startswith(TOPICS)]
        places = [
            {
                "start": text.index(word),
                "end": text.index(word) + len(word),
                "label": word.rstrip("0123456789"),
            }
            for word in dict.fromkeys(words)
        ]
        found.append({"text": text, "places": _apart(places)})
    _write(folder, found)


def _apart(places: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return places of which none lies within another: `cards1` is found in `cards12`, too."""
    kept: list[dict[str, object]] = []
    for place in sorted(places, key=lambda one: (one["start"], -int(str(one["end"])))):
        if not kept or int(str(place["start"])) >= int(str(kept[-1]["end"])):
            kept.append(place)
    return kept


def asked(folder: Path) -> None:
    """Write questions after the word of a topic in a text, some of which it does not hold, and their encoder."""
    texts_encoder(folder)
    found = []
    for place, text in enumerate(rows()["question"]):
        word = _topic_word(text)
        begin = text.index(word)
        answer = [] if place % 5 == 0 else {"start": begin, "end": begin + len(word)}
        question = word.rstrip("0123456789") if answer else "word1 word2"
        found.append({"question": question, "context": text, "answer": answer})
    _write(folder, found)


def passages(folder: Path) -> None:
    """Write a corpus of a passage for each word of a topic, questions with such a word, and their encoder."""
    texts_encoder(folder)
    words = [word for of in WORDS.values() for word in of]
    passages = pl.DataFrame({"id": words, "passage": [f"word1 {word} word2 word3" for word in words]})
    passages.write_csv(folder / "passages.csv")
    questions = rows()["question"]
    found = pl.DataFrame({"question": questions, "answer": [_topic_word(one) for one in questions]})
    found.write_csv(folder / "rows.csv")


def documents(folder: Path) -> None:
    """Write texts that nothing asks for."""
    _write(folder, ({"text": text} for text in rows()["question"]))


def answers(folder: Path) -> None:
    """Write what is asked and answered, and learn a decoder from nothing beside it, to begin with."""
    beginning = {
        "model": {
            "learner": "generate",
            "pretrained": "none",
            "context": 64,
            "scratch": {"words": 320, **TINY},
        },
        "learn": {"epochs": 2, "batch": 16},
    }
    learned_beside(folder, "base", Case(WRITE, beginning, {"source": "rows.jsonl"}, documents), "learn")
    _write(
        folder, ({"message": one["question"], "answer": one["topic"]} for one in rows().iter_rows(named=True))
    )


def preferences(folder: Path) -> None:
    """Write a prompt with two answers each, and a decoder to begin with."""
    answers(folder)
    _write(
        folder,
        (
            {"prompt": one["question"], "chosen": one["topic"], "rejected": "word1 word2"}
            for one in rows().iter_rows(named=True)
        ),
    )


def verdicts(folder: Path) -> None:
    """Write a prompt with one answer each and whether it was liked, and a decoder to begin with."""
    answers(folder)
    liked = np.random.default_rng(0).random(rows().height) < 0.6
    _write(
        folder,
        (
            {
                "prompt": one["question"],
                "completion": one["topic"] if good else "word1 word2",
                "label": bool(good),
            }
            for one, good in zip(rows().iter_rows(named=True), liked, strict=True)
        ),
    )


JSONL, FOUND = {"source": "rows.jsonl"}, {"source": "rows.csv", "corpus": "passages.csv"}
# how texts are read is shared by what finds labelled places and what finds an answer
READING = {
    "pretrained": "encoder",
    "window": 12,
    "stride": 4,
    "question": 4,
    "freeze_words": False,
    "layer_decay": 0.8,
    "head_rate": 0.002,
    "dropout": 0.2,
}
LEARNING = {
    "budget": "1 min",
    "epochs": 8,
    "batch": 16,
    "learning_rate": 1e-3,
    "weight_decay": 0.02,
    "label_smoothing": 0.1,
    "patience": 40,
}
STEPS = {key: SECOND[key] for key in ("optimiser", "schedule", "averaging")}
ANSWERED = {"threads": 1, "epochs": 3, "batch": 16, "learning_rate": 1e-3, "weight_decay": 0.1}
CASES: Mapping[str, Case] = {
    "tag": Case(
        "f(text: text) -> places: spans",
        {
            "requirements": {"entity_f1": ">= 0.1"},
            "model": {"learner": "tag", **READING},
            "learn": {
                **LEARNING,
                "threads": 2,
                "processes": 2,
                "precision": "bfloat16",
                "optimiser": {"name": "muon", "momentum": 0.8, "accumulate": 2},
                "schedule": {"name": "plateau"},
                "averaging": {"name": "stochastic", "begin": 0.5},
            },
        },
        JSONL,
        tagged,
    ),
    "extract": Case(
        "f(question: text, context: text) -> answer: span?",
        {
            "requirements": {"exact_match": ">= 0.1"},
            "model": {"learner": "extract", **READING},
            "learn": {**LEARNING, "threads": 2, "processes": 2, "precision": "float16", **STEPS},
        },
        JSONL,
        asked,
    ),
    "match": Case(
        "f(question: text) -> answer: choice",
        {
            "requirements": {"recall_at_10": ">= 0.1"},
            "model": {
                "learner": "match",
                "pretrained": "encoder",
                "pooling": "first",
                "passage_length": 12,
                "question_length": 8,
                "hard_negatives": True,
                "temperature": 0.1,
                "vectors": "int8",
                "search": "clusters",
                "shown": 5,
                "freeze_words": False,
                "layer_decay": 0.8,
            },
            "learn": {**LEARNING, "threads": 2, "processes": 2, "precision": "bfloat16", **STEPS},
        },
        FOUND,
        passages,
    ),
    "generate-scratch": Case(
        WRITE,
        {
            "requirements": {"perplexity": "<= 100000"},
            "model": {
                "learner": "generate",
                "pretrained": "none",
                "scratch": {"tokenizer": "bytes", "words": 320, **TINY},
                "context": 32,
            },
            "learn": {
                **ANSWERED,
                "precision": "float16",
                "optimiser": {"name": "muon", "momentum": 0.8, "nesterov": False, "clip": 0.5},
                "schedule": {"name": "plateau"},
                "averaging": {"name": "stochastic", "begin": 0.5},
            },
        },
        JSONL,
        documents,
    ),
    "generate-characters": Case(
        WRITE,
        {
            "requirements": {"perplexity": "<= 100000"},
            "model": {
                "learner": "generate",
                "pretrained": "none",
                "scratch": {"tokenizer": "characters", **TINY},
                "context": 32,
            },
            "learn": {**ANSWERED, "optimiser": {"name": "adagrad"}, "schedule": {"name": "cosine"}},
        },
        JSONL,
        documents,
    ),
    "generate-full": Case(
        REPLY,
        {
            "requirements": {"perplexity": "<= 100000"},
            "model": {
                "learner": "generate",
                "pretrained": "base",
                "train": "full",
                "freeze_words": False,
                "template": TURNS,
            },
            "learn": {**ANSWERED, "precision": "bfloat16", **STEPS},
        },
        JSONL,
        answers,
    ),
    "generate-preferences": Case(
        REPLY,
        {
            "requirements": {"perplexity": "<= 100000"},
            "model": {
                "learner": "generate",
                "pretrained": "base",
                "train": "lora",
                "lora": {"rank": 2, "alpha": 4},
                "prefer": {"beta": 0.2, "kept": 0.5},
                "template": TURNS,
            },
            "learn": {**ANSWERED, "optimiser": {"name": "sgd"}, "averaging": {"name": "exponential"}},
        },
        {**JSONL, "form": "preference"},
        preferences,
    ),
    "generate-verdicts": Case(
        REPLY,
        {
            "requirements": {"perplexity": "<= 100000"},
            "model": {
                "learner": "generate",
                "pretrained": "base",
                "train": "full",
                "prefer": {"liked": 1.0},
                "template": TURNS,
            },
            "learn": {**ANSWERED, "threads": 2, "processes": 2, "schedule": {"name": "linear"}},
        },
        {**JSONL, "form": "verdict"},
        verdicts,
    ),
}
"""By name: a learner's name, and behind a hyphen what of it."""
