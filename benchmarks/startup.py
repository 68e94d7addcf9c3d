"""How long a developer waits when there is nothing to do: `modelwright --help` and a no-op `run`, beside DVC.

And what `plan` of a table costs beside its forecasts: CPU seconds of the whole process less those within the learners,
which import their libraries, are timed and are compared there.

Both projects are built in a temporary folder: the same rows, the same number of stages, all up to date. Every
command is a process of its own; the two tools take turns, so that a busy machine slows both.

    python benchmarks/startup.py --dvc /path/to/dvc [--repeats 15]
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STAGES = ("data", "plan", "learn", "package", "evaluate", "release")
ROWS = 1_000
HELP_BAR_S, NOOP_BAR_S, PLAN_BAR_S = 0.3, 0.5, 2.0  # what the design promises

PROJECT = """\
function: "accept(income: number, debt: number) -> paid: boolean"
requirements:
  accuracy: ">= 0.6"
data:
  source: rows.csv
learn:
  budget: 5 s
"""

DVC_STAGE = """\
  {name}:
    cmd: {python} copy.py {before} {after}
    deps: [copy.py, {before}]
    outs: [{after}]
"""

# A process that plans as the command does, and says its CPU seconds: all, and within the learners.
PLAN = """
import sys, time
from modelwright.cli import main
from modelwright.stages.plan import learner_scores, ranking

within = 0.0

def counted(work):
    def count(*given, **named):
        global within
        begun = time.process_time()
        try:
            return work(*given, **named)
        finally:
            within += time.process_time() - begun
    return count

ranking.forecast, learner_scores.compare = counted(ranking.forecast), counted(learner_scores.compare)
assert main.answer(["plan"]) == 0
print(time.process_time(), within, file=sys.stderr)
"""

# Bytecode is compiled once for each installation and is no part of the waiting: children may keep it.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "DVC_NO_ANALYTICS": "1",
}

COPY = "import shutil, sys\nshutil.copyfile(sys.argv[1], sys.argv[2])\n"


def write_rows(path: Path) -> None:
    """Write rows in which debt against income decides."""
    chance = random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("income", "debt", "paid"))
        for _ in range(ROWS):
            income, debt = chance.uniform(1, 9), chance.uniform(0, 9)
            writer.writerow(
                (f"{income:.4f}", f"{debt:.4f}", "true" if income + chance.gauss(0, 1) > debt else "false")
            )


def modelwright_project(folder: Path) -> None:
    """Build a project and take it round the loop once."""
    folder.mkdir()
    (folder / "modelwright.yaml").write_text(PROJECT, encoding="utf-8")
    write_rows(folder / "rows.csv")
    subprocess.run(
        [*modelwright(), "run"], cwd=folder, check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT
    )


def dvc_project(folder: Path, dvc: str) -> None:
    """Build a pipeline of as many stages, each a copy of the one before, and reproduce it once."""
    folder.mkdir()
    write_rows(folder / "rows.csv")
    (folder / "copy.py").write_text(COPY, encoding="utf-8")
    files = ("rows.csv", *(f"{name}.csv" for name in STAGES))
    stages = "".join(
        DVC_STAGE.format(name=name, python=sys.executable, before=before, after=after)
        for name, before, after in zip(STAGES, files[:-1], files[1:], strict=True)
    )
    (folder / "dvc.yaml").write_text(f"stages:\n{stages}", encoding="utf-8")
    for command in (["init", "--no-scm", "-q"], ["config", "core.analytics", "false"], ["repro", "-q"]):
        subprocess.run([dvc, *command], cwd=folder, check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)


def modelwright() -> list[str]:
    """Return the installed command, as a developer types it."""
    command = Path(sys.executable).with_name("modelwright")
    return [str(command)] if command.exists() else [sys.executable, "-m", "modelwright"]


def wall_s(command: list[str], folder: Path) -> float:
    """Return the wall seconds of one process."""
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    return time.perf_counter() - begun


def plan_cpu_s(folder: Path) -> tuple[float, float]:
    """Return the CPU seconds of planning a new project, and of those the seconds within the learners."""
    folder.mkdir()
    (folder / "modelwright.yaml").write_text(PROJECT, encoding="utf-8")
    write_rows(folder / "rows.csv")
    subprocess.run(
        [*modelwright(), "run", "--to", "data"],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        env=ENVIRONMENT,
    )
    ran = subprocess.run(
        [sys.executable, "-c", PLAN], cwd=folder, check=True, capture_output=True, text=True, env=ENVIRONMENT
    )
    whole, within = map(float, ran.stderr.splitlines()[-1].split())
    return whole, within


def main() -> None:
    """Build, measure in turns, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dvc", default=shutil.which("dvc"), help="the dvc command to compare with")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        ours, theirs = Path(temporary) / "modelwright", Path(temporary) / "dvc"
        modelwright_project(ours)
        rivals = {
            "modelwright --help": ([*modelwright(), "--help"], ours),
            f"modelwright run, nothing to do, {len(STAGES)} stages": ([*modelwright(), "run"], ours),
        }
        if options.dvc and Path(options.dvc).exists():
            dvc_project(theirs, options.dvc)
            rivals["dvc --help"] = ([options.dvc, "--help"], theirs)
            rivals[f"dvc repro, nothing to do, {len(STAGES)} stages"] = ([options.dvc, "repro"], theirs)
        else:
            print("skipped: dvc (not installed; name it with --dvc)")
        planned = [plan_cpu_s(Path(temporary) / f"plan-{number}") for number in range(3)]
        taken: dict[str, list[float]] = {name: [] for name in rivals}
        for _ in range(options.repeats):
            for name, (command, folder) in rivals.items():
                taken[name].append(wall_s(command, folder))
    report(taken)
    beside = statistics.median(whole - within for whole, within in planned)
    within = statistics.median(within for _, within in planned)
    print(f"plan of a table: {within:.2f} CPU-s of forecasts, {beside:.2f} beside them (bar {PLAN_BAR_S} s)")


def report(taken: dict[str, list[float]]) -> None:
    """Print min and median of each, and the ratios of the medians."""
    for name, times in taken.items():
        print(f"{name:<50} min {min(times):.3f} s  median {statistics.median(times):.3f} s  n = {len(times)}")
    medians = {name: statistics.median(times) for name, times in taken.items()}
    names = list(medians)
    for ours, theirs in zip(names[:2], names[2:], strict=False):
        print(f"{theirs} / {ours}: {medians[theirs] / medians[ours]:.1f}×")
    print(f"bars: --help under {HELP_BAR_S} s, a run with nothing to do under {NOOP_BAR_S} s")


if __name__ == "__main__":
    main()
