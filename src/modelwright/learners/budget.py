"""What training is made of, in seconds, and how many steps of it a budget holds.

Timed as it will be learned: on varied rows, with the averaging of the weights, and with every pass over validation.
All seconds are those of a quiet machine (`learners.timing`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from modelwright.core.messages import MachineError, Notice
from modelwright.core.messages.setting import setting
from modelwright.learners.contract.source import Rows
from modelwright.learners.contract.training import Precision
from modelwright.learners.descent import compiling, trainer
from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.networks.network import Network
from modelwright.learners.steps import batch_growth
from modelwright.learners.training import frozen_features, precision, sample
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.sample import Sample
from modelwright.learners.training.starting_point import StartingPoint
from modelwright.storage.formats.plan import Execution

StepTimer = Callable[[Network, EncodedRows, Recipe, list[NDArray[np.int64]], int], float]

LEAST_MOST_STEPS = 400  # that a budget is turned into however few the rows are: few need many passes
# between two processes of one machine, with all copies; seen on 2 busy cores: 0.39 GB/s
EXCHANGED_BYTES_S = 0.5e9
SPARE = 0.05  # of the budget, for a machine that is busier later


@dataclass(frozen=True)
class TrainingCosts:
    """Seconds of the parts of a training.

    before_s: all that is done once (weights read, pictures decoded, heads fitted first); step_s: a step on a batch;
    row_s: a row that is only answered; epoch: steps of a pass over the training rows; validation: rows;
    precision: that steps are to compute in; execution: where; notices: what is worth knowing of both.
    """

    before_s: float
    step_s: float
    row_s: float
    epoch: int
    validation: int
    precision: Precision = "float32"
    execution: Execution = field(default_factory=Execution)
    notices: tuple[Notice, ...] = ()

    def seconds(self, steps: int) -> float:
        """Return how long so many steps take, with all that goes with them."""
        # once more in the end: calibration needs the answers of the weights that are kept
        passes = len(trainer.evaluation_steps(steps, self.epoch)) + 1
        return self.before_s + steps * self.step_s + passes * self.validation * self.row_s

    def affordable(self, budget_s: float, most: int) -> int:
        """Return the most steps, from 1 to `most`, that the budget holds; 1 where it holds none."""
        most_s = budget_s * (1 - SPARE)
        # `seconds` never falls as steps grow, so the last count that fits is found by halving
        fits, too_many = 1, max(most, 1) + 1
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            if self.seconds(middle) <= most_s:
                fits = middle
            else:
                too_many = middle
        return fits


@dataclass(frozen=True)
class _Compiled:
    """What a trial of compiled layers came to: the seconds that they save of a step, None where they are not taken."""

    notice: Notice
    saved_s: float | None = None
    begin_s: float = 0.0


def _compiled(
    network: Network,
    rows: EncodedRows,
    recipe: Recipe,
    batches: list[NDArray[np.int64]],
    threads: int,
    plain_s: float,
    within_s: float,
) -> _Compiled:
    """Compile, and time a step; plain_s: of one that is not compiled; within_s: as `compiling.pays` has it."""
    try:
        step_s, begin_s = trainer.compiled_step_s(network, rows, recipe, batches, threads)
    except MachineError as error:
        (problem,) = error.problems
        line = setting("learn.compile", False)
        return _Compiled(Notice("plan.not-compiled", reason=problem.values["reason"], line=line))
    taken = compiling.pays(plain_s, step_s, begin_s, within_s)
    notice = Notice(
        "plan.compiled",
        step_ms=step_s * 1e3,
        plain_ms=plain_s * 1e3,
        seconds=begin_s,
        taken=taken or None,
        slower=(taken and step_s >= plain_s) or None,
        line=setting("learn.compile", False),
    )
    return _Compiled(notice, plain_s - step_s if taken else None, begin_s)


def by_processes(execution: Execution, step_s: float, one_s: float, threads: int) -> Notice:
    """Return what a step takes in several processes, and in one on as many threads."""
    return Notice(
        "plan.processes",
        processes=execution.processes,
        step_ms=step_s * 1e3,
        one_ms=one_s * 1e3,
        threads=threads,
        slower=step_s > one_s or None,
        line=setting("learn.processes", 1),
    )


def exchange_s(network: nn.Module, processes: int) -> float:
    """Return the seconds in which weights go to the other processes, and gradients come back."""
    numbers = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    return 2 * 4 * numbers * (processes - 1) / EXCHANGED_BYTES_S


def timed(
    begin: StartingPoint,
    some: Sample,
    data: Rows,
    recipe: Recipe,
    batch: int,
    threads: int,
    requested: Precision | None,
    execution: Execution,
    timer: StepTimer = trainer.step_s,
    compiled_for: float | None = None,
) -> TrainingCosts:
    """Return what training on these rows costs; the network goes where it will learn, and its weights change.

    begin: where learning will begin, after as long; recipe: without variations, which are `data.augment`; batch: rows a
    step; threads: how many will learn; requested: precision, None: the quickest that is worth it; execution: where and
    how steps are computed; timer: of a step; compiled_for: whether and within which seconds compiled layers must pay
    (`compiling.tried_for`).
    """
    begin.network.to(execution.device)
    network, rows, held = begin.network, len(data.train), data.expected_validation
    before_s = sample.ending_s(network) + begin.seconds + some.length_row_s * (rows + held)
    processes, most_threads = execution.processes, threads
    if processes > 1:
        # the others begin once rank 0 is at its first step, and read the rows as it did
        before_s, threads = sample.LOADING_S + 2 * before_s, max(1, threads // processes)
    row_s = some.row_s(network, frozen_features.BATCH, threads)
    epoch, batches = trainer.epoch_steps(rows, batch), some.batches(batch)

    cut = max(recipe.optimiser.accumulate, processes)
    # of each batch, the parts that rank 0 reads, with as many steps between them as one process has
    own = [np.concatenate(np.array_split(one, min(cut, len(one)))[::processes]) for one in batches]
    keys = recipe.optimiser.model_copy(update={"accumulate": -(-cut // processes)})
    # whole gradients are exchanged, so that is what a step of one of several processes takes
    recipe = replace(recipe, whole=processes > 1)
    together = recipe.optimiser.model_copy(update={"accumulate": cut})

    def step_s(tried: Precision) -> float:
        varied = replace(recipe, augment=data.augment, precision=tried, optimiser=keys)
        return timer(network, some.rows, varied, own, threads) + exchange_s(network, processes)

    computed_in, timed_s = precision.quickest(requested, step_s, execution.device)
    notices = list[Notice]()
    if compiled_for is not None:
        tried = _compiled(
            network,
            some.rows,
            replace(recipe, augment=data.augment, precision=computed_in, optimiser=keys),
            own,
            threads,
            timed_s - exchange_s(network, processes),
            compiled_for,
        )
        notices.append(tried.notice)
        if tried.saved_s is not None:
            timed_s, before_s = timed_s - tried.saved_s, before_s + tried.begin_s
            execution = replace(execution, compiled=True)
    if processes > 1:
        as_one = replace(recipe, augment=data.augment, precision=computed_in, optimiser=together)
        one_s = timer(network, some.rows, as_one, batches, most_threads)
        notices.append(by_processes(execution, timed_s, one_s, most_threads))
    # by rows, for the last batch of an epoch may be smaller than the others, and so may one that is timed
    each_s = timed_s * (rows / epoch) / (sum(map(len, batches)) / len(batches))
    # values of one size are encoded once, before the first step, while memory holds them; else with every batch
    if some.encoded_once(rows):
        before_s += some.encode_row_s * rows
    else:
        each_s += some.encode_row_s * rows / epoch
    if some.encoded_once(held):
        before_s += some.encode_row_s * held
    else:
        row_s += some.encode_row_s
    # a batch that grows takes longer by its rows, and fewer of its steps are a pass
    each_s *= batch_growth.mean(recipe.growth, rows / batch)
    epoch = batch_growth.epoch(recipe.growth, epoch)
    return TrainingCosts(before_s, each_s, row_s, epoch, held, computed_in, execution, tuple(notices))
