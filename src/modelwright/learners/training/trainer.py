"""The trainer that the gradient learners share: AdamW, averaged weights, checkpoints, the same bits after a kill.

What decides the bits is the setup, the data and the step: the order of the rows follows from seed and epoch,
dropout from seed and step. So a checkpoint is weights, moments, average and step, and no generator's state.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modelwright import kinds
from modelwright.core.messages import Phrase, Problem, ProjectError
from modelwright.core.progress import Progress
from modelwright.learners import timing
from modelwright.learners.descent.optimiser import Stepper
from modelwright.learners.descent.watching import TrainingWatch
from modelwright.learners.networks.auxiliary import AuxiliaryHeads
from modelwright.learners.networks.encoders.contract import ARRAYS
from modelwright.learners.networks.heads import (
    Task,
    Truths,
    at,
    compared_wrong,
    mean_loss,
    mean_wrong,
    wrong_rows,
)
from modelwright.learners.networks.losses import settled
from modelwright.learners.networks.network import Network, Parts
from modelwright.learners.training import checkpoint, frozen_features, precision
from modelwright.learners.training.augmentation import varied
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.recipe import Recipe, Score

SAVE_EVERY_S = 30.0  # a kill loses at most this much; when a checkpoint is written changes no bit
MOST_EVALUATIONS = 10
_NORMAL = 1.96  # standard errors of a 95 % interval
_REMEMBERED = "optimiser."  # in a checkpoint, before the name of what an optimiser remembers of a weight


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
class _Run:
    """A run under way: everything that a checkpoint holds, and the optimiser that works on it."""

    network: Network
    recipe: Recipe
    steps: int
    batch: int
    seed: int
    step: int = 0
    best: Score | None = None
    stale: int = 0  # evaluations since the best
    part: int = 0  # of those in which a step reads its rows
    history: list[Score] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.weights = {
            name: weight for name, weight in self.network.named_parameters() if weight.requires_grad
        }
        self.auxiliary = self._auxiliary()
        if self.auxiliary is not None and self.auxiliary is not self.network.alone:
            self.weights |= {f"auxiliary.{name}": one for name, one in self.auxiliary.named_parameters()}
        # statistics of normalisations: averaged like weights where they are numbers, kept as they are otherwise
        self.buffers = dict(self.network.named_buffers())
        self.averaged = self.weights | {
            name: buffer for name, buffer in self.buffers.items() if buffer.is_floating_point()
        }
        self.average = {name: values.detach().clone() for name, values in self.averaged.items()}
        self.stepper = Stepper(self.network, self.weights, self.recipe)

    def _auxiliary(self) -> AuxiliaryHeads | None:
        """Return heads of each part, where several are combined: the network's own, or drawn from the seed alone."""
        if not self.recipe.auxiliary or len(self.network.part_widths) < 2:
            return None
        if self.network.alone is not None:
            return self.network.alone
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            tasks = {name: head.task for name, head in self.network.tasks().items()}
            return AuxiliaryHeads(self.network.part_widths, tasks)

    def learn(self, rows: EncodedRows, batch: NDArray[np.int64]) -> float:
        """Take one step on a batch and return its loss; raises ProjectError when that is no finite number."""
        # so that a resumed run drops out what an unbroken one would
        torch.manual_seed(self._seed())
        value = 0.0
        for number, part in enumerate(self._parts(batch)):
            self.part = number
            # one row has no deviation to normalise by
            self.network.learning(noisy=self.recipe.noisy and len(part) > 1)
            # each part counts by its rows, so that the gradient is that of the whole batch
            loss = self._loss(rows, part) * (len(part) / len(batch))
            value += float(loss.detach())
            if not np.isfinite(value):
                raise ProjectError(
                    Problem("learn.diverged", step=self.step + 1, rate=self.recipe.learning_rate)
                )
            loss.backward()  # type: ignore[no-untyped-call]
        # a plateau is seen in the scores so far, which a checkpoint holds, so a resumed run sees the same one
        ranks = [score.rank for score in self.history]
        self.stepper.step(self.recipe.schedule.share(self.step, self.steps, ranks))
        self.step += 1
        # Early on, an average over few steps: the start would weigh for long otherwise.
        decay = min(self.recipe.average, self.step / (self.step + 9))
        with torch.no_grad():
            for name, weight in self.averaged.items():
                # average ← decay · average + (1 - decay) · weight (Polyak and Juditsky 1992)
                self.average[name].lerp_(weight, 1.0 - decay)
        return value

    def _parts(self, batch: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Return the rows of a step in as many parts as are read one after another; none is empty."""
        # sizes differ by one at most; a part without rows would have no mean loss
        return np.array_split(batch, min(self.recipe.optimiser.accumulate, len(batch)))

    def _loss(self, rows: EncodedRows, batch: NDArray[np.int64]) -> Tensor:
        """Return the loss of a batch, (): the weighted sum of the outputs' mean losses."""
        with precision.computing_in(self.recipe.precision):
            parts = self.network.read(self._arrays(rows, batch))
            views = self._views(parts)
        place, whole = torch.from_numpy(batch), sum(share for share, _ in views)
        losses = []
        for name, head in self.network.tasks().items():
            truths = at(rows.truths[name], place)
            # a loss sums over classes and rows: in float32
            seen = [
                share * mean_loss(head.task, answers[name].float(), truths, self.recipe.label_smoothing)
                for share, answers in views
            ]
            losses.append(self.recipe.weights.get(name, 1.0) * _total(seen) / whole)
        if (uncertainty := self.network.uncertainty) is not None:
            # Σ exp(-s) · loss + s / 2, s the log variance of an output's error (Kendall et al. 2018, section 3.2)
            losses = [
                torch.exp(-uncertainty[number]) * loss + uncertainty[number] / 2
                for number, loss in enumerate(losses)
            ]
        return _total(losses)

    def _views(self, parts: Parts) -> list[tuple[float, dict[str, Tensor]]]:
        """Return the answers to a batch from all parts, from some of them and from each, with the share of their loss.

        The parts are read once, which is what takes long. To leave one out before it is read would spend its encoder
        on nothing, and mix what stands for nothing into the statistics of its normalisations.
        """
        views = []
        count, rows = len(parts.features), len(parts.features[0])
        left = self.recipe.left_out if self._most_left_out(count) else 0.0
        if left:
            some = self.network.without(parts, self._left_out(count, rows))
            views.append((left, self._answered(some)))
        views.append((1.0 - left, self._answered(parts)))
        if self.auxiliary is not None:
            each = self.auxiliary(parts.features)
            views += [(self.recipe.auxiliary / len(each), answers) for answers in each]
        return views

    def _answered(self, parts: Parts) -> dict[str, Tensor]:
        return self.network.answer(self._dropped(self.network.combined(parts)))

    def _most_left_out(self, parts: int) -> int:
        """Return how many optional inputs are left out of a row at most; one that is left may answer by itself."""
        if self.network.alone is not None:
            return max(0, min(len(self.network.spared), parts - 2))
        return min(len(self.network.spared), max(1, parts - 1))

    def _left_out(self, parts: int, rows: int) -> dict[str, Tensor]:
        """Return in which rows, (n,), an optional input is left out: in each at least one, and not every part."""
        names = list(self.network.spared)
        most = self._most_left_out(parts)
        generator = np.random.default_rng([self._seed(), 2])
        counts = generator.integers(1, most + 1, size=(rows, 1))
        # (n, inputs): the place of each in an order drawn for the row; the first ones are left out
        ranks = generator.random((rows, len(names))).argsort(axis=1).argsort(axis=1)
        return dict(zip(names, torch.from_numpy(ranks < counts).unbind(dim=1), strict=True))

    def _arrays(self, rows: EncodedRows, batch: NDArray[np.int64]) -> dict[str, Tensor]:
        """Return the input arrays of a batch: varied, and values of optional inputs left out at random.

        Those for which a learned vector can stand are left out after they were read (`_views`).
        """
        arrays = self._varied(rows, batch)
        if not self.recipe.omitted:
            return arrays
        generator = np.random.default_rng([self._seed(), 1])
        for name, blank in rows.blank.items():
            out = torch.from_numpy(generator.random(len(batch)) < self.recipe.omitted)  # (batch,)
            if name in self.network.spared:
                continue
            for array, value in blank.items():
                arrays[f"{name}.{array}"] = _replaced(arrays[f"{name}.{array}"], torch.from_numpy(value), out)
        return arrays

    def _seed(self) -> int:
        """Return a seed of this part of this step alone."""
        return (self.seed * 1_000_003 + self.step + self.part * 2**40) % 2**63

    def _varied(self, rows: EncodedRows, batch: NDArray[np.int64]) -> dict[str, Tensor]:
        """Return the arrays of some rows, varied as this step draws it."""
        arrays = rows.arrays(batch)
        for place, one in enumerate(rows.signature.inputs):
            amounts, form = self.recipe.augment.get(one.name), kinds.arrays(one.kind).input_form
            if amounts and form is not None:
                own = {array: arrays[f"{one.name}.{array}"] for array in ARRAYS[form]}
                changed = varied(own, form, amounts, self.seed, self.step + self.part * 2**40, place)
                arrays |= {f"{one.name}.{array}": values for array, values in changed.items()}
        return arrays

    def _dropped(self, features: Tensor) -> Tensor:
        """Return features of which a share is 0; the others are scaled up, so that the mean stays."""
        if not self.recipe.dropout:
            return features
        # A generator of its own for every step, so that a resumed run draws what an unbroken one would.
        generator = torch.Generator().manual_seed(self._seed())
        # (batch, width): kept with 1 - p and divided by it, so that serving needs no factor (Srivastava et al. 2014)
        kept = torch.rand(features.shape, generator=generator) >= self.recipe.dropout
        return features * kept / (1.0 - self.recipe.dropout)

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
        score = Score(self.step, wrong, loss, tuple(one.found() for one in alone), compared)
        self.history.append(score)
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
        _put(self.averaged, self.average)
        try:
            yield
        finally:
            _put(self.averaged, learned)

    def ended(self) -> bool:
        """Tell whether all steps are taken, or validation has shown no gain for long enough."""
        patience = self.recipe.patience
        return self.step >= self.steps or (patience is not None and self.stale >= patience)

    def save(self, path: Path, shown: Mapping[str, Any]) -> None:
        """Write the checkpoint; shown: what is kept of what was seen while it ran."""
        tensors: dict[str, Tensor] = {f"weight.{name}": weight for name, weight in self.weights.items()}
        tensors |= {f"average.{name}": weight for name, weight in self.average.items()}
        tensors |= {f"buffer.{name}": values for name, values in self.buffers.items()}
        tensors |= {f"{_REMEMBERED}{name}": values for name, values in self.stepper.state()}
        note = {
            "step": self.step,
            "stale": self.stale,
            "best": asdict(self.best) if self.best else None,
            "history": [asdict(score) for score in self.history],
            "shown": dict(shown),
        }
        checkpoint.write(path, tensors, note)

    def restore(self, tensors: Mapping[str, Tensor], note: Mapping[str, Any]) -> None:
        """Go on where a checkpoint was written."""
        self.step, self.stale = note["step"], note["stale"]
        self.best = Score.of(note["best"]) if note["best"] else None
        self.history = [Score.of(score) for score in note["history"]]
        _put(self.weights, {name: tensors[f"weight.{name}"] for name in self.weights})
        _put(self.average, {name: tensors[f"average.{name}"] for name in self.average})
        _put(self.buffers, {name: tensors[f"buffer.{name}"] for name in self.buffers})
        # moments, momenta and counts of steps: without them the first step after a kill would be another one
        self.stepper.restore(
            {
                name.removeprefix(_REMEMBERED): values
                for name, values in tensors.items()
                if name.startswith(_REMEMBERED)
            }
        )


def train(
    network: Network,
    rows: EncodedRows,
    validation: EncodedRows,
    recipe: Recipe,
    *,
    steps: int,
    batch: int,
    seed: int,
    scratch: Path,
    progress: Progress,
) -> list[Score]:
    """Train for `steps` steps, put the best averaged weights into the network, and return every score.

    Resumes from the checkpoint in `scratch`, where there is one, to the same bits. Unless the recipe is noisy, the
    network's own dropout stays off: in a fine-tuning on a CPU it costs a quarter of the time, and few passes over
    the data gain nothing from it.
    """
    network.eval()
    settle_losses(network, rows, recipe)
    run = _Run(network, recipe, steps, batch, seed)
    state, best = scratch / "state.safetensors", scratch / "best.safetensors"
    kept = checkpoint.read(state)
    if kept is not None:
        run.restore(*kept)
    evaluations = set(evaluation_steps(steps, epoch_steps(len(rows), batch)))
    saved = time.monotonic()
    with progress.task(str(Phrase("work.learning")), steps) as task:
        task.advance(run.step)
        watch = TrainingWatch(task, steps)
        if kept is not None:
            note: Mapping[str, Any] = kept[1]
            watch.restore(note.get("shown"), run.history)
        for chosen in _batches(rows, run):
            loss = run.learn(rows, chosen)
            watch.step(run.step, loss, run.stepper.rate, float(run.stepper.norm), len(chosen))
            task.advance(1)
            if run.step in evaluations:
                if run.evaluate(validation):
                    # Before the state that speaks of it: a kill in between makes the same best again.
                    checkpoint.write(best, run.average, {})
                watch.score(run.history[-1])
            if run.ended() or time.monotonic() - saved >= SAVE_EVERY_S:
                run.save(state, watch.to_json())
                saved = time.monotonic()
        watch.end(run.step, kept_score(run.history))
    found = checkpoint.read(best)
    assert found is not None, "the last step is evaluated, so there is a best"
    _put(run.averaged, found[0])
    network.eval()
    return run.history


def settle_losses(network: Network, rows: EncodedRows, recipe: Recipe) -> None:
    """Let the outputs of a network be measured as `learn.loss` says; rows: those of training."""
    for name, head in network.tasks().items():
        truths = rows.truths[name]
        # of the training rows alone: validation may have other shares, which a loss must not follow
        counts = head.task.counts(at(truths, head.task.known(truths)))
        head.task.how = settled(recipe.loss, counts)


def summary(history: Sequence[Score]) -> dict[str, object]:
    """Return what `learn` says of a training: every score, and the best, whose weights were kept."""
    return {"history": [asdict(score) for score in history], "chosen": asdict(kept_score(history))}


def kept_score(history: Sequence[Score]) -> Score:
    """Return the score of the weights that were kept."""
    return min(history, key=lambda score: score.rank)


def has_checkpoint(scratch: Path) -> bool:
    """Tell whether an earlier run left a checkpoint."""
    return (scratch / "state.safetensors").is_file()


def epoch_steps(rows: int, batch: int) -> int:
    """Return the steps of one pass over the rows, at least one."""
    # -(-a // b) rounds up: the last, smaller batch is a step, too
    return max(1, -(-rows // batch))


def evaluation_steps(steps: int, epoch: int) -> list[int]:
    """Return after which steps validation is answered: once an epoch, at most ten times, and at the end."""
    count = min(MOST_EVALUATIONS, max(1, round(steps / epoch)))
    return sorted({max(1, steps * number // count) for number in range(1, count + 1)})


def step_s(
    network: Network, rows: EncodedRows, recipe: Recipe, batches: list[NDArray[np.int64]], threads: int
) -> float:
    """Return the seconds of a step on so many threads, timed on these batches; the network's weights change."""
    network.eval()
    run = _Run(network, recipe, 2 * timing.MOST_ROUNDS * len(batches) + 1, len(batches[0]), 0)
    run.learn(rows, batches[len(batches) // 2])  # the first step allocates the moments
    works = [partial(run.learn, rows, batch) for batch in batches]
    return timing.seconds(works, threads, torch.set_num_threads) / len(batches)


def _batches(rows: EncodedRows, run: _Run) -> Iterator[NDArray[np.int64]]:
    """Yield the batches from the run's step on, until it has ended."""
    per_epoch = epoch_steps(len(rows), run.batch)
    while not run.ended():
        epoch, done = divmod(run.step, per_epoch)
        for chosen in rows.shuffled(run.batch, run.seed, epoch, balanced=run.recipe.balanced)[done:]:
            if run.ended():
                return
            yield chosen


def _replaced(values: Tensor, blank: Tensor, out: Tensor) -> Tensor:
    """Return values (batch, …) in which the rows of `out`, bool (batch,), are `blank` (1, …).

    Where a row has a length of its own (tokens), `blank` is filled up with 0, which no mask counts.
    """
    if blank.shape[1:] != values.shape[1:]:
        length = max(blank.shape[1], values.shape[1])
        blank, values = (torch.nn.functional.pad(one, (0, length - one.shape[1])) for one in (blank, values))
    place = out.view(-1, *[1] * (values.dim() - 1))  # (batch, 1, …)
    return torch.where(place, blank.to(values.dtype), values)


def _total(losses: Sequence[Tensor]) -> Tensor:
    return sum(losses, start=torch.zeros(()))


def _put(weights: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(values[name])
