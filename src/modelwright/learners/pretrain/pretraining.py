"""The steps of a pretraining, with a checkpoint from which it goes on to the same bits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from modelwright.core.messages import Phrase, Problem, ProjectError
from modelwright.core.messages.setting import setting
from modelwright.core.progress import Progress
from modelwright.learners.contract.ending import TrainingEnd
from modelwright.learners.descent import trainer
from modelwright.learners.descent.recipe import Score
from modelwright.learners.descent.watching import TrainingWatch
from modelwright.learners.pretrain.pretext import Pretext
from modelwright.learners.steps.schedule import RateSchedule
from modelwright.learners.training import checkpoint
from modelwright.learners.training.encoded_rows import EncodedRows

SAVE_EVERY_S = 30.0  # a kill loses at most this much; when a checkpoint is written changes no bit
_HELD_BATCH = 128
_HELD = 2**40  # beyond every step: what is drawn for validation is drawn for no step
_LOWER = 10.0  # a rate so many times lower is proposed where one was too high
_CLIP = 1.0  # of the norm of a step's gradient
_BETAS, _EPSILON = (0.9, 0.98), 1e-6


class PretrainRun:
    """A pretraining under way: weights, their average, what the optimiser remembers, and the scores so far."""

    def __init__(
        self,
        pretext: Pretext,
        rows: EncodedRows,
        *,
        rate: float,
        decay: float,
        average: float,
        schedule: RateSchedule,
        steps: int,
        seed: int,
    ) -> None:
        self._pretext, self._rows = pretext, rows
        self._rate, self._decay, self._schedule = rate, average, schedule
        self._steps, self._seed = steps, seed
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
        # early on, an average over few steps: the start would weigh for long otherwise
        decay = min(self._decay, self.step / (self.step + 9))
        with torch.no_grad():
            for name, weight in self._averaged.items():
                self.average[name].lerp_(weight, 1.0 - decay)
        return value

    def evaluate(self, held: EncodedRows) -> bool:
        """Score the averaged weights on rows that nothing is learned from; tell whether they are the best so far."""
        kept = {name: one.detach().clone() for name, one in self._averaged.items()}
        _put(self._averaged, self.average)
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
        _put(self._averaged, kept)
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
        for name, weight in self._weights.items():
            for key, value in self._optimiser.state.get(weight, {}).items():
                tensors[f"optimiser.{key}.{name}"] = value
        note: dict[str, Any] = {"step": self.step, "shown": dict(shown)}
        note["history"] = [asdict(one) for one in self.history]
        checkpoint.write(path, tensors, note)

    def restore(self, tensors: Mapping[str, Tensor], note: Mapping[str, Any]) -> None:
        """Go on where a checkpoint was written."""
        self.step = note["step"]
        self.history = [Score.of(one) for one in note["history"]]
        _put(self._weights, {name: tensors[f"weight.{name}"] for name in self._weights})
        _put(self._buffers, {name: tensors[f"buffer.{name}"] for name in self._buffers})
        _put(self.average, {name: tensors[f"average.{name}"] for name in self.average})
        for full, value in tensors.items():
            if full.startswith("optimiser."):
                key, _, name = full.removeprefix("optimiser.").partition(".")
                weight, kept = self._weights[name], value
                if value.shape == weight.shape:
                    # laid out in memory as the weight is, which the optimiser takes for granted
                    kept = torch.empty_like(weight, requires_grad=False).copy_(value)
                self._optimiser.state[weight][key] = kept

    def keep(self, best: Mapping[str, Tensor]) -> None:
        """Put weights that `average` had into the network."""
        _put(self._averaged, best)
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
    state, best = scratch / "state.safetensors", scratch / "best.safetensors"
    kept = checkpoint.read(state)
    if kept is not None:
        run.restore(*kept)
        assert run.step <= last, "the state of a longer training is nobody else's"
    evaluations = {*trainer.evaluation_steps(steps, trainer.epoch_steps(len(rows), batch)), last}
    written = trainer.step_of(best)
    saved = time.monotonic()
    with progress.task(str(Phrase("work.learning")), steps) as task:
        task.advance(run.step)
        watch = TrainingWatch(task, steps, errors=False)
        if kept is not None:
            note: Mapping[str, Any] = kept[1]
            watch.restore(note.get("shown"), run.history)

        def score() -> None:
            nonlocal written
            if run.evaluate(held):
                # before the state that speaks of it: a kill in between makes the same best again
                checkpoint.write(best, run.average, {"step": run.step})
                written = run.step
            watch.score(run.history[-1])

        if run.step in evaluations and run.step not in {one.step for one in run.history}:
            score()  # it was cut here, and not evaluated, since a training that goes on is not
        for chosen in _batches(rows, run, last, batch, seed):
            loss = run.learn(chosen)
            watch.step(run.step, loss, run.rate, run.norm, len(chosen))
            task.advance(1)
            if run.step in evaluations:
                score()
            # not while the best weights on the disk are those of a later step than this, from before a kill
            kept_at = trainer.kept_score(run.history).step if run.history else None
            due = run.step < last and written == kept_at and end.is_due()
            if due or run.step >= last or time.monotonic() - saved >= SAVE_EVERY_S:
                run.save(state, watch.to_json())
                saved = time.monotonic()
            if due:
                end.cut(run.step, steps)
        watch.end(run.step, trainer.kept_score(run.history))
    found = checkpoint.read(best)
    assert found is not None, "the last step is evaluated, so there is a best"
    run.keep(found[0])
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


def _put(weights: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(values[name])
