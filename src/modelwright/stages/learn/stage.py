"""The stage `learn`: from the training rows and what `plan` sealed to a learned body.

learned/    as the learner writes it
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modelwright import learners
from modelwright.core import digest
from modelwright.core.messages import MachineError, Problem
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.engine.store import Part
from modelwright.learners.base import Machine, Setup, Training
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.rows import read_examples

_AGAIN = "plan again: modelwright plan --force"


def learn(
    train: Part,
    validation: Part,
    choice: Part,
    signature: Signature,
    machine: Machine,
    pretrained: Path | None,
    out: Path,
    scratch: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Learn into `out`/learned and return a summary: the history, and what it cost beside the forecast.

    `scratch` holds checkpoints that outlive a kill. Raises MachineError where the choice was sealed for
    another instruction set or other pretrained weights, because the bits would be others, and DataError where
    the rows teach nothing.
    """
    chosen = json.loads((choice.path / "choice.json").read_text(encoding="utf-8"))
    if problems := list(_differences(chosen, machine, pretrained)):
        raise MachineError(problems)
    learner = learners.get(chosen["learner"])
    setup = Setup(
        learner=learner.name,
        steps=chosen["steps"],
        batch=chosen["batch"],
        threads=chosen["threads"],
        precision=chosen["precision"],
        instruction_set=chosen["instruction_set"],
        seed=chosen["seed"],
        options=learner.Options.model_validate(chosen["options"]),
        training=Training.model_validate(chosen["training"]),
        pretrained=pretrained if chosen["pretrained"] is not None else None,
    )
    resumed = any(scratch.iterdir())
    started = time.perf_counter()
    (out / "learned").mkdir(parents=True)
    told = learner.learn(
        signature,
        read_examples(train.path, signature),
        read_examples(validation.path, signature),
        setup,
        out / "learned",
        scratch,
        progress,
    )
    cost: dict[str, float] = {"memory_bytes": peak_memory_bytes()}
    if not resumed:  # else this process saw only a part of it
        cost["seconds"] = time.perf_counter() - started
    return {"learner": learner.name, "resumed": resumed, **cost, **told}


def _differences(chosen: Mapping[str, Any], machine: Machine, pretrained: Path | None) -> Iterator[Problem]:
    """Yield in what this machine is not the one that the choice was sealed for."""
    if machine.instruction_set != chosen["instruction_set"]:
        yield Problem(
            "learn.other-instruction-set",
            f"learning runs on the instruction set that `plan` sealed, {chosen['instruction_set']}, because "
            "another one rounds otherwise",
            machine.instruction_set,
            _AGAIN,
        )
    if chosen["pretrained"] is None:
        return
    found = digest.of_folder(pretrained) if pretrained is not None and pretrained.is_dir() else None
    if found != chosen["pretrained"]:
        yield Problem(
            "learn.other-weights",
            f"learning starts from the pretrained weights that `plan` sealed, {chosen['pretrained'][:12]}",
            found[:12] if found else "none",
            f"put them back, or {_AGAIN}",
        )
