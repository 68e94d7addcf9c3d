"""Spoken digits round the loop: the packaged function's accuracy on speakers, and on recordings, it never heard.

    python benchmarks/sounds.py [--data FOLDER] [--clips 3000] [--folds speaker,index] [--learner probe]

Bars: each of the 6 speakers held out once, mean 0.975; by index (0 to 4 of each speaker and digit are tested) 0.985;
learn in a budget of 2 minutes, on 2 cores. The peer, on the same clips in the same run: a ridge classifier on the mean
and the deviation of each band of the log-mel frames. `--clips` takes that many, evenly spaced by name.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARS = {"speaker": 0.975, "index": 0.985}
BUDGET = "2 min"
TESTED = 5  # indices of each speaker and digit that are tested, as the data set's own README says


def default_data() -> Path:
    """Return where the mirror, or a folder beside the checkout, keeps the recordings."""
    mirror = os.environ.get("MODELWRIGHT_MIRROR")
    root = Path(mirror) if mirror else Path(__file__).resolve().parents[2] / "shared" / "data"
    return root / "fsdd" / "recordings"


def clips(data: Path, most: int) -> list[dict]:
    """Return at most so many clips, evenly spaced by name: the bytes of the file, and what its name says."""
    files = sorted(data.glob("*.wav"))
    found = []
    for file in files[:: max(1, len(files) // most)][:most]:
        digit, speaker, index = file.stem.split("_")
        found.append({"sound": file.read_bytes(), "digit": digit, "speaker": speaker, "index": int(index)})
    return found


def run(folder: Path) -> dict:
    """Run the loop up to `evaluate` and return what `run --json` printed."""
    command = [sys.executable, "-m", "modelwright", "run", "--to", "evaluate", "--json"]
    done = subprocess.run([*command, "--project", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        sys.exit(f"run failed ({done.returncode}):\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout[done.stdout.index("{") :])


def packaged(train: list[dict], test: list[dict], learner: str, fold: str) -> tuple[float, str]:
    """Return the accuracy of the packaged function on the test clips, and what else was seen."""
    import polars as pl

    with tempfile.TemporaryDirectory(prefix="sounds-") as temporary:
        folder = Path(temporary)
        for name, rows in (("train", train), ("test", test)):
            pl.DataFrame(rows).write_parquet(folder / f"{name}.parquet")
        project = {
            "function": "hear(sound: audio) -> digit: category",
            "requirements": {"accuracy": f">= {BARS[fold]}"},
            "data": {"train": "train.parquet", "test": "test.parquet"},
            "model": {"learner": learner},
            "learn": {"budget": BUDGET},
        }
        (folder / "modelwright.yaml").write_text(json.dumps(project), "utf-8")
        begun = time.perf_counter()
        result = run(folder)
        took = time.perf_counter() - begun
    row = next(one for one in result["requirements"] if one["requirement"].startswith("accuracy"))
    learn = next(one["seconds"] for one in result["stages"] if one["name"] == "learn")
    seen = (
        f"[{row['low']:.3f}, {row['high']:.3f}], n = {row['n']}, learn {learn:.0f} s, whole run {took:.0f} s"
    )
    return row["value"], seen


def peer(train: list[dict], test: list[dict]) -> float:
    """Return the accuracy of a ridge classifier on the mean and the deviation of each band."""
    import numpy as np
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from modelwright import kinds

    arrays = kinds.arrays("audio")
    state = arrays.fit([row["sound"] for row in train])

    def features(rows: list[dict]) -> np.ndarray:
        encoded = arrays.encode([row["sound"] for row in rows], state)
        frames, mask = encoded["frames"], encoded["mask"][:, :, None]
        mean = (frames * mask).sum(1) / mask.sum(1)
        deviation = np.sqrt(((frames - mean[:, None]) ** 2 * mask).sum(1) / mask.sum(1))
        return np.hstack([mean, deviation])

    model = make_pipeline(StandardScaler(), RidgeClassifier())
    model.fit(features(train), [row["digit"] for row in train])
    return float(model.score(features(test), [row["digit"] for row in test]))


def folds(rows: list[dict], kind: str) -> list[tuple[str, list[dict], list[dict]]]:
    """Return the name, the training clips and the test clips of each fold."""
    if kind == "index":
        return [
            (
                "index 0 to 4",
                [row for row in rows if row["index"] >= TESTED],
                [row for row in rows if row["index"] < TESTED],
            )
        ]
    return [
        (speaker, [r for r in rows if r["speaker"] != speaker], [r for r in rows if r["speaker"] == speaker])
        for speaker in sorted({row["speaker"] for row in rows})
    ]


def main() -> None:
    """Print one line per fold, and a line with the mean beside its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--clips", type=int, default=3000)
    parser.add_argument("--folds", default="speaker,index")
    parser.add_argument("--learner", default="probe")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        print(f"skipped: the spoken digits are not in {arguments.data}")
        return
    rows = clips(arguments.data, arguments.clips)
    for kind in arguments.folds.split(","):
        values, peers = [], []
        for name, train, test in folds(rows, kind):
            value, seen = packaged(train, test, arguments.learner, kind)
            peers.append(peer(train, test))
            values.append(value)
            print(
                f"{kind:8} {name:12} packaged {value:.4f} {seen}; log-mel and ridge {peers[-1]:.4f}",
                flush=True,
            )
        mean = statistics.fmean(values)
        held = "held" if mean >= BARS[kind] else "MISSED"
        print(
            f"{kind:8} mean of {len(values)} {mean:.4f} (bar {BARS[kind]}: {held}); "
            f"log-mel and ridge {statistics.fmean(peers):.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
