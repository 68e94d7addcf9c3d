"""SIGKILL at random instants of a run: every rerun finishes, with the same package, computing nothing twice.

    python benchmarks/kill.py [--kills 30] [--seed 0]

A project on real questions is run once unbroken from a sealed plan. Then, from a copy of that sealed plan each
time, a run is killed (the whole process group) at a random instant and run again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = """
function: "route(question: text) -> domain: category"
requirements: {accuracy: ">= 0.5"}
data:
  train: package:insuranceqa_data==1.2/valid.json.gz
  test: package:insuranceqa_data==1.2/test.json.gz
  columns: {question: en}
model: {learner: LEARNER}
learn: {budget: 20 s}
"""


def command(folder: Path, to: str) -> list[str]:
    """Return the command line of a run."""
    return [sys.executable, "-m", "modelwright", "run", "--to", to, "--json", "--project", str(folder)]


def finish(folder: Path, to: str = "evaluate") -> dict:
    """Run to the end and return what was printed."""
    done = subprocess.run(command(folder, to), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"a run ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout[done.stdout.index("{") :])


def sealed(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what is sealed, with the inode and time that a second making would change."""
    seals = folder.glob(".modelwright/objects/*/*/artifact.json")
    return {str(p.relative_to(folder)): (p.stat().st_ino, p.stat().st_mtime_ns) for p in seals}


def kill_once(folder: Path, after_s: float) -> None:
    """Start a run in a process group of its own and kill the group after some time."""
    run = subprocess.Popen(
        command(folder, "evaluate"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        run.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def main() -> None:
    """Print a line a kill and the count of failures; exit 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--learner", default="probe")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    failures = 0
    with tempfile.TemporaryDirectory(prefix="kill-") as temporary:
        base = Path(temporary) / "base"
        base.mkdir()
        (base / "modelwright.yaml").write_text(PROJECT.replace("LEARNER", arguments.learner), "utf-8")
        finish(base, "plan")
        whole = Path(temporary) / "whole"
        shutil.copytree(base, whole)
        begun = time.perf_counter()
        expected = finish(whole)["package"]
        took = time.perf_counter() - begun
        print(f"unbroken: package {expected[:16]}, {took:.1f} s", flush=True)
        for count in range(1, arguments.kills + 1):
            folder = Path(temporary) / f"kill-{count}"
            shutil.copytree(base, folder)
            after_s = chance.uniform(0, took)
            kill_once(folder, after_s)
            before = sealed(folder)
            result = finish(folder)
            after = sealed(folder)
            same = result["package"] == expected
            twice = [name for name, seal in before.items() if after.get(name) != seal]
            failures += not same or bool(twice)
            stages = ", ".join(f"{s['name']} {s['status']}" for s in result["stages"])
            print(
                f"kill {count:2} after {after_s:5.1f} s, {len(before)} sealed: package "
                f"{'the same' if same else 'DIFFERS'}, computed twice: {twice or 'nothing'} ({stages})",
                flush=True,
            )
            shutil.rmtree(folder)
    print(f"{arguments.kills} kills, {failures} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
