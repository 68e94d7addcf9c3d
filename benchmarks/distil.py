"""Banking77: a small student that learns from the fine-tuned package, beside the same student without a teacher.

    python benchmarks/distil.py --teacher PACKAGE [--data FOLDER] [--budget "4 min"] [--width 192] [--variants 2]
                                [--temperature 2] [--share 0.8] [--alike]
                                [--layers 2] [--feed-forward 1] [--pretrained NAME] [--compress none]

The teacher is a package that answers Banking77 (`benchmarks/banking77.py --packages` leaves one). Students are the same
network with the same budget. The one from scratch (`network`) begins with words and weights of its own and learns the
truths alone; the other (`distil`) learns what the teacher answers too. --alike adds a third, which begins with the
teacher's words and word vectors as that one does, and learns the truths alone: what of the gain is the beginning's.
--layers: the taught student (and that of --alike) begins with so many layers of MiniLM, or of the encoder that
--pretrained names, as the folder of the project that has fine-tuned the teacher; the one from scratch stays the network
of words. --feed-forward: the share of the channels within these layers. --compress: how the taught ones are packaged.
Accuracy is that of the dataset's own test file; latency the CPU time of a request of one row, by turns, the median.

Bars: the student takes at most a third of the teacher's time, and closes at least half of the gap between the student
without a teacher and the teacher.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from banking77 import default_data
from modelwright import load
from modelwright.runtime.function import Function

THIRD, HALF = 1 / 3, 0.5
TIMED, WARM = 100, 10
_NO_SHARE = 1e-9


def packaged(
    folder: Path, data: Path, model: dict[str, Any], budget: str, compress: str = "none"
) -> Function:
    """Learn and package a student, and return it."""
    folder.mkdir(parents=True)
    project = {
        "function": "intent(text: text) -> intent: category",
        "requirements": {"accuracy": ">= 0.5"},
        "data": {
            "train": str(data / "train.csv"),
            "test": str(data / "test.csv"),
            "columns": {"intent": "category"},
        },
        "model": model,
        "learn": {"budget": budget, "seed": 0},
        "package": {"compress": compress},
    }
    (folder / "modelwright.yaml").write_text(json.dumps(project), "utf-8")
    command = [sys.executable, "-m", "modelwright", "run", "--to", "package", "--project", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"run failed ({done.returncode}):\n{done.stdout}\n{done.stderr}")
    (package,) = (folder / ".modelwright/objects/package").glob("*/package")
    return load(package)


def accuracy(function: Function, rows: pl.DataFrame) -> float:
    """Return the share of test rows that are answered rightly."""
    answers = function.answer({"text": rows["text"].to_list()})
    truths = rows["category"].to_list()
    return float(np.mean([one["intent"].value == truth for one, truth in zip(answers, truths, strict=True)]))


def milliseconds(functions: Sequence[Function], texts: Sequence[str]) -> list[float]:
    """Return the median CPU time of a request of one row, by turns."""
    took: list[list[float]] = [[] for _ in functions]
    for number, text in enumerate(texts[: WARM + TIMED]):
        for function, times in zip(functions, took, strict=True):
            begun = time.process_time()
            function.answer({"text": [text]})
            if number >= WARM:
                times.append((time.process_time() - begun) * 1e3)
    return [statistics.median(times) for times in took]


def main() -> None:
    """Print a line for teacher and students, and the bars."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--budget", default="4 min")
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--variants", type=int, default=2)
    parser.add_argument("--temperature", type=float, default=2.0)
    parser.add_argument("--share", type=float, default=0.8)
    parser.add_argument("--layers", type=int, default=None)
    parser.add_argument("--feed-forward", type=float, default=1.0)
    parser.add_argument("--pretrained", default="all-MiniLM-L6-v2")
    parser.add_argument("--compress", default="none")
    parser.add_argument("--alike", action="store_true")
    arguments = parser.parse_args()
    if not (arguments.data / "train.csv").exists():
        print(f"skipped: Banking77 is not in {arguments.data}")
        return
    rows = pl.read_csv(arguments.data / "test.csv")
    encoders = {"text": {"type": "words", "width": arguments.width}}
    begun: dict[str, Any] = {"encoders": encoders}
    if arguments.layers is not None:
        # a folder is named from here, and the projects of the students lie elsewhere
        named = Path(arguments.pretrained)
        begun = {
            "pretrained": str(named.resolve()) if named.is_dir() else arguments.pretrained,
            "layers": arguments.layers,
            "feed_forward": arguments.feed_forward,
        }
    teacher = load(arguments.teacher)
    with tempfile.TemporaryDirectory(prefix="distil-") as temporary:
        place = Path(temporary)
        alone = packaged(
            place / "alone",
            arguments.data,
            {"learner": "network", "encoders": encoders},
            arguments.budget,
        )
        student = {"learner": "distil", "from": str(arguments.teacher.resolve()), **begun}
        taught = packaged(
            place / "taught",
            arguments.data,
            {
                **student,
                "variants": arguments.variants,
                "temperature": arguments.temperature,
                "share": arguments.share,
            },
            arguments.budget,
            arguments.compress,
        )
        functions = {"teacher": teacher, "without a teacher": alone, "with it": taught}
        if arguments.alike:
            # a share above 0 is asked for: one this small moves nothing
            truths = {**student, "variants": 0, "share": _NO_SHARE}
            functions["begun alike"] = packaged(
                place / "alike", arguments.data, truths, arguments.budget, arguments.compress
            )
        right = {name: accuracy(one, rows) for name, one in functions.items()}
        took = dict(zip(functions, milliseconds([*functions.values()], rows["text"].to_list()), strict=True))
        for name in functions:
            print(f"{name:18} accuracy {right[name]:.4f}, a request {took[name]:.2f} ms", flush=True)
        share = took["with it"] / took["teacher"]
        closed = (right["with it"] - right["without a teacher"]) / (
            right["teacher"] - right["without a teacher"]
        )
        words = ["held" if share <= THIRD else "MISSED", "held" if closed >= HALF else "MISSED"]
        print(f"{share:.2f} of the teacher's time ({words[0]}); {closed:.0%} of the gap closed ({words[1]})")


if __name__ == "__main__":
    main()
