"""A process in which trials run, one after the other: what they do to it ends no search.

It reads tasks and writes ends, one line of JSON each; `own_process` is its other side. What libraries print goes to
standard error, so that a line of JSON is one of ours.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from modelwright.core.messages import ModelwrightError, Phrase, Problem
from modelwright.core.progress import Progress, Silent
from modelwright.engine.fingerprint import Fingerprint
from modelwright.engine.runner import Runner
from modelwright.engine.store import Store
from modelwright.learners.contract.ending import SETTLED
from modelwright.project.declaration import project_file
from modelwright.project.loop.context import Context
from modelwright.project.loop.lanes import Lane, run_lanes
from modelwright.project.loop.stage_names import LEARN, PACKAGE, PLAN
from modelwright.project.loop.stage_table import TABLE, measure_step
from modelwright.project.tuning.reporting import Pruned, Reporting
from modelwright.runtime.memory import ran_out
from modelwright.runtime.worker.parent import die_with_parent
from modelwright.stages.evaluate.on_validation import ValidationMeasurements
from modelwright.storage import user_cache
from modelwright.storage.file_digests import FileDigests
from modelwright.storage.formats.search import MEASUREMENTS
from modelwright.storage.state.database import State

# what learners say where memory ran out, which no smaller part of a step's rows had helped
_OUT_OF_MEMORY = frozenset({"learn.one-row-too-large", "machine.memory"})

Report = Callable[[str, int, float], bool]
"""Called with the learner, a point of learning and the score there; returns whether the trial is to end."""


def run_task(task: Mapping[str, Any], fingerprint: Fingerprint, report: Report) -> dict[str, object]:
    """Run one trial and return its end as JSON: the fields of `TrialEnd`."""
    begun = _clock()
    store = Store(Path(task["root"]))
    opened = project_file.from_mapping(task["content"], folder=Path(task["folder"]))
    end: dict[str, object] = {}
    try:
        end = _lane(task, store, opened, fingerprint, report)
    except ModelwrightError as error:
        end = _failed(error.problems)
    except Exception as error:
        name = f"{type(error).__name__}: {error}"[:300]
        end = {"state": "failed", "cause": "crash", "why": Phrase("tune.crashed", error=name).to_wire()}
        if ran_out(error):
            end |= {"cause": "memory", "why": Phrase("tune.out-of-memory").to_wire()}
    now = _clock()
    # of several threads that spin, CPU time is too long, and so is the clock's on a busy machine
    return {"seconds": min(now[0] - begun[0], now[1] - begun[1]), **end}


def _lane(
    task: Mapping[str, Any],
    store: Store,
    opened: project_file.Opened,
    fingerprint: Fingerprint,
    report: Report,
) -> dict[str, object]:
    digests = FileDigests(store.root / "cache" / "files.json")

    def runner_of() -> Runner:
        return Runner(store, fingerprint, digests=digests, progress=progress, records_latest=False)

    state = State.open("sqlite://")  # a lane reads none; this one is in memory
    lane = Lane("trial", tuple(task["settings"]))
    lanes = partial(
        run_lanes, [lane], open_with=opened.changed, store=store, state=state, runner_of=runner_of
    )
    progress: Progress = Silent()
    if task["reports"]:
        (planned,) = lanes(to=PLAN)
        learner = str(planned.made[PLAN].summary["learner"]) if PLAN in planned.made else ""
        progress = Reporting(partial(report, learner))
        try:
            (result,) = lanes(to=LEARN)
        except Pruned:
            _clear(Context(opened.changed(lane.settings), store, state, dict(planned.made)), runner_of())
            return {"state": "pruned", "learner": learner, "why": Phrase("tune.pruned").to_wire()}
    (result,) = lanes(to=PACKAGE)
    taken = result.made[PLAN].summary.get("learner") if PLAN in result.made else None
    if result.problems:
        return {**_failed(result.problems), "learner": taken}
    context = Context(opened.changed(lane.settings), store, state, dict(result.made))
    measured = runner_of().run(measure_step(context)).sealed
    found = ValidationMeasurements.read(measured.part("measured").path)
    return {
        "state": "done",
        "learner": taken,
        "measurements": json.loads(MEASUREMENTS.dump_json(found.measurements)),
        "learn_seconds": result.made[LEARN].summary.get("seconds"),
        "settled": result.made[LEARN].summary.get(SETTLED),
        "package": result.made[PACKAGE].part("package").digest,
        "plan": str(result.made[PLAN].path),
    }


def _clear(context: Context, runner: Runner) -> None:
    """Remove the checkpoints of a trial that was ended early."""
    key = runner.forecast(TABLE[LEARN](context)).key
    with context.store.lock(LEARN, key):
        context.store.clear_scratch(LEARN, key)


def _failed(problems: tuple[Problem, ...]) -> dict[str, object]:
    first = problems[0]
    cause = "memory" if first.id in _OUT_OF_MEMORY else "error"
    return {"state": "failed", "cause": cause, "why": Phrase("tune.problem", problem=first).to_wire()}


def _clock() -> tuple[float, float]:
    """Return the CPU seconds of this process and its children, and those of the clock."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime, time.perf_counter()


def main() -> int:
    """Run the tasks on standard input until it ends."""
    die_with_parent()
    answers: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    fingerprint = Fingerprint(cache=user_cache.folder() / "code.json")

    def report(learner: str, step: int, score: float) -> bool:
        answers.write(json.dumps({"learner": learner, "step": step, "score": score}) + "\n")
        return bool(json.loads(sys.stdin.readline())["stop"])

    while line := sys.stdin.readline():
        answers.write(json.dumps(run_task(json.loads(line), fingerprint, report)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
