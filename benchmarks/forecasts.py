"""A day ahead: the packaged function beside LightGBM on the window's lags divided by its mean, on the same windows.

    python benchmarks/forecasts.py [--data FOLDER] [--sets bike,elec] [--budget "30 s"] [--rows N]

bike: rentals by the hour (bike_sharing), 168 hours before, 24 ahead, with the time of the last hour before; the last
15 % are tested. elec: demand by the half hour (drift_streams), in row order, 336 before, 48 ahead. Bars: the mean
absolute error is not above the peer's, and the interval of 80 % holds 75 to 85 % of what came. The peer is one LightGBM
for each step ahead (L1, all lags of the window, hour and weekday where there are times, early stopping on validation),
learned from the same training windows. `--rows` takes the last rows alone, for a quick look.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import lightgbm
import numpy as np
import polars as pl

LEAST, MOST = 0.75, 0.85
SIZES = {"bike": (168, 24), "elec": (336, 48)}


def default_data() -> Path:
    """Return where the mirror, or a folder beside the checkout, keeps the data."""
    mirror = os.environ.get("MODELWRIGHT_MIRROR")
    return Path(mirror) if mirror else Path(__file__).resolve().parents[2] / "shared" / "data"


def write(name: str, data: Path, rows: int | None, to: Path) -> dict[str, object]:
    """Write a table of times and numbers, and return the settings of `data` that are its own."""
    if name == "bike":
        with (data / "bike_sharing" / "hour.csv").open() as file:
            found = [
                (datetime.strptime(row["dteday"], "%m/%d/%y") + timedelta(hours=int(row["hr"])), row["cnt"])
                for row in csv.DictReader(file)
            ]
        lines = [f"{when:%Y-%m-%d %H:%M},{count}" for when, count in found]
        own: dict[str, object] = {"time": "when"}
    else:
        with (data / "drift_streams" / "elec.csv").open() as file:
            table = csv.DictReader(file)
            lines = [
                f"{place},{row['feat_3']}" for place, row in enumerate(table)
            ]  # the demand of New South Wales
        own = {}
    to.write_text("\n".join(["when,load", *lines[-(rows or len(lines)) :]]) + "\n", "utf-8")
    return own


def run(folder: Path) -> dict:
    """Run the loop up to `evaluate` and return what `run --json` printed."""
    command = [
        sys.executable,
        "-m",
        "modelwright",
        "run",
        "--to",
        "evaluate",
        "--json",
        "--project",
        str(folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        sys.exit(f"run failed ({done.returncode}):\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout[done.stdout.index("{") :])


def windows(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return histories (n, t), truths (n, h), NaN a gap, and hour and weekday (n, 0 or 2), as `data` made them."""
    found = next((folder / ".modelwright/objects/data").glob(f"*/{split}/rows.parquet"))
    frame = pl.read_parquet(found)
    past, following = (
        np.array([[np.nan if step[0] is None else step[0] for step in row] for row in frame[name].to_list()])
        for name in ("past", "next")
    )
    calendar = np.empty((len(frame), 0))
    if "when" in frame.columns:
        times = [datetime.fromisoformat(one) for one in frame["when"].to_list()]
        calendar = np.array([[one.hour, one.weekday()] for one in times])
    return past, following, calendar


def peer(folder: Path) -> tuple[float, float]:
    """Return the mean absolute error of LightGBM on the test windows, and the CPU seconds that it took."""
    begun = time.process_time()
    tables = {}
    for split in ("train", "validation", "test"):
        past, following, calendar = windows(folder, split)
        level = np.nanmean(past, axis=1, keepdims=True)
        tables[split] = np.column_stack([past / level, calendar]), following / level, level[:, 0], following
    settings = {
        "objective": "regression_l1",
        "learning_rate": 0.05,
        "num_threads": 1,
        "verbosity": -1,
        "seed": 0,
    }
    off = []
    for step in range(tables["train"][1].shape[1]):
        sets = []
        for split in ("train", "validation"):
            features, truth, *_ = tables[split]
            known = ~np.isnan(truth[:, step])
            sets.append(lightgbm.Dataset(features[known], truth[known, step]))
        stop = lightgbm.early_stopping(50, verbose=False)
        booster = lightgbm.train(settings, sets[0], 500, [sets[1]], callbacks=[stop])
        features, _, level, truth = tables["test"]
        answers = booster.predict(features, num_iteration=booster.best_iteration) * level
        off.append(np.abs(answers - truth[:, step]))
    return float(np.nanmean(off)), time.process_time() - begun


def main() -> None:
    """Print one line per set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--sets", default="bike,elec")
    parser.add_argument("--budget", default="2 min")
    parser.add_argument("--rows", type=int, default=None)
    arguments = parser.parse_args()
    for name in arguments.sets.split(","):
        window, horizon = SIZES[name]
        with tempfile.TemporaryDirectory(prefix="forecasts-") as temporary:
            folder = Path(temporary)
            try:
                own = write(name, arguments.data, arguments.rows, folder / "load.csv")
            except FileNotFoundError as error:
                print(f"skipped: {error.filename} is not there")
                continue
            project = {
                "function": f"forecast(past: timeseries{', when: date' if own else ''}) -> next: timeseries",
                "requirements": {"mae": "<= 1000000", "coverage": ">= 1 %", "mase": "<= 100"},
                "data": {
                    "source": "load.csv",
                    "columns": {"past": "load", "next": "load"},
                    "window": window,
                    "horizon": horizon,
                    "split": {"train": 70, "validation": 15, "test": 15},
                    **own,
                },
                "model": {"learner": "trees"},
                "learn": {"budget": arguments.budget},
            }
            (folder / "modelwright.yaml").write_text(json.dumps(project), "utf-8")
            result = run(folder)
            found = {row["requirement"].split()[0]: row for row in result["requirements"]}
            learn_s = next(stage["seconds"] for stage in result["stages"] if stage["name"] == "learn")
            of_peer, peer_s = peer(folder)
        mae, coverage = found["mae"]["value"], found["coverage"]["value"]
        held = mae <= of_peer, LEAST <= coverage <= MOST
        print(
            f"{name}: {found['mae']['n']} test windows; mae {mae:.2f}, LightGBM {of_peer:.2f} "
            f"({'held' if held[0] else 'MISSED'}, {mae / of_peer:.3f} of it); mase {found['mase']['value']:.3f}; "
            f"the interval of 80 % holds {coverage:.1%} ({'held' if held[1] else 'MISSED'}); "
            f"learn {learn_s:.0f} s, peer {peer_s:.0f} CPU-s",
            flush=True,
        )


if __name__ == "__main__":
    main()
