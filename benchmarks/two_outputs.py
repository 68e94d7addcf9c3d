"""Two outputs at once against two functions: errors of casual and registered rentals an hour on test rows.

    python benchmarks/two_outputs.py [--data FOLDER] [--budget "1 min"] [--seeds 0,1,2]

One function answers both, with fixed and with learned weights of the losses; two functions answer one each, with the
same budget each. Bar: the mean absolute errors of both at once, divided by those of the two, are on average at most 1.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

INPUTS = (
    "season: category, mnth: category, hr: category, holiday: boolean, weekday: category, workingday: boolean, "
    "weathersit: category, yr: category, temp: number, atemp: number, hum: number, windspeed: number"
)
OUTPUTS = ("casual", "registered")


def default_data() -> Path:
    """Return where the mirror, or a folder beside the checkout, keeps the datasets."""
    mirror = os.environ.get("MODELWRIGHT_MIRROR")
    return Path(mirror) if mirror else Path(__file__).resolve().parents[2] / "shared" / "data"


def errors(data: Path, outputs: tuple[str, ...], budget: str, seed: int, model: dict) -> dict[str, float]:
    """Return the mean absolute error of each output of a function on test rows."""
    with tempfile.TemporaryDirectory(prefix="outputs-") as temporary:
        folder = Path(temporary)
        asked = ", ".join(f"{name}: number" for name in outputs)
        project = {
            "function": f"rent({INPUTS}) -> {asked}",
            "requirements": {f"{name}.mae" if len(outputs) > 1 else "mae": "<= 1000" for name in outputs},
            "data": {"source": str(data / "bike_sharing" / "hour.csv")},
            "model": {"learner": "network", **model},
            "learn": {"budget": budget, "seed": seed},
        }
        (folder / "modelwright.yaml").write_text(json.dumps(project), "utf-8")
        command = [sys.executable, "-m", "modelwright", "run", "--to", "evaluate", "--json"]
        done = subprocess.run(
            [*command, "--project", str(folder)], capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 3):
            sys.exit(f"run failed ({done.returncode}):\n{done.stdout}\n{done.stderr}")
    result = json.loads(done.stdout[done.stdout.index("{") :])
    return {name: row["value"] for name, row in zip(outputs, result["requirements"], strict=True)}


def main() -> None:
    """Print the errors of each seed, and the mean of their ratios beside the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--budget", default="1 min")
    parser.add_argument("--seeds", default="0,1,2")
    arguments = parser.parse_args()
    if not (arguments.data / "bike_sharing").is_dir():
        print(f"skipped: bike_sharing is not in {arguments.data}")
        return
    ratios: dict[str, list[float]] = {}
    for seed in map(int, arguments.seeds.split(",")):
        apart: dict[str, float] = {}
        for name in OUTPUTS:
            apart |= errors(arguments.data, (name,), arguments.budget, seed, {})
        print(f"seed {seed}: two functions {apart}", flush=True)
        for weighing in ("fixed", "uncertainty"):
            both = errors(arguments.data, OUTPUTS, arguments.budget, seed, {"weighing": weighing})
            ratios.setdefault(weighing, []).append(
                statistics.fmean(both[one] / apart[one] for one in OUTPUTS)
            )
            print(
                f"seed {seed}: both at once, {weighing}: {both}, ratio {ratios[weighing][-1]:.3f}", flush=True
            )
    for weighing, found in ratios.items():
        mean = statistics.fmean(found)
        print(f"{weighing}: mean ratio {mean:.3f} (bar 1: {'held' if mean <= 1 else 'MISSED'})")


if __name__ == "__main__":
    main()
