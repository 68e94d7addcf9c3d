"""The projects that `kill.py` kills: every learner that trains, with every option on that it takes, on few rows.

Rows are drawn from a seed, and encoders are tiny ones with weights drawn at random: what is learned is of no use, and
whether it is the same does not depend on that.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

import projects
from modelwright.testing.learners import tiny_encoder

ROWS = 240
TOPICS = ("cards", "loans", "travel")
WORDS = {topic: [f"{topic}{number}" for number in range(30)] for topic in TOPICS}
COMMON = [f"word{number}" for number in range(60)]
SIDE = 28  # pixels of a picture
OWN_MODULE = """
import torch
from torch import nn

class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 3))

    def forward(self, arrays):
        columns = [arrays[name].reshape(-1, 1) for name in ("a.value", "b.value", "c.value")]
        return {"topic": self.layers(torch.cat(columns, 1))}

def build(inputs, outputs):
    return Own()
"""


@dataclass(frozen=True)
class Case:
    """A project: its function, the sections that are not those of every case, and what lies beside it.

    beside: writes further files into the project's folder. data: further keys of `data:`.
    """

    function: str
    sections: Mapping[str, object]
    data: Mapping[str, object] = field(default_factory=dict)
    beside: Callable[[Path], object] = lambda _: None

    def write(self, folder: Path) -> None:
        """Write the project and its rows into a folder."""
        project = {
            "function": self.function,
            "data": {"source": "rows.parquet", "twins": "ignore", **self.data},
            **self.sections,
        }
        # one thread: killed runs are compared with each other, and several stand beside other work
        project["learn"] = {"threads": 1, **dict(self.sections["learn"])}  # type: ignore[call-overload]
        (folder / "modelwright.yaml").write_text(json.dumps(project), "utf-8")
        self.beside(folder)
        if not (folder / "rows.parquet").exists():
            rows().write_parquet(folder / "rows.parquet")


def rows() -> pl.DataFrame:
    """Return texts, numbers, categories, sets and pictures that tell the topic, the size and the truth of a row."""
    draw = np.random.default_rng(0)
    topics = draw.integers(0, len(TOPICS), ROWS)
    numbers = draw.normal(topics[:, None], 0.7, (ROWS, 3))

    def text(topic: int) -> str:
        own, common = draw.choice(WORDS[TOPICS[topic]], 2), draw.choice(COMMON, draw.integers(3, 9))
        return " ".join(draw.permutation([*own, *common]))

    def picture(topic: int) -> bytes:
        pixels = draw.integers(0, 160, (SIDE, SIDE), dtype=np.uint8)
        pixels[4 + 7 * topic : 9 + 7 * topic] += 90
        return projects.png(pixels)

    size = np.exp(numbers[:, 0] + draw.normal(0, 0.2, ROWS))
    photos = [picture(topic) for topic in topics]
    return pl.DataFrame(
        {
            "question": [text(topic) for topic in topics],
            "other": [
                text(topic if same else (topic + 1) % 3) for topic, same in zip(topics, size > 2, strict=True)
            ],
            **{name: numbers[:, place] for place, name in enumerate("abc")},
            "shop": [f"shop{(topic + draw.integers(0, 2)) % 4}" for topic in topics],
            "photo": [None if place % 10 == 0 else photo for place, photo in enumerate(photos)],
            "picture": photos,
            "topic": [TOPICS[topic] for topic in topics],
            "size": size,
            "large": size > 2,
            "marks": [
                sorted({TOPICS[topic], "busy" if size[row] > 3 else "calm"})
                for row, topic in enumerate(topics)
            ],
        }
    )


def series(folder: Path) -> None:
    """Write an hourly curve with two waves into a folder."""
    draw, hours = np.random.default_rng(0), np.arange(700)
    values = (
        20
        + 5 * np.sin(hours / 24 * 2 * np.pi)
        + 2 * np.sin(hours / 168 * 2 * np.pi)
        + draw.normal(0, 0.5, 700)
    )
    stamps = np.datetime64("2024-01-01T00:00:00") + hours.astype("timedelta64[h]")
    pl.DataFrame({"when": [str(one) for one in stamps], "load": values}).write_csv(folder / "rows.csv")


def texts_encoder(folder: Path) -> None:
    """Write a tiny pretrained encoder of texts beside a project."""
    tiny_encoder.save(
        folder / "encoder", [*COMMON, *(word for words in WORDS.values() for word in words)], layers=3
    )


def pictures_encoder(folder: Path) -> None:
    """Write a tiny pretrained encoder of pictures beside a project."""
    tiny_encoder.save_of_pictures(folder / "encoder")


def sounds(folder: Path) -> None:
    """Write short tones and their table into a folder."""
    import io
    import wave

    draw = np.random.default_rng(0)
    cells = []
    for number in range(60):
        time = np.arange(4000) / 8000
        tone = np.sin(2 * np.pi * (300 + 200 * (number % 3)) * time) + draw.normal(0, 0.2, 4000)
        content = io.BytesIO()
        with wave.open(content, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes((tone * 8000).astype("<i2").tobytes())
        cells.append(content.getvalue())
    pl.DataFrame({"sound": cells}).write_parquet(folder / "rows.parquet")


def teacher(folder: Path) -> None:
    """Learn a package beside a project, which the student learns from."""
    place = folder / "teacher"
    place.mkdir()
    Case(TEXTS, {"requirements": BAR, "model": {"learner": "linear"}, "learn": {"budget": "5 s"}}).write(
        place
    )
    done = subprocess.run(
        [sys.executable, "-m", "modelwright", "run", "--to", "package", "--json", "--project", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"the teacher was not learned:\n{done.stdout}\n{done.stderr}")
    (made,) = (place / ".modelwright" / "objects").glob("package/*/package")
    made.rename(folder / "package")


def own_module(folder: Path) -> None:
    """Write a network of the project's own into its folder."""
    (folder / "mine.py").write_text(OWN_MODULE, "utf-8")


BAR = {"topic.accuracy": ">= 0.2"}
TEXTS = "f(question: text) -> topic: category"
TABLE = "f(a: number, b: number, c: number, shop: category) -> topic: category"
MIXED = (
    "f(question: text, photo: image?, a: number, shop: category) "
    "-> topic: category, large: boolean, size: number"
)
# the options that learners by gradients share, in two halves: what excludes each other stands in another case
FIRST = {
    "label_smoothing": 0.05,
    "patience": 40,
    "optimiser": {
        "name": "muon",
        "momentum": 0.8,
        "nesterov": False,
        "betas": [0.8, 0.95],
        "clip": 0.5,
        "accumulate": 2,
    },
    "schedule": {"name": "plateau", "warmup": 0.05, "factor": 0.5, "patience": 1},
    "loss": {"classes": "focal", "gamma": 1.5, "class_weights": "balanced", "numbers": "huber", "delta": 1.5},
    "regularisation": {"l1": 1e-5, "l2": 1e-5, "mixup": 0.3},
    "averaging": {"name": "stochastic", "begin": 0.5},
    "growth": {"at": [0.4, 0.7], "factor": 2},
    "stop_at": "topic.accuracy >= 1.0",
}
SECOND = {
    "optimiser": {"name": "rmsprop", "momentum": 0.5, "smoothing": 0.9},
    "schedule": {"name": "step", "at": [0.3, 0.6], "factor": 0.3},
    "loss": {"numbers": "quantile", "level": 0.6, "class_weights": {"cards": 2.0}},
    "averaging": {"name": "exponential", "decay": 0.9},
}


SERIES = {
    "source": "rows.csv",
    "columns": {"past": "load", "next": "load"},
    "time": "when",
    "window": 48,
    "horizon": 12,
}
CASES: Mapping[str, Case] = {
    "linear": Case(
        "f(question: text, a: number, b: number, shop: category) -> topic: category, size: number, marks: tags",
        {
            "requirements": BAR,
            "model": {"learner": "linear", "logarithm": True},
            "learn": {"budget": "1 min", "epochs": 100},
        },
    ),
    "linear-series": Case(
        "f(past: timeseries) -> next: timeseries",
        {"requirements": {"mae": "<= 100"}, "model": {"learner": "linear"}, "learn": {"budget": "1 min"}},
        SERIES,
        series,
    ),
    "trees": Case(
        "f(a: number, b: number, c: number, shop: category) -> topic: category, size: number, large: boolean",
        {
            "requirements": {"mae": "<= 100"},
            "model": {
                "learner": "trees",
                "bags": 3,
                "random_splits": True,
                "logarithm": True,
                "aim": "median",
            },
            "learn": {
                "budget": "1 min",
                "epochs": 300,
                "learning_rate": 0.02,
                "weight_decay": 1.0,
                "patience": 300,
            },
        },
    ),
    "trees-alone": Case(
        TABLE,
        {
            "requirements": BAR,
            "model": {"learner": "trees", "bags": 1, "random_splits": False, "leaves": 15, "min_rows": 3},
            "learn": {"budget": "1 min", "epochs": 600, "learning_rate": 0.01, "patience": 600},
        },
    ),
    "trees-series": Case(
        "f(past: timeseries) -> next: timeseries",
        {
            "requirements": {"mae": "<= 100"},
            "model": {"learner": "trees"},
            "learn": {"budget": "1 min", "epochs": 60},
        },
        SERIES,
        series,
    ),
    "probe": Case(
        "f(question: text) -> topic: category, size: number, large: boolean",
        {
            "requirements": BAR,
            "model": {"learner": "probe", "pretrained": "encoder", "pooling": "first"},
            "learn": {"budget": "1 min", "epochs": 300, "label_smoothing": 0.1},
        },
        beside=texts_encoder,
    ),
    "finetune": Case(
        "f(question: text, a: number) -> topic: category, size: number",
        {
            "requirements": BAR,
            "model": {
                "learner": "finetune",
                "pretrained": "encoder",
                "freeze_words": False,
                "unfreeze": 0.6,
                "balanced": True,
                "layer_decay": 0.8,
                "dropout": 0.2,
                "weights": {"size": 0.5},
            },
            "learn": {"budget": "1 min", "epochs": 16, "batch": 16, **FIRST},
        },
        beside=texts_encoder,
    ),
    "finetune-lora": Case(
        TEXTS,
        {
            "requirements": BAR,
            "model": {"learner": "finetune", "pretrained": "encoder", "lora": {"rank": 2}, "start": "random"},
            "learn": {"budget": "1 min", "epochs": 16, "batch": 16, "precision": "bfloat16", **SECOND},
        },
        beside=texts_encoder,
    ),
    "finetune-pictures": Case(
        "f(picture: image) -> topic: category",
        {
            "requirements": BAR,
            "model": {"learner": "finetune", "pretrained": "encoder", "frozen_layers": 1},
            "learn": {
                "budget": "1 min",
                "epochs": 4,
                "batch": 32,
                "optimiser": {"name": "sgd"},
                "schedule": {"name": "cosine"},
                "regularisation": {"mixup": 0.2, "cutmix": 1.0},
                "averaging": {"name": "none"},
            },
        },
        {
            "augment": {
                "picture": {"rotate": 10, "shift": 0.1, "noise": 0.1, "erase": 0.2, "flip_horizontal": True}
            }
        },
        pictures_encoder,
    ),
    "network": Case(
        MIXED,
        {
            "requirements": BAR,
            "model": {
                "learner": "network",
                "combiner": "attention",
                "width": 32,
                "activation": "gelu",
                "initialisation": "orthogonal",
                "normalisation": "layer",
                "dropout": 0.2,
                "balanced": True,
                "omitted": 0.2,
                "left_out": 0.4,
                "auxiliary": 0.7,
                "weighing": "uncertainty",
                "encoders": {
                    "question": {"type": "attention", "width": 16, "layers": 1},
                    "photo": {"type": "convolutional", "width": 4},
                },
            },
            "learn": {"budget": "1 min", "epochs": 6, "batch": 32, **FIRST},
        },
    ),
    "network-pretrained": Case(
        "f(question: text, a: number) -> topic: category",
        {
            "requirements": BAR,
            "model": {
                "learner": "network",
                "pretrained": {"question": "encoder"},
                "unfreeze": 0.5,
                "combiner": "gating",
            },
            "learn": {"budget": "1 min", "epochs": 12, "batch": 32, "precision": "bfloat16", **SECOND},
        },
        beside=texts_encoder,
    ),
    "network-stacking": Case(
        "f(question: text, a: number, b: number) -> topic: category",
        {
            "requirements": BAR,
            "model": {
                "learner": "network",
                "combiner": "stacking",
                "encoders": {"question": {"type": "words", "width": 16}},
            },
            "learn": {
                "budget": "1 min",
                "epochs": 6,
                "batch": 32,
                "optimiser": {"name": "adagrad"},
                "schedule": {"name": "inverse-time"},
            },
        },
    ),
    "network-matching": Case(
        "f(question: text, other: text) -> large: boolean",
        {
            "requirements": {"large.accuracy": ">= 0.2"},
            "model": {
                "learner": "network",
                "combiner": "matching",
                "encoders": {one: {"type": "words", "width": 16} for one in ("question", "other")},
            },
            "learn": {
                "budget": "1 min",
                "epochs": 10,
                "batch": 32,
                "optimiser": {"name": "adam"},
                "schedule": {"name": "exponential"},
                "growth": {"at": [0.5], "factor": 2},
                "loss": {"classes": "focal"},
                "averaging": {"name": "stochastic"},
            },
        },
    ),
    "network-pictures": Case(
        "f(picture: image) -> topic: category, marks: tags",
        {
            "requirements": BAR,
            "model": {"learner": "network", "encoders": {"picture": {"type": "convolutional", "width": 8}}},
            "learn": {
                "budget": "1 min",
                "epochs": 6,
                "batch": 32,
                "precision": "float16",
                "optimiser": {"name": "sgd", "momentum": 0.8},
                "schedule": {"name": "constant"},
                "regularisation": {"mixup": 0.2, "cutmix": 1.0},
                "growth": {"at": [0.5], "factor": 2},
            },
        },
        {
            "augment": {
                "picture": {"rotate": 10, "shift": 0.1, "noise": 0.1, "erase": 0.2, "flip_vertical": True}
            }
        },
    ),
    "network-series": Case(
        "f(past: timeseries) -> next: timeseries",
        {
            "requirements": {"mae": "<= 100"},
            "model": {"learner": "network", "encoders": {"past": {"type": "lstm", "width": 16}}},
            "learn": {
                "budget": "1 min",
                "epochs": 8,
                "batch": 32,
                "loss": {"numbers": "huber"},
                "schedule": {"name": "linear"},
            },
        },
        SERIES,
        series,
    ),
    "network-module": Case(
        "f(a: number, b: number, c: number) -> topic: category",
        {
            "requirements": BAR,
            "model": {"learner": "network", "module": "mine:build"},
            "learn": {
                "budget": "1 min",
                "epochs": 40,
                "batch": 16,
                "averaging": {"name": "stochastic"},
                "regularisation": {"mixup": 0.2},
            },
        },
        beside=own_module,
    ),
    "blend": Case(
        "f(question: text, a: number, b: number, shop: category) -> size: number",
        {
            "requirements": {"mae": "<= 100"},
            "model": {
                "learner": "blend",
                "aim": "median",
                "of": [
                    "linear",
                    {"learner": "network", "learn": {"epochs": 6, "averaging": {"name": "stochastic"}}},
                    {"learner": "probe", "pooling": "first"},
                ],
                "pretrained": {"question": "encoder"},
            },
            "learn": {"budget": "1 min"},
        },
        beside=texts_encoder,
    ),
    "blend-table": Case(
        TABLE,
        {
            "requirements": BAR,
            "model": {
                "learner": "blend",
                "of": [
                    {"learner": "trees", "bags": 2, "learn": {"epochs": 150}},
                    "linear",
                    {"learner": "network", "learn": {"epochs": 10}},
                ],
            },
            "learn": {"budget": "1 min"},
        },
    ),
    "distil": Case(
        TEXTS,
        {
            "requirements": BAR,
            "model": {
                "learner": "distil",
                "from": "package",
                "variants": 3,
                "words": False,
                "unlabelled": "more.csv",
                "encoders": {"question": {"type": "words", "width": 16}},
            },
            "learn": {
                "budget": "1 min",
                "epochs": 6,
                "batch": 32,
                **FIRST,
                "regularisation": {"l1": 1e-5},
            },
        },
        beside=lambda folder: (teacher(folder), rows().select("question").write_csv(folder / "more.csv")),
    ),
    "pretrain-texts": Case(
        "f(question: text)",
        {
            "model": {
                "learner": "pretrain",
                "objective": "both",
                "encoder": {"type": "attention", "width": 16, "layers": 1},
            },
            "learn": {
                "budget": "1 min",
                "epochs": 10,
                "batch": 32,
                "averaging": {"name": "stochastic", "begin": 0.5},
                "schedule": {"name": "plateau"},
                "optimiser": {"name": "muon", "momentum": 0.8, "clip": 0.5},
                "precision": "float16",
                "patience": 40,
            },
        },
    ),
    "pretrain-pictures": Case(
        "f(picture: image)",
        {
            "model": {
                "learner": "pretrain",
                "objective": "both",
                "encoder": {"type": "convolutional", "width": 8},
            },
            "learn": {"budget": "1 min", "epochs": 5, "batch": 32, "schedule": {"name": "cosine"}},
        },
    ),
    "pretrain-sounds": Case(
        "f(sound: audio)",
        {"model": {"learner": "pretrain"}, "learn": {"budget": "1 min", "epochs": 10, "batch": 16}},
        beside=sounds,
    ),
    "search": Case(
        TABLE,
        {
            "requirements": BAR,
            "tune": {
                "aim": "best",
                "sampler": "tpe",
                "trials": 6,
                "pruner": "median",
                "parallel": 2,
                "space": {
                    "model.learner": ["trees", "linear"],
                    "learn.learning_rate": {"low": 0.02, "high": 0.3, "log": True},
                    "model.leaves": [3, 7, 15],
                },
            },
            "learn": {"budget": "1 min", "epochs": 60},
        },
    ),
}
"""By name: a learner's name, and behind a hyphen what of it."""
