"""What the projects that `kill.py` kills are made of: rows, encoders, teachers, and the options that many share.

Rows are drawn from a seed, and encoders are tiny ones with weights drawn at random: what is learned is of no use, and
whether it is the same does not depend on that.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

import projects

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
    from modelwright.testing.learners import tiny_encoder  # torch, which a look at the cases does without

    tiny_encoder.save(
        folder / "encoder", [*COMMON, *(word for words in WORDS.values() for word in words)], layers=3
    )


def pictures_encoder(folder: Path) -> None:
    """Write a tiny pretrained encoder of pictures beside a project."""
    from modelwright.testing.learners import tiny_encoder

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


def learned_beside(folder: Path, name: str, case: Case, to: str = "package") -> Path:
    """Learn a project in a folder below that of another, and return that folder."""
    place = folder / name
    place.mkdir()
    case.write(place)
    done = subprocess.run(
        [sys.executable, "-m", "modelwright", "run", "--to", to, "--json", "--project", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"the project {name} was not learned:\n{done.stdout}\n{done.stderr}")
    return place


def teacher(folder: Path, case: Case | None = None) -> None:
    """Learn a package beside a project, which the student learns from: by default the lines of texts."""
    lines = Case(TEXTS, {"requirements": BAR, "model": {"learner": "linear"}, "learn": {"budget": "5 s"}})
    place = learned_beside(folder, "teacher", case or lines)
    (made,) = (place / ".modelwright" / "objects").glob("package/*/package")
    shutil.copytree(made, folder / "package")


def finetuned_teacher(folder: Path) -> None:
    """Learn a teacher with an encoder of three layers, from which the student has some."""
    model = {"learner": "finetune", "pretrained": "encoder"}
    learn = {"budget": "1 min", "epochs": 2}
    teacher(folder, Case(TEXTS, {"requirements": BAR, "model": model, "learn": learn}, beside=texts_encoder))


def pictures_teacher(folder: Path) -> None:
    """Learn a teacher that looks at pictures."""
    model = {"learner": "network", "encoders": {"picture": {"type": "convolutional", "width": 8}}}
    learn = {"budget": "1 min", "epochs": 2}
    function = "f(picture: image, a: number) -> topic: category"
    teacher(folder, Case(function, {"requirements": BAR, "model": model, "learn": learn}))


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


PIXELS = {"side": 24, "fit": "stretch", "scale": "percentile", "background": [0, 0, 0]}
SERIES = {
    "source": "rows.csv",
    "columns": {"past": "load", "next": "load"},
    "time": "when",
    "window": 48,
    "horizon": 12,
}
