"""A picture's network in 8 bits beside the exact one: size, answers that change, and the time of an answer.

    python benchmarks/eight_bits.py [--data FOLDER] [--problem lights] [--learner probe] [--budget "1 min"]

One project is packaged twice (`package: {compress: none}`, then `int8`), and both packages answer all
pictures in one process, by turns. Bars: at most 1 % of the answers change, 2 times as quick, 3.5 times as small.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

import modelwright
from images import PROBLEMS, default_data, run

ROUNDS = 30


def packaged(folder: Path, project: dict[str, object], compress: str) -> Path:
    """Run the loop up to `evaluate`, and return the package that it made."""
    (folder / "modelwright.yaml").write_text(
        json.dumps(project | {"package": {"compress": compress}}), "utf-8"
    )
    before = set((folder / ".modelwright/objects/package").glob("*/package"))
    run(folder)
    (made,) = set((folder / ".modelwright/objects/package").glob("*/package")) - before
    return made


def milliseconds(functions: list[modelwright.Function], rows: list[dict[str, bytes]]) -> list[float]:
    """Return the least wall time of one answer to these rows for each function, tried by turns."""
    took: list[list[float]] = [[] for _ in functions]
    for _ in range(ROUNDS):
        for function, times in zip(functions, took, strict=True):
            begun = time.perf_counter()
            function.predict(rows)
            times.append((time.perf_counter() - begun) * 1e3)
    return [min(times) for times in took]


def main() -> None:
    """Print a line for size, answers and time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--problem", default="lights", choices=sorted(PROBLEMS))
    parser.add_argument("--learner", default="probe")
    parser.add_argument("--budget", default="1 min")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        print(f"skipped: the pictures are not in {arguments.data}")
        return
    problem = PROBLEMS[arguments.problem]
    output = problem.function.rpartition("-> ")[2].partition(":")[0]
    with tempfile.TemporaryDirectory(prefix="eight-bits-") as temporary:
        folder = Path(temporary)
        rows = problem.rows(arguments.data, 0)
        rows.write_parquet(folder / "rows.parquet")
        project: dict[str, object] = {
            "function": problem.function,
            "requirements": dict.fromkeys(problem.bars, ">= 0"),  # a bar would refuse a form to be seen
            "data": {"source": "rows.parquet", "split": {"by": problem.split}, **problem.settings},
            "model": {"learner": arguments.learner},
            "learn": {"budget": arguments.budget},
        }
        packages = [packaged(folder, project, compress) for compress in ("none", "int8")]
        exact, small = (
            sum(file.stat().st_size for file in one.rglob("*") if file.is_file()) for one in packages
        )
        functions = [modelwright.load(one) for one in packages]
        photos = [{"photo": photo} for photo in rows["photo"]]
        answers = [[getattr(row, output) for row in one.predict(photos)] for one in functions]
        changed = np.mean([left != right for left, right in zip(*answers, strict=True)])
        print(f"size: {exact / 1e6:.2f} and {small / 1e6:.2f} MB, {exact / small:.2f} times smaller")
        print(f"answers that change: {changed:.2%} of {len(photos)} pictures (all splits)")
        for batch in (1, 32):
            left, right = milliseconds(functions, photos[:batch])
            print(
                f"batch {batch}: {left:.2f} and {right:.2f} ms, {left / right:.2f} times as quick", flush=True
            )


if __name__ == "__main__":
    main()
