"""A training of a module by one objective: steps of an optimiser, a checkpoint from which it goes on to the same bits.

For what has no heads and no outputs to score, such as an encoder that learns from inputs alone, or a language model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from modelwright.core.messages import MachineError, Problem, ProjectError
from modelwright.core.messages.setting import setting
from modelwright.core.progress import Progress
from modelwright.learners.contract.ending import TrainingEnd
from modelwright.learners.contract.ranks import RankEnded, Ranks
from modelwright.learners.contract.steps import AveragingKeys, OptimiserKeys
from modelwright.learners.descent import divergence, trainer
from modelwright.learners.descent.gradient_exchange import exchanging
from modelwright.learners.descent.plain_exchange import PlainExchange, device_of, serve
from modelwright.learners.descent.recipe import Score
from modelwright.learners.descent.training_run import put
from modelwright.learners.steps import averaging
from modelwright.learners.steps.optimiser import WeightGroup, optimisers, remember, remembered, step_all
from modelwright.learners.steps.scaling import Scaling
from modelwright.learners.steps.schedule import RateSchedule
from modelwright.learners.training import checkpoint
from modelwright.runtime.memory import ran_out

HELD = 2**40  # beyond every step: what is drawn for validation is drawn for no step
_LOWER = 10.0  # a rate so many times lower is proposed where one was too high
_REMEMBERED = "optimiser."  # in a checkpoint, before the name of what the optimiser remembers of a weight

Batch = NDArray[np.int64]
Rows_contra = TypeVar("Rows_contra", contravariant=True)


class Objective(Protocol[Rows_contra]):
    """What a module is to make small; `Rows_contra` is what it reads."""

    @property
    def module(self) -> nn.Module:
        """Return what learns."""

    def loss(self, rows: Rows_contra, batch: Batch, seed: int, step: int) -> Tensor:
        """Return the mean loss of a batch, (); what is drawn follows from seed and step alone."""

    def parts(self, rows: Rows_contra, batch: Batch) -> Iterable[tuple[Batch, float]]:
        """Yield the parts of a batch that are read one after another, each with its share of the loss."""

    def halve(self, times: int) -> bool:
        """Let parts be so many times half as large as they would be; tell whether they can be."""

    def held(self, rows: Rows_contra) -> Iterable[tuple[Batch, float]]:
        """Yield the batches in which held-out rows are read, each with its weight in their loss."""


@dataclass(frozen=True)
class PlainRecipe:
    """How it is trained: the peak rate, the decay of matrices, average and schedule; the optimiser.

    precision: of the numbers that steps compute in, for which the loss is scaled; patience: evaluations without gain
    before it ends, None for never.
    """

    rate: float
    decay: float
    average: AveragingKeys
    schedule: RateSchedule
    optimiser: OptimiserKeys = field(default_factory=OptimiserKeys)
    precision: str = "float32"
    patience: int | None = None


@contextmanager
def _within_memory() -> Iterator[None]:
    """Raise MachineError where memory runs out, whatever it is that says so."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        raise MachineError(Problem("machine.memory")) from error


class PlainRun:
    """A training under way: weights, their average, what the optimiser remembers, and the scores so far.

    averaged: the weights that learn, and what else of the module is averaged.
    """

    def __init__(
        self, objective: Objective[Any], rows: Any, recipe: PlainRecipe, *, steps: int, seed: int
    ) -> None:
        module = objective.module
        self._objective, self._rows, self._recipe = objective, rows, recipe
        self._steps, self._seed = steps, seed
        self.last = steps  # that is taken, fewer than planned where the clock ended it
        self.diverged: Path | None = None  # where rows go whose loss is no finite number
        self.step = 0
        self.norm, self.rate = 0.0, 0.0
        self.history: list[Score] = []
        self.exchange: PlainExchange | None = None  # with other processes, which read parts of each step
        self.halvings = 0  # of the parts in which a step is read, as memory ran out
        self.written: Callable[[Batch], list[dict[str, Any]]] | None = None  # rows, as a file has them
        self._scaling = Scaling.of(recipe.precision)
        self.weights = {name: one for name, one in module.named_parameters() if one.requires_grad}
        self._buffers = dict(module.named_buffers())
        floats = {name: one for name, one in self._buffers.items() if one.is_floating_point()}
        self.averaged: dict[str, Tensor] = {**self.weights, **floats}
        # an average that is the last weights is no copy of them: of a large model each copy counts
        self._copied = recipe.average.name != "none"
        self.average = (
            {name: one.detach().clone() for name, one in self.averaged.items()}
            if self._copied
            else self.averaged
        )
        groups: dict[WeightGroup, list[nn.Parameter]] = {}
        hidden = _hidden(module)
        for weight in self.weights.values():
            # gains and biases (one axis) are not decayed: they are few, and to shrink them changes what a layer gives
            decay = recipe.decay if weight.ndim > 1 else 0.0
            groups.setdefault(WeightGroup(recipe.rate, decay, weight in hidden), []).append(weight)
        self._optimisers = list(optimisers(groups, recipe.optimiser))

    def learn(self, batch: Batch) -> float:
        """Take one step and return its loss.

        Where memory runs out, parts are half as large from this step on. Raises ProjectError where the loss is no
        finite number, and MachineError where memory runs out in the smallest parts, or in one of several processes.
        """
        self._objective.module.train()
        while True:
            self._draw()
            try:
                # Σ share · mean loss of a part is the mean loss of the batch, and so is its gradient
                value = self._add_gradients(batch)
            except (RuntimeError, MemoryError) as error:
                if not ran_out(error):
                    raise
                # the gradients so far are of some rows only
                self.forget()
                self._halve(batch, error)
                continue
            if self._scaling.undo(self.weights.values()):
                break
            # the same rows again, at half of the scale
            self.forget()
            if self._scaling.scale < 1.0:
                raise ProjectError(self._too_high(batch))
        self.rate = self._recipe.rate * self._recipe.schedule.share(
            self.step, self._steps, [one.rank for one in self.history]
        )
        for group in (group for one in self._optimisers for group in one.param_groups):
            group["lr"] = self.rate
        most = math.inf if self._recipe.optimiser.clip is None else self._recipe.optimiser.clip
        self.norm = float(nn.utils.clip_grad_norm_(list(self.weights.values()), most))
        step_all(self._optimisers)
        self.step += 1
        if self._copied:
            weight_of_new = averaging.share(self._recipe.average, self.step, self._steps)
            with torch.no_grad():
                for name, weight in self.averaged.items():
                    self.average[name].lerp_(weight, weight_of_new)
        return value

    def parts(self, batch: Batch) -> list[tuple[Batch, float]]:
        """Return the parts of a step's rows, each with its share of the loss."""
        return list(self._objective.parts(self._rows, batch))

    def read_part(self, part: Batch, share: float) -> float:
        """Add the gradient of a part, and return its loss; of one that is no finite number there is none."""
        loss = self._objective.loss(self._rows, part, self._seed, self.step) * share
        value = float(loss.detach())
        # the step is refused or taken again, and its other parts are read for nothing
        if np.isfinite(value) and loss.requires_grad:
            (loss * self._scaling.scale).backward()  # type: ignore[no-untyped-call]
        return value

    @property
    def scale(self) -> float:
        """Return what the loss is multiplied by."""
        return self._scaling.scale

    def follow(self, step: int, scale: float) -> None:
        """Stand before a step that another process takes, whose loss is scaled so."""
        self.step, self._scaling.scale = step, scale
        self._objective.module.train()
        self._draw()

    def forget(self) -> None:
        """Drop all gradients."""
        for one in self._optimisers:
            one.zero_grad()

    def _halve(self, batch: Batch, error: Exception) -> None:
        """Read a step in smaller parts from now on; raises MachineError where there are none."""
        before = now = [len(part) for part, _ in self.parts(batch)]
        while now == before:
            # other processes have the same parts as this one, whose memory is not theirs
            if self.exchange is not None or max(now) == 1 or not self._objective.halve(self.halvings + 1):
                raise MachineError(Problem("machine.memory")) from error
            self.halvings += 1
            now = [len(part) for part, _ in self.parts(batch)]

    def _draw(self) -> None:
        torch.manual_seed((self._seed * 1_000_003 + self.step) % 2**63)  # of dropout

    def _add_gradients(self, batch: Batch) -> float:
        """Let the weights have the gradient of a batch, and return its loss; raises ProjectError for none."""
        if self.exchange is not None:
            losses = self.exchange.add(batch)
            wrong = [
                part
                for (part, _), loss in zip(self.parts(batch), losses, strict=True)
                if not np.isfinite(loss)
            ]
            if wrong:
                raise ProjectError(self._too_high(wrong[0]))
            return sum(losses)
        value = 0.0
        for part, share in self.parts(batch):
            value += (loss := self.read_part(part, share))
            if not np.isfinite(loss):
                raise ProjectError(self._too_high(part))
        return value

    def _too_high(self, batch: Batch) -> Problem:
        """Return that a loss is no finite number, and write its rows to a file, if there is one."""
        rate, file = self._recipe.rate, None
        if self.diverged is not None and self.written is not None:
            divergence.save_written(self.written(batch), self.step, self.diverged)
            file = str(self.diverged)
        line = setting("learn.learning_rate", float(f"{rate / _LOWER:.1g}"))
        return Problem("learn.rate-too-high", step=self.step + 1, rate=rate, file=file, line=line)

    def evaluate(self, held: Any) -> bool:
        """Score the averaged weights on rows that nothing is learned from; tell whether they are the best so far."""
        kept: Mapping[str, Tensor] = {}
        if self._copied:
            kept = {name: one.detach().clone() for name, one in self.averaged.items()}
            put(self.averaged, self.average)
        self._objective.module.eval()
        losses, weights = [], []
        with torch.no_grad(), _within_memory():
            for number, (batch, weight) in enumerate(self._objective.held(held)):
                # the same draws at every evaluation, so that losses can be compared
                losses.append(float(self._objective.loss(held, batch, self._seed, HELD + number)))
                weights.append(weight)
        put({name: self.averaged[name] for name in kept}, kept)
        # without validation rows the newest weights are kept
        loss = float(np.average(losses, weights=weights)) if losses else float(-self.step)
        before = min((one.rank for one in self.history), default=None)
        self.history.append(Score(self.step, loss, loss))
        return before is None or self.history[-1].rank < before

    def save(self, path: Path, shown: Mapping[str, Any]) -> None:
        """Write the checkpoint."""
        tensors: dict[str, Tensor] = {f"weight.{name}": one for name, one in self.weights.items()}
        tensors |= {f"buffer.{name}": one for name, one in self._buffers.items()}
        if self._copied:
            tensors |= {f"average.{name}": one for name, one in self.average.items()}
        memory = remembered(self._optimisers, self.weights)
        tensors |= {f"{_REMEMBERED}{name}": one for name, one in memory}
        note: dict[str, Any] = {"step": self.step, "shown": dict(shown), "scaling": asdict(self._scaling)}
        note["halvings"] = self.halvings
        note["history"] = [asdict(one) for one in self.history]
        checkpoint.write(path, tensors, note)

    def restore(self, tensors: Mapping[str, Tensor], note: Mapping[str, Any]) -> None:
        """Go on where a checkpoint was written."""
        self.step = note["step"]
        self.history = [Score.of(one) for one in note["history"]]
        self._scaling = Scaling(**note.get("scaling", {}))
        self.halvings = note.get("halvings", 0)
        self._objective.halve(self.halvings)
        put(self.weights, {name: tensors[f"weight.{name}"] for name in self.weights})
        put(self._buffers, {name: tensors[f"buffer.{name}"] for name in self._buffers})
        if self._copied:
            put(self.average, {name: tensors[f"average.{name}"] for name in self.average})
        remember(self._optimisers, self.weights, checkpoint.named(tensors, _REMEMBERED))

    def ended(self) -> bool:
        """Tell whether all steps are taken, or validation gains no more."""
        if self.step >= self.last or self._recipe.patience is None or not self.history:
            return self.step >= self.last
        ranks = [one.rank for one in self.history]
        return len(ranks) - 1 - ranks.index(min(ranks)) >= self._recipe.patience

    def keep(self, best: Mapping[str, Tensor]) -> None:
        """Put weights that `average` had into the module."""
        put(self.averaged, best)
        self._objective.module.eval()


def _hidden(module: nn.Module) -> frozenset[Tensor]:
    """Return the matrices that read features and give features: of linear layers, but the last ones of words."""
    words = {one.num_embeddings for one in module.modules() if isinstance(one, nn.Embedding)}
    # what gives as many numbers as there are words guesses them: a head, often the table of the words itself
    return frozenset(
        one.weight for one in module.modules() if isinstance(one, nn.Linear) and one.out_features not in words
    )


class DrawnRows(Protocol):
    """Rows that are drawn in batches, as an objective reads them."""

    def __len__(self) -> int:
        """Return how many there are."""

    def shuffled(self, batch: int, seed: int, epoch: int) -> list[Batch]:
        """Return all rows in the batches of an epoch."""


def take_all(
    run: PlainRun, rows: DrawnRows, held: DrawnRows, *, steps: int, batch: int, seed: int, scratch: Path,
    progress: Progress, end: TrainingEnd, ranks: Ranks | None = None,
) -> list[Score]:  # fmt: skip
    """Take all steps, put the averaged weights with the least loss on validation into the module, return the scores.

    Resumes from the checkpoint in `scratch`, where there is one, to the same bits. end: where it ends before its last
    step; the steps before are the same. ranks: processes that share the parts of each step; one that is not the first
    computes gradients, and ends by RankEnded.
    """
    ranks = ranks or Ranks()
    if ranks.rank:
        serve(run, ranks)
        raise RankEnded
    run.last, run.diverged = end.last(steps), scratch / "diverged.json"
    per_epoch = trainer.epoch_steps(len(rows), batch)
    with exchanging(run, ranks, device_of(run), PlainExchange):
        trainer.take_steps(
            run,
            _batches(rows, run, batch, seed, per_epoch),
            run.learn,
            held,
            trainer.evaluation_steps(steps, per_epoch),
            steps=steps,
            scratch=scratch,
            progress=progress,
            ending=end,
            errors=False,
        )
    return run.history


def _batches(rows: DrawnRows, run: PlainRun, batch: int, seed: int, per_epoch: int) -> Iterator[Batch]:
    """Yield the batches from the run's step on, until its last step is taken."""
    while not run.ended():
        # a resumed run draws its epoch again, and leaves out what was learned of it
        epoch, done = divmod(run.step, per_epoch)
        for chosen in rows.shuffled(batch, seed, epoch)[done:]:
            if run.ended():
                return
            yield chosen
