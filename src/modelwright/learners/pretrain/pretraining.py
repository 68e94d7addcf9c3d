"""The steps of a pretraining, with a checkpoint from which it goes on to the same bits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from modelwright.core.messages import Problem, ProjectError
from modelwright.core.messages.setting import setting
from modelwright.core.progress import Progress
from modelwright.learners.contract.ending import TrainingEnd
from modelwright.learners.contract.steps import AveragingKeys
from modelwright.learners.descent import trainer
from modelwright.learners.descent.recipe import Score
from modelwright.learners.descent.training_run import put
from modelwright.learners.pretrain.pretext import Pretext
from modelwright.learners.steps import averaging
from modelwright.learners.steps.optimiser import remember, remembered
from modelwright.learners.steps.schedule import RateSchedule
from modelwright.learners.training import checkpoint
from modelwright.learners.training.encoded_rows import EncodedRows

_HELD_BATCH = 128
_HELD = 2**40  # beyond every step: what is drawn for validation is drawn for no step
_LOWER = 10.0  # a rate so many times lower is proposed where one was too high
_CLIP = 1.0  # of the norm of a step's gradient
_BETAS, _EPSILON = (0.9, 0.98), 1e-6
_REMEMBERED = "optimiser."  # in a checkpoint, before the name of what the optimiser remembers of a weight


class PretrainRun:
    """A pretraining under way: weights, their average, what the optimiser remembers, and the scores so far."""

    def __init__(
        self,
        pretext: Pretext,
        rows: EncodedRows,
        *,
        rate: float,
        decay: float,
        average: AveragingKeys,
        schedule: RateSchedule,
        steps: int,
        seed: int,
    ) -> None:
        self._pretext, self._rows = pretext, rows
        self._rate, self._averaging, self._schedule = rate, average, schedule
        self._steps, self._seed = steps, seed
        self.last = steps  # that is taken, fewer than planned where the clock ended it
        self.step = 0
        self.norm, self.rate = 0.0, 0.0
        self.history: list[Score] = []
        self._weights = {name: one for name, one in pretext.named_parameters() if one.requires_grad}
        self._buffers = dict(pretext.named_buffers())
        floats = {name: one for name, one in self._buffers.items() if one.is_floating_point()}
        self._averaged: dict[str, Tensor] = {**self._weights, **floats}
        self.average = {name: one.detach().clone() for name, one in self._averaged.items()}
        groups = [
            {"params": [one for one in self._weights.values() if one.ndim > 1], "weight_decay": decay},
            {"params": [one for one in self._weights.values() if one.ndim <= 1], "weight_decay": 0.0},
        ]
        self._optimiser = torch.optim.AdamW(groups, lr=rate, betas=_BETAS, eps=_EPSILON, fused=True)

    def learn(self, batch: NDArray[np.int64]) -> float:
        """Take one step and return its loss; raises ProjectError where that is no finite number."""
        torch.manual_seed((self._seed * 1_000_003 + self.step) % 2**63)  # of dropout
        self._pretext.train()
        loss = self._pretext.loss(self._arrays(self._rows, batch), self._seed, self.step)
        value = float(loss.detach())
        if not np.isfinite(value):
            line = setting("learn.learning_rate", float(f"{self._rate / _LOWER:.1g}"))
            raise ProjectError(Problem("pretrain.diverged", step=self.step + 1, rate=self._rate, line=line))
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        self.rate = self._rate * self._schedule.share(
            self.step, self._steps, [one.rank for one in self.history]
        )
        for group in self._optimiser.param_groups:
            group["lr"] = self.rate
        self.norm = float(nn.utils.clip_grad_norm_(list(self._weights.values()), _CLIP))
        self._optimiser.step()
        self._optimiser.zero_grad()
        self.step += 1
        weight_of_new = averaging.share(self._averaging, self.step, self._steps)
        with torch.no_grad():
            for name, weight in self._averaged.items():
                self.average[name].lerp_(weight, weight_of_new)
        return value

    def evaluate(self, held: EncodedRows) -> bool:
        """Score the averaged weights on rows that nothing is learned from; tell whether they are the best so far."""
        kept = {name: one.detach().clone() for name, one in self._averaged.items()}
        put(self._averaged, self.average)
        self._pretext.eval()
        losses, counts = [], []
        with torch.no_grad():
            for number, begin in enumerate(range(0, len(held), _HELD_BATCH)):
                batch = np.arange(begin, min(begin + _HELD_BATCH, len(held)))
                # the same draws at every evaluation, so that losses can be compared
                losses.append(
                    float(self._pretext.loss(self._arrays(held, batch), self._seed, _HELD + number))
                )
                counts.append(len(batch))
        put(self._averaged, kept)
        # without validation rows the newest weights are kept
        loss = float(np.average(losses, weights=counts)) if losses else float(-self.step)
        before = min((one.rank for one in self.history), default=None)
        self.history.append(Score(self.step, loss, loss))
        return before is None or self.history[-1].rank < before

    def save(self, path: Path, shown: Mapping[str, Any]) -> None:
        """Write the checkpoint."""
        tensors: dict[str, Tensor] = {f"weight.{name}": one for name, one in self._weights.items()}
        tensors |= {f"buffer.{name}": one for name, one in self._buffers.items()}
        tensors |= {f"average.{name}": one for name, one in self.average.items()}
        memory = remembered([self._optimiser], self._weights)
        tensors |= {f"{_REMEMBERED}{name}": one for name, one in memory}
        note: dict[str, Any] = {"step": self.step, "shown": dict(shown)}
        note["history"] = [asdict(one) for one in self.history]
        checkpoint.write(path, tensors, note)

    def restore(self, tensors: Mapping[str, Tensor], note: Mapping[str, Any]) -> None:
        """Go on where a checkpoint was written."""
        self.step = note["step"]
        self.history = [Score.of(one) for one in note["history"]]
        put(self._weights, {name: tensors[f"weight.{name}"] for name in self._weights})
        put(self._buffers, {name: tensors[f"buffer.{name}"] for name in self._buffers})
        put(self.average, {name: tensors[f"average.{name}"] for name in self.average})
        remember([self._optimiser], self._weights, checkpoint.named(tensors, _REMEMBERED))

    def ended(self) -> bool:
        """Tell whether all steps are taken."""
        return self.step >= self.last

    def keep(self, best: Mapping[str, Tensor]) -> None:
        """Put weights that `average` had into the network."""
        put(self._averaged, best)
        self._pretext.eval()

    @staticmethod
    def _arrays(rows: EncodedRows, batch: NDArray[np.int64]) -> dict[str, Tensor]:
        """Return the arrays of the one input by their own names."""
        name = rows.signature.inputs[0].name
        return {key.removeprefix(f"{name}."): values for key, values in rows.arrays(batch).items()}


def pretrain(
    run: PretrainRun, rows: EncodedRows, held: EncodedRows, *, steps: int, batch: int, seed: int, scratch: Path,
    progress: Progress, end: TrainingEnd,
) -> list[Score]:  # fmt: skip
    """Take all steps, put the averaged weights with the least loss on validation into the network, return the scores.

    Resumes from the checkpoint in `scratch`, where there is one, to the same bits. end: where it ends before its last
    step; the steps before are the same.
    """
    last = end.last(steps)
    run.last = last
    trainer.take_steps(
        run,
        _batches(rows, run, last, batch, seed),
        run.learn,
        held,
        trainer.evaluation_steps(steps, trainer.epoch_steps(len(rows), batch)),
        steps=steps,
        scratch=scratch,
        progress=progress,
        ending=end,
        errors=False,
    )
    return run.history


def _batches(
    rows: EncodedRows, run: PretrainRun, steps: int, batch: int, seed: int
) -> Iterator[NDArray[np.int64]]:
    """Yield the batches from the run's step on, until all steps are taken."""
    per_epoch = trainer.epoch_steps(len(rows), batch)
    while run.step < steps:
        epoch, done = divmod(run.step, per_epoch)
        for chosen in rows.shuffled(batch, seed, epoch)[done:]:
            if run.step >= steps:
                return
            yield chosen
