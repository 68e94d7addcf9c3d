"""SIGKILL at random instants, for every learner: each rerun ends with the same bits and computes nothing twice.

    python benchmarks/kill.py [--cases linear,trees,…] [--kills 20] [--seed 0] [--keep FILE --most 1]

Each case (`kill_cases.py`) is a project with every option on that its learner takes. It is run once unbroken, from a
sealed plan. Then, from a copy of that sealed plan, it is run, killed with its whole process group at a random instant,
run again, killed again …, until a run ends before the next instant comes; then from another copy, until all kills have
fallen. What is learned in the end has to be that of the unbroken run, to the bit. Killed runs go to `learn`, as most
of the time of a network goes into its export; the last of a case goes to `package`, whose digest has to be the same,
too (of `pretrain` there is none), and so does every one of a search. Three of four instants are drawn evenly over the
time in which the unbroken run learned, the others over all that it took.

A run is the command line's own, in a child that begins with the libraries already imported (else most of the instants
would fall while they are), and that writes checkpoints every 0.02 s for every 5 or 30 (else none would be there to go
on from): when a checkpoint is written changes no bit. The code may not change meanwhile: another is another input of
what is learned, so that it is learned once more.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import os
import pkgutil
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import modelwright
import projects
from kill_cases import CASES
from modelwright.cli import main as command_line
from modelwright.core import digests
from modelwright.learners.descent import trainer
from modelwright.learners.trees import boosting

SAVE_EVERY_S = 0.02
# `_inductor`: a second and a half of imports, by the optimisers of torch
LIBRARIES = ("torch._inductor", "transformers", "lightgbm", "onnxruntime", "sklearn.linear_model", "optuna")
LEARNING = ".modelwright/scratch/learn/*"  # where a learner keeps its state
LEARNING_SHARE = 0.75  # of the instants


@dataclass
class Tally:
    """What came of the kills of a case."""

    kills: int = 0
    resumed: int = 0  # of the runs after a kill: went on from what an earlier one had left of its learning
    differ: int = 0
    twice: int = 0


def preload() -> None:
    """Import what a run imports; no thread of a library has begun when a child is forked."""
    for name in LIBRARIES:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(modelwright.__path__, "modelwright."):
        # a migration runs where it is imported
        if "__main__" not in module.name and ".migrations" not in module.name:
            with contextlib.suppress(ImportError):  # what an extra would bring
                importlib.import_module(module.name)
    trainer.SAVE_EVERY_S = SAVE_EVERY_S
    boosting.CHECKPOINT_S = SAVE_EVERY_S


def begin(work: Callable[[], int]) -> int:
    """Begin work in a child and process group of its own, and return its id; the child ends with what work returns.

    All work is done in children, the writing of rows too: a library that has begun threads cannot be forked.
    """
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        os.setsid()
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def run(folder: Path, to: str) -> int:
    """Run the command line, what it prints into a file beside the folder, and return its exit code."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = command_line.answer(["run", "--to", to, "--json", "--project", str(folder)])
    folder.with_suffix(".out").write_text(printed.getvalue(), "utf-8")
    return code


def ended(child: int) -> int:
    """Wait for a child and return its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def finish(folder: Path, to: str) -> None:
    """Run to the end."""
    code, out = ended(begin(partial(run, folder, to))), folder.with_suffix(".out")
    printed = out.read_text("utf-8") if out.exists() else ""
    if code != 0:
        sys.exit(f"a run ended with {code}:\n{printed}")


def package(folder: Path) -> str | None:
    """Return the digest of the package that the last run printed, None where it went to none."""
    printed = folder.with_suffix(".out").read_text("utf-8")
    return json.loads(printed[printed.index("{") :])["package"]


def ends_within(folder: Path, to: str, after_s: float) -> bool:
    """Run for some time; where that is not to the end, kill the group. Tell whether it ended."""
    child = begin(partial(run, folder, to))
    deadline = time.monotonic() + after_s
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(0.002)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def timed(folder: Path, to: str) -> tuple[float, float]:
    """Run to a stage; return the seconds up to where learning began, and of all."""
    begun, child = time.monotonic(), begin(partial(run, folder, to))
    first_s: float | None = None
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if first_s is None and any(folder.glob(LEARNING)):
            first_s = time.monotonic() - begun
        time.sleep(0.002)
    if ended[1]:
        sys.exit(f"the unbroken run failed:\n{folder.with_suffix('.out').read_text('utf-8')}")
    return first_s or 0.0, time.monotonic() - begun


def sealed(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what is sealed, with the inode and time that a second making would change."""
    seals = folder.glob(".modelwright/objects/*/*/artifact.json")
    return {str(one.relative_to(folder)): (one.stat().st_ino, one.stat().st_mtime_ns) for one in seals}


def learned(folder: Path) -> list[str]:
    """Return the digests of what is learned, which a search has several of."""
    return sorted(digests.of_folder(one) for one in folder.glob(".modelwright/objects/learn/*/learned"))


def keys(folder: Path) -> list[str]:
    """Return under which keys something was learned: what it was made of, the code among it."""
    return sorted(one.name for one in folder.glob(".modelwright/objects/learn/*"))


def killed(name: str, kills: int, seed: int) -> dict:
    """Kill a case so many times and return what came of it."""
    chance, tally = random.Random(f"{seed} {name}"), Tally()
    searches = "tune" in CASES[name].sections
    to = "package" if searches else "learn"
    with tempfile.TemporaryDirectory(prefix="kill-") as temporary:
        base = Path(temporary) / "base"
        base.mkdir()
        if ended(begin(lambda: CASES[name].write(base) or 0)):
            sys.exit(f"the project of {name} was not written")
        finish(base, "data" if searches else "plan")
        whole = Path(temporary) / "whole"
        shutil.copytree(base, whole)
        first_s, took_s = timed(whole, to)
        expected = learned(whole)
        packaged = (
            "->" in CASES[name].function
        )  # what is pretrained answers nothing, so there is no package of it
        if packaged:
            finish(whole, "package")
        as_package = package(whole)

        def instant() -> float:
            return chance.uniform(first_s if chance.random() < LEARNING_SHARE else 0.0, took_s)

        while tally.kills < kills:
            folder = Path(temporary) / "killed"
            shutil.copytree(base, folder)
            before: dict[str, tuple[int, int]] = {}
            while tally.kills < kills and not ends_within(folder, to, instant()):
                tally.kills += 1
                tally.twice += any(sealed(folder).get(one) != seal for one, seal in before.items())
                before = sealed(folder)
                tally.resumed += any(folder.glob(f"{LEARNING}/*"))
            last = searches or (packaged and tally.kills == kills)
            finish(folder, "package" if last else to)
            tally.twice += any(sealed(folder).get(one) != seal for one, seal in before.items())
            if keys(folder) != keys(whole):
                sys.exit(
                    f"{name} was learned by other code than before: run this from a copy that nobody edits"
                )
            tally.differ += learned(folder) != expected or (last and package(folder) != as_package)
            shutil.rmtree(folder)
    return {"took_s": took_s, "learning_s": took_s - first_s, "package": as_package, **vars(tally)}


def main() -> None:
    """Print a line a case; exit 1 where a kill changed or lost something."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    projects.Kept.arguments(parser)
    arguments = parser.parse_args()
    kept = projects.Kept.of_arguments(arguments)
    failures = 0
    preload()
    for name in arguments.cases.split(","):
        found = kept.of(killed, name, arguments.kills, arguments.seed)
        failures += found["differ"] + found["twice"]
        print(
            f"{name:20} {found['took_s']:5.1f} s unbroken, {found['learning_s']:.1f} s of them learning; "
            f"{found['kills']} kills, {found['resumed']} of them with "
            f"learning under way; {found['differ']} ends differ, {found['twice']} times something computed twice",
            flush=True,
        )
    print(f"{failures} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
