"""What `plan` settles for a learner before it learns: the setup, and the estimate that led to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from modelwright.core.messages import Notice, Phrase
from modelwright.learners.contract.ending import Ending
from modelwright.learners.contract.ranks import Ranks
from modelwright.learners.contract.training import Precision
from modelwright.storage.formats.plan import BlendMember, Execution


@dataclass(frozen=True)
class Setup:
    """Everything beside the data that decides the bits of what is learned. `plan` seals it.

    steps: the learner's own count (optimiser steps, boosting rounds); batch: rows a step; threads: how many
    learn at once in each process, which decides how sums are rounded, as instruction_set does; options, training: of
    the specification's `Options` and `Training`; pretrained: input → the folder of the weights that it starts from;
    augment: input → variation → how far its training values vary (`data.augment`); members: of a learner that blends
    others; ending: where steps end before the last one, for a learner that can be cut (`Spec.cuttable`); execution:
    where and how steps are computed; ranks: processes that share the parts of each step.
    """

    learner: str
    steps: int
    batch: int
    threads: int
    precision: str
    instruction_set: str
    seed: int
    options: BaseModel
    training: BaseModel
    pretrained: Mapping[str, Path] = field(default_factory=dict)
    augment: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    members: Sequence[BlendMember] = ()
    ending: Ending = field(default_factory=Ending)
    ranks: Ranks = field(default_factory=Ranks)
    execution: Execution = field(default_factory=Execution)


@dataclass(frozen=True)
class Estimate:
    """What a learner forecasts before it learns, and the choices that follow from the budget.

    steps, batch: as in `Setup`; epochs: how many passes over the training rows the steps are, None where that
    means nothing; seconds: of learning on a quiet machine; memory_bytes: at the peak of learning;
    package_bytes, latency_s (of one request): of the exported body before compression; why: what the numbers
    rest on, in the learner's own words; warnings: what it finds unpromising about these rows; compressible_bytes: of
    package_bytes, what a form in 8 bits makes smaller, None: all; precision: of the numbers that steps compute in;
    likely_steps: after how many validation mostly stops it, None: it takes them all; members: of a learner that blends
    others, with what each settled; execution: where and how steps are to be computed.
    """

    steps: int
    batch: int
    epochs: float | None
    seconds: float
    memory_bytes: int
    package_bytes: int
    latency_s: float
    why: Phrase
    warnings: tuple[Notice, ...] = ()
    compressible_bytes: int | None = None
    precision: Precision = "float32"
    likely_steps: int | None = None
    members: tuple[BlendMember, ...] = ()
    execution: Execution = field(default_factory=Execution)
