"""Toy stages for the tests of the engine: real functions that make real files, in a loop of three."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelwright.engine.fingerprint import Fingerprint
from modelwright.engine.runner import Runner, Step, StepResult
from modelwright.engine.store import Artifact, ArtifactPart, Store

LOG = "started.log"  # beside the store: one line for every stage function that begins


def note(log: Path | None, stage: str) -> None:
    """Append a line that survives the death of this process."""
    if log is not None:
        handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, f"{stage}\n".encode())
        os.close(handle)


def toy_data(out: Path, rows: int, log: Path | None = None) -> Mapping[str, Any]:
    note(log, "data")
    for split in ("train", "test"):
        (out / split).mkdir()
        numbers = [random.Random(f"{split}{i}").random() for i in range(rows)]
        (out / split / "rows.json").write_text(json.dumps(numbers))
    return {"rows": rows}


def toy_plan(train: ArtifactPart, out: Path, log: Path | None = None) -> Mapping[str, Any]:
    note(log, "plan")
    steps = len(json.loads((train.path / "rows.json").read_text())) // 2
    (out / "plan.json").write_text(json.dumps({"steps": steps}))
    return {"steps": steps}


def toy_learn(
    plan: Artifact, train: ArtifactPart, out: Path, scratch: Path, epochs: int, log: Path | None = None
) -> Mapping[str, Any]:
    """Add up the rows step by step, keeping the sum in the scratch folder; resumes to the same bits."""
    note(log, "learn")
    rows = json.loads((train.path / "rows.json").read_text())
    checkpoint = scratch / "checkpoint.json"
    state = json.loads(checkpoint.read_text()) if checkpoint.exists() else {"step": 0, "sum": 0.0}
    for step in range(state["step"], epochs * plan.summary["steps"]):
        state = {"step": step + 1, "sum": state["sum"] + rows[step % len(rows)]}
        fresh = scratch / "fresh.json"
        fresh.write_text(json.dumps(state))
        fresh.replace(checkpoint)
    (out / "weights.json").write_text(json.dumps(state["sum"]))
    (out / "history").mkdir()
    (out / "history" / "steps.json").write_text(json.dumps(state["step"]))
    return {"sum": state["sum"]}


def runner_of(root: Path, **options: Any) -> Runner:
    return Runner(Store(root), Fingerprint(root / "cache" / "code.json", package="toy_stages"), **options)


def run_loop(
    runner: Runner, *, rows: int = 40, epochs: int = 3, log: Path | None = None, **options: Any
) -> list[StepResult]:
    """Run data, plan and learn; `options` (forced_by, keep) go to learn."""
    data = runner.run(
        Step("data", toy_data, config={"data": {"rows": rows}}, arguments={"rows": rows, "log": log})
    )
    train = data.sealed.part("train")
    plan = runner.run(Step("plan", toy_plan, inputs={"train": train}, arguments={"log": log}))
    learn = runner.run(learn_step(plan.sealed, train, epochs, log), **options)
    return [data, plan, learn]


def learn_step(plan: Artifact, train: ArtifactPart, epochs: int, log: Path | None = None) -> Step:
    return Step(
        "learn",
        toy_learn,
        config={"learn": {"epochs": epochs}},
        inputs={"plan": plan, "train": train},
        arguments={"epochs": epochs, "log": log},
    )
