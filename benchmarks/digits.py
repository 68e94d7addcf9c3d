"""Handwritten digits from scratch: accuracy of the packaged network on the 10,000 official test rows of MNIST.

    python benchmarks/digits.py [--data FOLDER] [--budget "4 min"] [--seeds 0,1,2] [--rows N]

Bar: 0.995 with 4 minutes of learning on 2 quiet cores. `--rows` takes fewer training and test rows, for a trial.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

BAR = 0.995
VALIDATION = 5000  # of the 60,000 training rows, as many as the published comparisons hold out


def default_data() -> Path:
    """Return where the mirror, or a folder beside the checkout, keeps the datasets."""
    mirror = os.environ.get("MODELWRIGHT_MIRROR")
    return Path(mirror) if mirror else Path(__file__).resolve().parents[2] / "shared" / "data"


def idx(path: Path) -> np.ndarray:
    """Return the array of an IDX file: its axes follow the magic number, each in 4 bytes."""
    content = gzip.decompress(path.read_bytes())
    axes = content[3]
    shape = [int.from_bytes(content[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(axes)]
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def png(pixels: np.ndarray) -> bytes:
    """Return a picture as PNG."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def rows(data: Path, most: int | None) -> pl.DataFrame:
    """Return the pictures with their digit and split."""
    parts = []
    for name in ("train", "t10k"):
        pictures = idx(data / "mnist" / f"{name}-images-idx3-ubyte.gz")[:most]
        digits = idx(data / "mnist" / f"{name}-labels-idx1-ubyte.gz")[:most]
        held = VALIDATION if most is None else most // 12
        split = ["test"] * len(digits)
        if name == "train":
            split = ["train"] * (len(digits) - held) + ["validation"] * held
        parts.append(
            pl.DataFrame(
                {
                    "photo": [png(one) for one in pictures],
                    "digit": [str(one) for one in digits],
                    "split": split,
                }
            )
        )
    return pl.concat(parts)


def measured(frame: pl.DataFrame, budget: str, seed: int) -> tuple[float, str]:
    """Return the accuracy of the package on test rows, and a line about the run."""
    with tempfile.TemporaryDirectory(prefix="digits-") as temporary:
        folder = Path(temporary)
        frame.write_parquet(folder / "rows.parquet")
        project = {
            "function": "read(photo: image) -> digit: category",
            "requirements": {"accuracy": f">= {BAR}"},
            "data": {"source": "rows.parquet", "split": {"by": "split"}},
            "model": {"learner": "network"},
            "learn": {"budget": budget, "seed": seed},
        }
        (folder / "modelwright.yaml").write_text(json.dumps(project), "utf-8")
        begun = time.perf_counter()
        command = [sys.executable, "-m", "modelwright", "run", "--to", "evaluate", "--json"]
        done = subprocess.run(
            [*command, "--project", str(folder)], capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 3):
            sys.exit(f"run failed ({done.returncode}):\n{done.stdout}\n{done.stderr}")
        took = time.perf_counter() - begun
    result = json.loads(done.stdout[done.stdout.index("{") :])
    (row,) = result["requirements"]
    learn = next(stage["seconds"] for stage in result["stages"] if stage["name"] == "learn")
    line = f"accuracy {row['value']:.4f} [{row['low']:.4f}, {row['high']:.4f}], n = {row['n']}"
    return row["value"], f"{line}; learn {learn:.0f} s, whole run {took:.0f} s"


def main() -> None:
    """Print one line per seed, and the mean beside the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--budget", default="4 min")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--rows", type=int)
    arguments = parser.parse_args()
    if not (arguments.data / "mnist").is_dir():
        print(f"skipped: mnist is not in {arguments.data}")
        return
    frame = rows(arguments.data, arguments.rows)
    values = []
    for seed in map(int, arguments.seeds.split(",")):
        value, line = measured(frame, arguments.budget, seed)
        values.append(value)
        print(f"seed {seed}: {line}", flush=True)
    mean = statistics.fmean(values)
    print(f"mean of {len(values)} seeds: {mean:.4f} (bar {BAR}: {'held' if mean >= BAR else 'MISSED'})")


if __name__ == "__main__":
    main()
