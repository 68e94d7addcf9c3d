"""Banking77, fine-tuned and packaged: each form of the package beside its float32 graph in the same runtime.

    python benchmarks/compression.py [--data FOLDER] [--keep FOLDER] [--budget "12 min"] [--forms FORM …]

The function is learned once (`--keep` a folder, so that another call goes on from there), then its exact body takes
each form. Bytes are those of the graph; milliseconds the CPU time of ONNX Runtime on one thread for one test row whose
arrays are ready, exact and form by turns, the median; accuracy that of the dataset's own test file. A form is a name,
or YAML: `--forms int8 "[{form: prune, share: 0.25}, int8]"`. Last comes what `package.compress: auto` takes, which
looks at validation rows alone.

Bars, of the form that `auto` takes: 3.5 times smaller, 2 times as quick, within 0.5 points.
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
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from banking77 import default_data
from modelwright import kinds, learners
from modelwright.core.messages import Phrase
from modelwright.core.spacing import evenly_spaced
from modelwright.learners.contract.compression import read, shown
from modelwright.learners.contract.source import Rows
from modelwright.package.body import Body
from modelwright.package.content import size_bytes
from modelwright.package.graphs import open_session
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.storage.formats.examples import Examples, read_examples

SMALLER, QUICKER, LOST = 3.5, 2.0, 0.005
FORMS = (
    "float16",
    "int8",
    "int8-static",
    "int4",
    "low-rank",
    "{form: prune, share: 0.25}",
    "{form: prune, share: 0.5, structured: false}",
    "[prune, int8]",
    "[prune, int8-static]",
    "[low-rank, int8]",
    "[{form: int4, of: tables}, int8-static]",
    "[{form: int4, of: tables}, prune, int8-static]",
)
TIMED, WARM = 200, 10
AUTO = "auto"


def learned(folder: Path, data: Path, budget: str) -> dict[str, Any]:
    """Write the project, learn it unless it is learned, package it, and return the summary of `package`."""
    project = {
        "function": "intent(text: text) -> intent: category",
        "requirements": {"accuracy": ">= 0.9"},
        "data": {
            "train": str(data / "train.csv"),
            "test": str(data / "test.csv"),
            "columns": {"intent": "category"},
        },
        "model": {"learner": "finetune"},
        "learn": {"budget": budget, "seed": 0},
        "package": {"compress": "auto"},
    }
    folder.mkdir(parents=True, exist_ok=True)
    kept = ["--keep", "learn"] if list(folder.glob(".modelwright/objects/learn/*/learned")) else []
    (folder / "modelwright.yaml").write_text(json.dumps(project), "utf-8")
    command = [sys.executable, "-m", "modelwright", "run", "--to", "package", *kept, "--project", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"run failed ({done.returncode}):\n{done.stdout}\n{done.stderr}")
    command = [sys.executable, "-m", "modelwright", "show", "package", "--json", "--project", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    summary: dict[str, Any] = json.loads(done.stdout)["data"]
    return summary


def newest(folder: Path, stage: str) -> Path:
    """Return the newest result of a stage."""
    return max((folder / ".modelwright/objects" / stage).glob("*"), key=lambda one: one.stat().st_mtime)


def accuracy(body: Body, test: Examples) -> float:
    """Return the share of test rows that are answered rightly."""
    signature = body.signature
    (output,) = (one.name for one in signature.outputs)
    answers = Function(Package(body, "", 1)).answer(
        {one.name: test.columns[one.name] for one in signature.inputs}
    )
    return float(
        np.mean(
            [row[output].value == right for row, right in zip(answers, test.columns[output], strict=True)]
        )
    )


def milliseconds(bodies: Sequence[Body], test: Examples) -> list[float]:
    """Return the median CPU time of the runtime for one row, by turns."""
    sessions = [open_session(one.graphs["model"], 1, "model") for one in bodies]
    wanted = [one.name for one in sessions[0].get_inputs()]
    took: list[list[float]] = [[] for _ in bodies]
    fields = bodies[0].signature.inputs
    for number, row in enumerate(evenly_spaced(len(test), WARM + TIMED).tolist()):
        arrays = {
            f"{one.name}.{name}": values
            for one in fields
            for name, values in kinds.arrays(one.kind)
            .encode([test.columns[one.name][row]], bodies[0].states[one.name])
            .items()
        }
        feed = {name: arrays[name] for name in wanted}
        for session, times in zip(sessions, took, strict=True):
            begun = time.process_time()
            session.run(None, feed)
            if number >= WARM:
                times.append((time.process_time() - begun) * 1e3)
    return [statistics.median(times) for times in took]


def main() -> None:
    """Print a line for each form, and one for what `auto` takes, with its bars."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--keep", type=Path, help="the folder of the project, which stays")
    parser.add_argument("--budget", default="12 min")
    parser.add_argument("--forms", nargs="*", default=FORMS)
    arguments = parser.parse_args()
    if not (arguments.data / "train.csv").exists():
        print(f"skipped: Banking77 is not in {arguments.data}")
        return
    with tempfile.TemporaryDirectory(prefix="compression-") as temporary:
        folder = arguments.keep or Path(temporary)
        summary = learned(folder, arguments.data, arguments.budget)
        exporter = learners.export("finetune")
        exact = exporter.export(newest(folder, "learn") / "learned")
        data = newest(folder, "data")
        splits = {
            name: read_examples(data / name, exact.signature) for name in ("train", "validation", "test")
        }
        compressor = exporter.compressor(exact, cache(lambda: Rows(splits["train"], splits["validation"])))
        right = accuracy(exact, splits["test"])
        print(
            f"{'exact':36} {size_bytes(exact.graphs['model']) / 1e6:6.1f} MB  accuracy {right:.4f}",
            flush=True,
        )
        for text in [*arguments.forms, *([] if summary["taken"] == "exact" else [AUTO])]:
            chosen = read(_of_summary(summary) if text == AUTO else yaml.safe_load(text))
            begun = time.process_time()
            body = compressor.made(chosen)
            made_s = time.process_time() - begun
            if not isinstance(body, Body):
                print(f"{shown(chosen):36} {body if isinstance(body, Phrase) else 'none'}", flush=True)
                continue
            smaller = size_bytes(exact.graphs["model"]) / size_bytes(body.graphs["model"])
            before, after = milliseconds([exact, body], splits["test"])
            lost = right - accuracy(body, splits["test"])
            name = f"auto: {shown(chosen)}" if text == AUTO else shown(chosen)
            print(
                f"{name:36} {size_bytes(body.graphs['model']) / 1e6:6.1f} MB ({smaller:.2f} times smaller)  "
                f"{before:.2f} → {after:.2f} ms ({before / after:.2f} times as quick)  lost {lost:+.4f}  "
                f"work {compressor.work(body) / compressor.work(exact):.2f}  made in {made_s:.0f} s",
                flush=True,
            )
            if text == AUTO:
                held = [smaller >= SMALLER, before / after >= QUICKER, lost <= LOST]
                words = ["held" if one else "MISSED" for one in held]
                print(
                    f"bars: {SMALLER} smaller {words[0]}, {QUICKER} as quick {words[1]}, within {LOST} {words[2]}"
                )


def _of_summary(summary: dict[str, Any]) -> object:
    """Return the forms of what `auto` took as a project file writes them."""
    taken: object = next(one for one in summary["forms"] if one["taken"])["compress"]
    return taken


if __name__ == "__main__":
    main()
