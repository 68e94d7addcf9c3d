"""Pictures round the loop: the packaged function's figures on test rows.

    python benchmarks/images.py [--data FOLDER] [--problems pneumonia,lights,few] [--seeds 0,1,2]

| problem   | data                                       | budget | bars                                            |
|-----------|--------------------------------------------|--------|-------------------------------------------------|
| pneumonia | pneumoniamnist, its own split              | 4 min  | AUC 0.965, accuracy 0.89 (ResNet-18, published: |
|           |                                            |        | 0.944, 0.854)                                   |
| lights    | traffic-lights, split by the hash of files | 4 min  | accuracy 0.99, recall of red 0.99               |
| few       | 20 a class, the others are the test        | 1 min  | balanced accuracy 0.99                          |

All on 2 cores; `--budget` shortens every budget for a trial.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

SPLIT = "split"


@dataclass(frozen=True)
class Problem:
    """What is learned from which rows, in which time, and the bars."""

    function: str
    rows: Callable[[Path, int], pl.DataFrame]
    split: str
    budget: str
    bars: dict[str, float]
    settings: dict[str, object]


def default_data() -> Path:
    """Return where the mirror, or a folder beside the checkout, keeps the datasets."""
    mirror = os.environ.get("MODELWRIGHT_MIRROR")
    return Path(mirror) if mirror else Path(__file__).resolve().parents[2] / "shared" / "data"


def pneumonia(data: Path, seed: int) -> pl.DataFrame:
    """Return the X-rays as PNG, with the split that the source gives them."""
    (file,) = (data / "pneumoniamnist").glob("*.npz")
    names = {"train": "train", "val": "validation", "test": "test"}
    parts = []
    with np.load(file, allow_pickle=False) as arrays:
        for ours, split in names.items():
            labels = arrays[f"{ours}_labels"].ravel()
            photos = [_png(pixels) for pixels in arrays[f"{ours}_images"]]
            named = ["pneumonia" if label else "normal" for label in labels]
            parts.append(pl.DataFrame({"photo": photos, "finding": named, SPLIT: [split] * len(named)}))
    return pl.concat(parts)


def lights(data: Path, seed: int) -> pl.DataFrame:
    """Return every crop with its colour, the folder that it lies in."""
    files = sorted(
        path for path in (data / "traffic-lights").rglob("*") if path.suffix.lower() in {".jpg", ".png"}
    )
    return pl.DataFrame(
        {"photo": [path.read_bytes() for path in files], "colour": [path.parent.name for path in files]}
    )


def few_lights(data: Path, seed: int) -> pl.DataFrame:
    """Return 20 rows a class to learn from, of which 4 validate; all others are tested."""
    frame = lights(data, seed).with_columns(
        place=pl.col("photo").map_elements(
            lambda content: hashlib.sha256(b"%d" % seed + content).hexdigest(), return_dtype=pl.String
        )
    )
    rank = pl.col("place").rank("ordinal").over("colour")
    split = pl.when(rank <= 16).then(pl.lit("train")).when(rank <= 20).then(pl.lit("validation"))
    return frame.with_columns(split.otherwise(pl.lit("test")).alias(SPLIT)).drop("place")


def _png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


PROBLEMS = {
    "pneumonia": Problem(
        "find(photo: image) -> finding: category",
        pneumonia,
        SPLIT,
        "4 min",
        {"auc": 0.965, "accuracy": 0.89},
        {},
    ),
    "lights": Problem(
        "light(photo: image) -> colour: category",
        lights,
        "hash",
        "4 min",
        {"accuracy": 0.99, "recall[red]": 0.99},
        {"untested": "*"},
    ),
    "few": Problem(
        "light(photo: image) -> colour: category",
        few_lights,
        SPLIT,
        "1 min",
        {"balanced_accuracy": 0.99},
        {},
    ),
}


def run(folder: Path) -> dict:
    """Run the loop up to `evaluate` and return what `run --json` printed."""
    command = [sys.executable, "-m", "modelwright", "run", "--to", "evaluate", "--json"]
    done = subprocess.run([*command, "--project", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        sys.exit(f"run failed ({done.returncode}):\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout[done.stdout.index("{") :])


def tried(
    name: str, data: Path, seed: int, budget: str | None, learner: str | None
) -> tuple[dict[str, float], str]:
    """Return what the package measured by metric, and a line about the run."""
    problem = PROBLEMS[name]
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as temporary:
        folder = Path(temporary)
        problem.rows(data, seed).write_parquet(folder / "rows.parquet")
        project = {
            "function": problem.function,
            "requirements": {metric: f">= {bar}" for metric, bar in problem.bars.items()},
            "data": {"source": "rows.parquet", "split": {"by": problem.split}, **problem.settings},
            "model": {"learner": learner} if learner else {},
            "learn": {"budget": budget or problem.budget, "seed": seed},
        }
        (folder / "modelwright.yaml").write_text(json.dumps(project), "utf-8")
        begun = time.perf_counter()
        result = run(folder)
        took = time.perf_counter() - begun
    values = {row["requirement"].partition(" ")[0]: row for row in result["requirements"]}
    learn = next(stage["seconds"] for stage in result["stages"] if stage["name"] == "learn")
    shown = ", ".join(
        f"{metric} {row['value']:.4f} [{row['low']:.4f}, {row['high']:.4f}]" for metric, row in values.items()
    )
    return (
        {metric: row["value"] for metric, row in values.items()},
        f"{shown}; learn {learn:.0f} s, whole run {took:.0f} s",
    )


def main() -> None:
    """Print one line per run, and one per bar with the mean of the seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--problems", default=",".join(PROBLEMS))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--budget")
    parser.add_argument("--learner")
    arguments = parser.parse_args()
    if not (arguments.data / "traffic-lights").is_dir():
        print(f"skipped: the pictures are not in {arguments.data}")
        return
    for name in arguments.problems.split(","):
        every = []
        for seed in map(int, arguments.seeds.split(",")):
            values, line = tried(name, arguments.data, seed, arguments.budget, arguments.learner)
            every.append(values)
            print(f"{name:9} seed {seed}: {line}", flush=True)
        for metric, bar in PROBLEMS[name].bars.items():
            mean = statistics.fmean(values[metric] for values in every)
            held = "held" if mean >= bar else "MISSED"
            print(f"{name:9} mean of {len(every)} seeds: {metric} {mean:.4f} (bar {bar}: {held})", flush=True)


if __name__ == "__main__":
    main()
