"""The contract of a learner: a way to learn a body.

A learner says which signatures it accepts, forecasts what it would cost, learns (resumably, to the same bits
as an unbroken run) and answers in its own framework. It never sees the test set. How what it learned becomes
a body stands apart, in `exports/`, so that a change there learns nothing again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Option

from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Array
from modelwright.storage.formats.rows import Examples


@dataclass(frozen=True)
class Machine:
    """What this machine offers: cores, memory, and its instruction set (`avx2`, `avx512`, `neon`)."""

    cores: int
    memory_bytes: int
    instruction_set: str


class Training(BaseModel):
    """How to train: the keys of `learn:` that learners share. None leaves the choice to the learner."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int | None = Option(
        None, ge=1, description="passes over the training split; else the budget decides"
    )
    batch: int | None = Option(None, ge=1, description="rows a step")
    learning_rate: float | None = Option(None, gt=0, description="peak learning rate, or shrinkage of trees")
    weight_decay: float | None = Option(None, ge=0, description="decoupled weight decay, or L2 of trees")
    label_smoothing: float | None = Option(None, ge=0, lt=1, description="share of the target spread evenly")
    patience: int | None = Option(None, ge=1, description="checkpoints without gain before learning stops")


@dataclass(frozen=True)
class Setup:
    """Everything beside the data that decides the bits of what is learned. `plan` seals it.

    `steps` is the learner's own count (optimiser steps, boosting rounds); `batch` counts rows a step;
    `pretrained` is a folder with weights, or None.
    """

    learner: str
    steps: int
    batch: int
    threads: int
    precision: str
    instruction_set: str
    seed: int
    options: BaseModel  # of the learner's `Options`
    training: Training
    pretrained: Path | None


@dataclass(frozen=True)
class Forecast:
    """What a learner forecasts before it learns, and the choices that follow from the budget.

    `seconds` for learning, `memory_bytes` at the peak of learning, `package_bytes` and `latency_s` (one
    request) of the exported body before compression; `why` says in a sentence what the numbers rest on, and
    `warnings` what the learner finds unpromising about these rows.
    """

    steps: int
    batch: int
    seconds: float
    memory_bytes: int
    package_bytes: int
    latency_s: float
    why: str
    warnings: tuple[str, ...] = ()


class Learner(ABC):
    """A way to learn a body. Abstract; every learner is one final class in a file of its own."""

    name: ClassVar[str]
    summary: ClassVar[str]  # one line for the reference page
    Options: ClassVar[type[BaseModel]]  # the keys of `model:` that are this learner's own
    takes: ClassVar[frozenset[str]]  # the keys of `Training` that mean something to this learner
    needs_pretrained: ClassVar[bool] = False
    compresses: ClassVar[bool] = False  # whether its exporter has a smaller form of its bodies
    rank: ClassVar[int] = 0  # of those that accept a signature and fit the budget, `plan` takes the highest
    fewest_epochs: ClassVar[int] = 0  # passes over the training rows below which `plan` takes another

    @abstractmethod
    def refuses(self, signature: Signature) -> str | None:
        """Return why this learner cannot learn the signature, or None when it can."""

    @abstractmethod
    def forecast(
        self,
        signature: Signature,
        train: Examples,
        options: BaseModel,
        training: Training,
        pretrained: Path | None,
        machine: Machine,
        budget_s: float,
    ) -> Forecast:
        """Time a few untrained steps here and say what fits into the budget (wall seconds of learning)."""

    @abstractmethod
    def learn(
        self,
        signature: Signature,
        train: Examples,
        validation: Examples,
        setup: Setup,
        out: Path,
        scratch: Path,
        progress: Progress,
    ) -> dict[str, Any]:
        """Learn into the folder `out` and return a JSON summary (the history, the chosen checkpoint).

        `scratch` outlives a kill; a rerun finds there what the last one left, and must end with the same
        bytes in `out` as an unbroken run. Checkpoint and calibration are chosen on `validation`.
        """

    @abstractmethod
    def predict(self, learned: Path, inputs: Mapping[str, Sequence[Any]]) -> dict[str, dict[str, Array]]:
        """Answer in the learner's own framework (output → array → values), for parity after export."""
