"""A run of training under way: steps, scores, and the checkpoint that it goes on from to the same bits.

What decides the bits is the setup, the data and the step: the order of the rows follows from seed and epoch,
dropout from seed and step. So a checkpoint is weights, moments, average and step, and no generator's state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modelwright.core.messages import Notice
from modelwright.core.messages.setting import setting
from modelwright.learners.contract.ranks import Ranks
from modelwright.learners.descent import goal
from modelwright.learners.descent.batch_loss import BatchLoss, Moment
from modelwright.learners.descent.gradient_exchange import GradientExchange
from modelwright.learners.descent.recipe import Recipe, Score
from modelwright.learners.networks.auxiliary import AuxiliaryHeads
from modelwright.learners.networks.heads import (
    Task,
    Truths,
    compared_wrong,
    mean_loss,
    mean_wrong,
    wrong_rows,
)
from modelwright.learners.networks.network import Network
from modelwright.learners.steps import averaging, memory_limit, thawing
from modelwright.learners.steps.batch_statistics import BatchStatistics, Seen
from modelwright.learners.steps.optimiser import Stepper
from modelwright.learners.steps.scaling import Scaling
from modelwright.learners.training import checkpoint, frozen_features
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.runtime.memory import ran_out

_NORMAL = 1.96  # standard errors of a 95 % interval
_REMEMBERED = "optimiser."  # in a checkpoint, before the name of what an optimiser remembers of a weight


class DivergedError(Exception):
    """A loss that is no finite number: of which rows, in which step."""

    def __init__(self, step: int, rows: NDArray[np.int64], moment: Moment) -> None:
        super().__init__(step)
        self.step, self.rows, self.moment = step, rows, moment


@dataclass
class _Alone:
    """How wrong the answers of one part are, and how surely another is from all together, summed over the outputs."""

    wrong: float = 0.0
    variance: float = 0.0  # of the difference to all together

    def add(self, task: Task, alone: Tensor, together: Tensor, truths: Truths, weight: float) -> None:
        """Add an output, of the rows whose truth is known."""
        own, all_ = wrong_rows(task, alone, truths), wrong_rows(task, together, truths)
        if len(own) > 1:
            self.wrong += weight * float(own.mean())
            # the rows are paired: the variance of a mean difference is that of the differences, divided by their number
            self.variance += weight**2 * float((own - all_).var()) / len(own)

    def found(self) -> tuple[float, float]:
        """Return how wrong the part is, and the half width of the interval of its difference."""
        return self.wrong, _NORMAL * self.variance**0.5


@dataclass
class TrainingRun:
    """A run under way: everything that a checkpoint holds, and the optimiser that works on it."""

    network: Network
    recipe: Recipe
    steps: int
    batch: int
    seed: int
    last: int | None = None  # the last step that is taken, where that is not the last of the schedule
    step: int = 0
    best: Score | None = None
    stale: int = 0  # evaluations since the best
    parts: int = 0  # in which the rows of a step are read, more than asked for where memory ran out
    ranks: Ranks = field(default_factory=Ranks)
    exchange: GradientExchange | None = None  # with the other ranks, where there are some
    scaling: Scaling = field(default_factory=Scaling)
    reached: bool = False  # whether the bar of `learn.stop_at` is met
    history: list[Score] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.weights = {
            name: weight for name, weight in self.network.named_parameters() if weight.requires_grad
        }
        self.auxiliary = self._auxiliary()
        self.batch_loss = BatchLoss(self.network, self.recipe, self.auxiliary)
        if self.auxiliary is not None and self.auxiliary is not self.network.alone:
            self.weights |= {f"auxiliary.{name}": one for name, one in self.auxiliary.named_parameters()}
        # statistics of normalisations: averaged like weights where they are numbers, kept as they are otherwise
        self.buffers = dict(self.network.named_buffers())
        self.averaged = self.weights | {
            name: buffer for name, buffer in self.buffers.items() if buffer.is_floating_point()
        }
        self.average = {name: values.detach().clone() for name, values in self.averaged.items()}
        self._least_parts = max(self.recipe.optimiser.accumulate, self.ranks.size)
        self.stepper = Stepper(self.network, self.weights, self.recipe, self._least_parts)
        self.scaling = Scaling.of(self.recipe.precision)
        self.parts = self.parts or self._least_parts
        self.statistics = BatchStatistics(self.network)
        self.thawing = thawing.first_steps(self.network, self.weights, self.recipe, self.steps)

    def _auxiliary(self) -> AuxiliaryHeads | None:
        """Return heads of each part, where several are combined: the network's own, or drawn from the seed alone."""
        if not self.recipe.auxiliary or len(self.network.part_widths) < 2:
            return None
        if self.network.alone is not None:
            return self.network.alone
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            tasks = {name: head.task for name, head in self.network.tasks().items()}
            return AuxiliaryHeads(self.network.part_widths, tasks).to(self.network.device)

    def learn(self, rows: EncodedRows, batch: NDArray[np.int64]) -> float:
        """Take one step on a batch and return its loss; raises DivergedError when that is no finite number.

        Where memory runs out, the rows are read in twice as many parts, from this step on.
        """
        thawing.apply(self.weights, self.thawing, self.step)
        # until its rows fit into memory, each time in smaller parts
        while True:
            try:
                value = self._add_gradients(rows, batch)
                if self.scaling.undo(self.weights.values()):
                    break
                # the same rows again, at half of the scale: a step that is left out would learn nothing from them
                self.stepper.forget()
                if self.scaling.scale < 1.0:
                    raise DivergedError(self.step, batch, self.moment())
            except (RuntimeError, MemoryError) as error:
                if not ran_out(error):
                    raise
                # the gradients so far are of some rows only
                self.parts = memory_limit.smaller(self.parts, len(batch))
                self.stepper.forget()
        # a plateau is seen in the scores so far, which a checkpoint holds, so a resumed run sees the same one
        ranks = [score.rank for score in self.history]
        self.stepper.step(self.recipe.schedule.share(self.step, self.steps, ranks))
        self.step += 1
        weight_of_new = averaging.share(self.recipe.averaging, self.step, self.steps)
        with torch.no_grad():
            for name, weight in self.averaged.items():
                # average ← (1 - share) · average + share · weight
                if (moved := self.stepper.moved(weight)) is None:
                    self.average[name].lerp_(weight, weight_of_new)
                else:
                    # the average of a row that has never moved is that row
                    rows_of = self.average[name][moved].lerp_(weight[moved], weight_of_new)
                    self.average[name].index_copy_(0, moved, rows_of)
        return value

    def _add_gradients(self, rows: EncodedRows, batch: NDArray[np.int64]) -> float:
        """Add up the gradients of the rows of a step, and return their loss."""
        parts = self._in_parts(batch)
        found: Iterable[tuple[float, Seen | None]]
        if self.exchange is not None:
            found = self.exchange.add(rows, batch, parts)
        elif len(parts) == 1:
            found = [(self._read(rows, batch, parts[0], 0), None)]
        else:
            # all of them with the running averages from before the step, as several processes read them
            found = [self.read_part(rows, batch, part, number) for number, part in enumerate(parts)]
        value = 0.0
        for number, (loss, seen) in enumerate(found):
            value += loss
            if not np.isfinite(value):
                raise DivergedError(self.step, parts[number], self.moment(number))
            if seen is not None:
                self.statistics.add(seen)
        return value

    def read_part(
        self, rows: EncodedRows, batch: NDArray[np.int64], part: NDArray[np.int64], number: int
    ) -> tuple[float, Seen]:
        """Add the gradient of one of several parts of a step's rows; return its loss and the statistics of its rows."""
        with self.statistics.of_part() as seen:
            loss = self._read(rows, batch, part, number)
        return loss, seen

    def _read(
        self, rows: EncodedRows, batch: NDArray[np.int64], part: NDArray[np.int64], number: int
    ) -> float:
        # so that a resumed run drops out what an unbroken one would, and another process what this one would
        torch.manual_seed(self.moment(number).seed)
        # one row has no deviation to normalise by
        noisy = self.recipe.noisy and len(part) > 1
        self.network.learning(noisy=noisy, layer_dropout=self.recipe.layer_dropout)
        # each part counts by its rows, so that the gradient is that of the whole batch
        loss = self.batch_loss.of(rows, part, self.moment(number)) * (len(part) / len(batch))
        value = float(loss.detach())
        if np.isfinite(value):
            (loss * self.scaling.scale).backward()  # type: ignore[no-untyped-call]
        return value

    @property
    def rate(self) -> float:
        """Return the rate of the last step, as `learn.learning_rate` counts it."""
        return self.stepper.rate

    @property
    def norm(self) -> float:
        """Return the norm of the last step's gradient, before it was clipped."""
        return float(self.stepper.norm)

    def keep(self, best: Mapping[str, Tensor]) -> None:
        """Put weights that `average` had into the network, all of which may be learned on."""
        put(self.averaged, best)
        # as after all steps, wherever it ended
        thawing.apply(self.weights, self.thawing, self.steps)
        self.network.eval()

    def moment(self, part: int = 0) -> Moment:
        """Return when the next step draws: of a part of its rows."""
        return Moment(self.seed, self.step, part)

    def _in_parts(self, batch: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Return the rows of a step in as many parts as are read one after another; none is empty."""
        # sizes differ by one at most; a part without rows would have no mean loss
        return np.array_split(batch, min(self.parts, len(batch)))

    def evaluate(self, validation: EncodedRows) -> bool:
        """Score the averaged weights; tell whether they are the best so far."""
        with self._averaged():
            answers = frozen_features.by_row(self._by_part, validation)
        wrong = compared = loss = 0.0
        alone = [_Alone() for _ in (self.auxiliary.heads if self.auxiliary is not None else ())]
        for name, head in self.network.tasks().items():
            weight, truths = self.recipe.weights.get(name, 1.0), validation.truths[name]
            together = answers[None, name]
            wrong += weight * mean_wrong(head.task, together, truths)
            compared += weight * compared_wrong(head.task, together, truths)
            loss += weight * float(mean_loss(head.task, together, truths))
            for place, one in enumerate(alone):
                one.add(head.task, answers[place, name], together, truths, weight)
        bar, shown = self.recipe.stop_at, None
        if bar is not None:
            by_output = {name: answers[None, name] for name in self.network.outputs}
            shown = goal.value(bar, self.network, by_output, validation)
            self.reached = bar.keeps(shown)
        score = Score(self.step, wrong, loss, tuple(one.found() for one in alone), compared, shown)
        self.history.append(score)
        # the first of equals stays: later ones learned longer for nothing
        better = self.best is None or score.rank < self.best.rank
        self.best, self.stale = (score, 0) if better else (self.best, self.stale + 1)
        return better

    def _by_part(self, arrays: dict[str, Tensor]) -> dict[tuple[int | None, str], Tensor]:
        """Return the answers of all parts together (None), and of each by itself where there are heads for it."""
        self.network.eval()
        parts = self.network.read(arrays)
        found: dict[tuple[int | None, str], Tensor] = {
            (None, name): values for name, values in self.network.answer_of(parts).items()
        }
        each = self.auxiliary(parts.features) if self.auxiliary is not None else []
        return found | {
            (place, name): values for place, answers in enumerate(each) for name, values in answers.items()
        }

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        learned = {name: values.detach().clone() for name, values in self.averaged.items()}
        put(self.averaged, self.average)
        try:
            yield
        finally:
            put(self.averaged, learned)

    def ended(self) -> bool:
        """Tell whether all steps are taken, the goal is reached, or validation has shown no gain for long enough."""
        # the clock may have ended it before the planned steps
        patience = self.recipe.patience
        last = self.steps if self.last is None else self.last
        return self.step >= last or self.reached or (patience is not None and self.stale >= patience)

    def notices(self) -> Iterator[Notice]:
        """Yield what there is to say of how the run went."""
        if self.reached and self.step < self.steps and self.recipe.stop_at is not None:
            yield Notice(
                "learn.goal-reached",
                bar=str(self.recipe.stop_at),
                value=self.history[-1].goal,
                step=self.step,
                steps=self.steps,
            )
        if self.parts > self._least_parts:
            yield Notice(
                "learn.less-memory",
                parts=self.parts,
                line=setting("learn.optimiser.accumulate", self.parts),
            )

    def save(self, path: Path, shown: Mapping[str, Any]) -> None:
        """Write the checkpoint; shown: what is kept of what was seen while it ran."""
        tensors: dict[str, Tensor] = {f"weight.{name}": weight for name, weight in self.weights.items()}
        tensors |= {f"average.{name}": weight for name, weight in self.average.items()}
        tensors |= {f"buffer.{name}": values for name, values in self.buffers.items()}
        tensors |= {f"{_REMEMBERED}{name}": values for name, values in self.stepper.state()}
        note: dict[str, Any] = {
            "step": self.step,
            "stale": self.stale,
            "parts": self.parts,
            "reached": self.reached,
            "scaling": asdict(self.scaling),
            "best": asdict(self.best) if self.best else None,
            "history": [asdict(score) for score in self.history],
            "shown": dict(shown),
        }
        checkpoint.write(path, tensors, note)

    def restore(self, tensors: Mapping[str, Tensor], note: Mapping[str, Any]) -> None:
        """Go on where a checkpoint was written."""
        self.step, self.stale = note["step"], note["stale"]
        self.parts, self.reached = note["parts"], note["reached"]
        self.scaling = Scaling(**note["scaling"])
        self.best = Score.of(note["best"]) if note["best"] else None
        self.history = [Score.of(score) for score in note["history"]]
        put(self.weights, {name: tensors[f"weight.{name}"] for name in self.weights})
        put(self.average, {name: tensors[f"average.{name}"] for name in self.average})
        put(self.buffers, {name: tensors[f"buffer.{name}"] for name in self.buffers})
        # moments, momenta and counts of steps: without them the first step after a kill would be another one
        self.stepper.restore(checkpoint.named(tensors, _REMEMBERED))


def put(weights: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(values[name])
