"""Rows a second of the stage `data`, before it worked by columns and now, and how much memory it takes.

    python benchmarks/data_rows.py [--rows 2000000] [--before 200000] [--from csv|parquet|both]

One table of ten columns (five numbers, two categories, a text of about 40 characters, a truth value, a label) goes
through the stage from CSV and from Parquet, each time in a process of its own. "Before" is the commit `BEFORE`, checked
out into a temporary folder; it holds every cell as an object of Python, so it gets fewer rows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
BEFORE = "f4c8e62"  # the last commit that read, parsed and checked cell by cell
SIGNATURE = (
    "f(n1: number, n2: number, n3: number, n4: number, n5: number, c1: category, c2: category, t: text, "
    "b: boolean) -> y: category"
)
CHILD = """
import json, resource, sys, time
from pathlib import Path
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data

folder, source, signature = Path(sys.argv[1]), sys.argv[2], Signature.parse(sys.argv[3])
def used():
    own, helpers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + helpers.ru_utime + helpers.ru_stime

begin, cpu = time.perf_counter(), used()
summary = data(signature, DataConfig(source=source), folder, folder / "out", Silent())
seconds, cpu = time.perf_counter() - begin, used() - cpu
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"rows": summary["read"], "seconds": seconds, "cpu": cpu, "peak": peak}))
"""


def write_table(path: Path, rows: int) -> None:
    """Write the same `rows` rows each time, as CSV or Parquet by the ending of `path`."""
    import numpy as np
    import polars as pl

    draw = np.random.default_rng(0)
    words = np.array([f"{a}{b}" for a in ("ka", "lo", "mi", "ren", "sta") for b in ("bo", "de", "fi", "lum")])
    parts = [pl.Series(words[draw.integers(0, len(words), rows)]) for _ in range(6)]
    order = draw.permutation(rows)
    frame = pl.DataFrame(
        {
            "n1": draw.normal(size=rows).round(4),
            "n2": draw.integers(0, 10_000, rows),
            "n3": (draw.exponential(size=rows) * 1_000).round(2),
            "n4": draw.uniform(size=rows),
            "n5": draw.integers(18, 90, rows),
            "c1": words[draw.integers(0, 8, rows)],
            "c2": words[draw.integers(0, 20, rows)],
            "b": draw.integers(0, 2, rows).astype(bool),
            "y": np.array(["low", "middle", "high"])[draw.integers(0, 3, rows)],
        }
    ).with_columns(
        t=pl.concat_str([*parts, pl.Series(order).cast(pl.String)], separator=" "),
    )
    if path.suffix == ".csv":
        frame.write_csv(path)
    else:
        frame.write_parquet(path)


def measured(source: Path, folder: Path) -> dict[str, float]:
    """Run the stage of the code that lies in `folder` on one file, in a process of its own."""
    with tempfile.TemporaryDirectory(dir=source.parent) as out:
        (Path(out) / source.name).symlink_to(source)
        done = subprocess.run(
            [sys.executable, "-c", CHILD, out, source.name, SIGNATURE],
            env={**os.environ, "PYTHONPATH": str(folder / "src")},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


@contextmanager
def checked_out(commit: str) -> Iterator[Path | None]:
    """Give a folder with the code of a commit, or None where there is no repository that has it."""
    with tempfile.TemporaryDirectory() as folder:
        git = ["git", "-C", str(ROOT)]
        tree = Path(folder) / "before"
        made = subprocess.run(
            [*git, "worktree", "add", "--detach", str(tree), commit], capture_output=True, check=False
        )
        try:
            yield tree if made.returncode == 0 else None
        finally:
            if made.returncode == 0:
                subprocess.run(
                    [*git, "worktree", "remove", "--force", str(tree)], capture_output=True, check=False
                )


def main() -> None:
    """Print rows a second and the peak of memory, before and now."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rows", type=int, default=2_000_000, help="rows for the code as it is now")
    options.add_argument("--before", type=int, default=200_000, help="rows for the code as it was")
    options.add_argument("--from", dest="form", choices=("csv", "parquet", "both"), default="both")
    chosen = options.parse_args()
    forms = ("csv", "parquet") if chosen.form == "both" else (chosen.form,)
    with tempfile.TemporaryDirectory() as folder, checked_out(BEFORE) as before:
        if before is None:
            print(f"there is no commit {BEFORE} here to compare with: only the code as it is now is measured")
        for form in forms:
            speeds: dict[str, float] = {}
            of_cpu: dict[str, float] = {}
            versions = (
                {"now": (ROOT, chosen.rows)}
                if before is None
                else {"before": (before, chosen.before), "now": (ROOT, chosen.rows)}
            )
            for version, (code, rows) in versions.items():
                source = Path(folder) / f"{version}.{form}"
                write_table(source, rows)
                found = measured(source, code)
                speeds[version] = found["rows"] / found["seconds"]
                of_cpu[version] = found["rows"] / found["cpu"]
                size, seconds, cpu, peak = (
                    source.stat().st_size,
                    found["seconds"],
                    found["cpu"],
                    found["peak"],
                )
                print(
                    f"{form:8}{version:7}{found['rows']:>10,} rows ({size / 1e6:,.0f} MB) {seconds:7.1f} s "
                    f"({cpu:.1f} s of CPU) {speeds[version]:>9,.0f} rows/s, peak {peak / 1e9:.2f} GB",
                    flush=True,
                )
                source.unlink()
            if len(speeds) == 2:
                ratio, ratio_of_cpu = (one["now"] / one["before"] for one in (speeds, of_cpu))
                print(
                    f"{form:8}ratio   {ratio:.1f} of rows a second, {ratio_of_cpu:.1f} of rows a second of CPU"
                )


if __name__ == "__main__":
    main()
