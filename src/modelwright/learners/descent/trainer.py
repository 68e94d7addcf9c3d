"""The training loop that the gradient learners share: batches, checkpoints, the best averaged weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from modelwright import kinds
from modelwright.core.messages import MachineError, Notice, Phrase, Problem, ProjectError, did_you_mean
from modelwright.core.messages.setting import setting
from modelwright.core.progress import Progress
from modelwright.kinds.outputs import outputs
from modelwright.learners import timing
from modelwright.learners.contract.ending import SETTLED, TrainingEnd
from modelwright.learners.contract.ranks import RankEnded, Ranks
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.steps import MOST_EVALUATIONS
from modelwright.learners.descent import compiling, divergence
from modelwright.learners.descent.gradient_exchange import GradientExchange, exchanging, serve
from modelwright.learners.descent.recipe import Recipe, Score, Trained
from modelwright.learners.descent.training_run import DivergedError, TrainingRun
from modelwright.learners.descent.watching import TrainingWatch
from modelwright.learners.networks.heads import at
from modelwright.learners.networks.losses import settled
from modelwright.learners.networks.network import Network
from modelwright.learners.steps import batch_growth
from modelwright.learners.training import checkpoint, gpus
from modelwright.learners.training.encoded_rows import EncodedRows

SAVE_EVERY_S = 30.0  # a kill loses at most this much; when a checkpoint is written changes no bit
_SAVE_SHARE = (
    0.05  # of the time, that writing checkpoints takes at most: those of a large model are gigabytes
)
_EPOCHS_OF_A_BATCH = 2**32  # more than are ever taken
_SHOWN = 20  # classes that a message names


def train_as_planned(
    network: Network,
    rows: EncodedRows,
    validation: EncodedRows,
    recipe: Recipe,
    setup: Setup,
    scratch: Path,
    progress: Progress,
) -> Trained:
    """Train as `train` does, with the steps, the batch, the seed, the precision and the processes that were sealed."""
    return train(
        network,
        rows,
        validation,
        replace(recipe, precision=setup.precision, compiled=setup.execution.compiled),
        steps=setup.steps,
        batch=setup.batch,
        seed=setup.seed,
        scratch=scratch,
        progress=progress,
        ending=setup.ending.of(),
        ranks=setup.ranks,
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
    ending: TrainingEnd | None = None,
    ranks: Ranks | None = None,
) -> Trained:
    """Train for `steps` steps, put the best averaged weights into the network, and return every score.

    Resumes from the checkpoint in `scratch`, where there is one, to the same bits. Unless the recipe is noisy, the
    network's own dropout stays off: in a fine-tuning on a CPU it costs a quarter of the time, and few passes over
    the data gain nothing from it. ending: where it ends before its last step; the steps before are the same. ranks:
    processes that share the parts of each step; one that is not the first computes gradients, and ends by RankEnded.
    """
    network.eval()
    settle_losses(network, rows, recipe)
    ending, ranks = ending or TrainingEnd(), ranks or Ranks()
    run = TrainingRun(network, recipe, steps, batch, seed, ending.last(steps), ranks=ranks)
    # the same rows whenever it begins, here and in every other rank
    first = rows.shuffled(batch, seed, 0, balanced=recipe.balanced)
    computing = compiling.compiled(run, rows, first) if recipe.compiled else nullcontext()
    if ranks.rank:
        with computing:
            serve(run, rows, ranks)
        raise RankEnded
    per_epoch = batch_growth.epoch(recipe.growth, epoch_steps(len(rows), batch))
    evaluated = evaluation_steps(steps, per_epoch)
    with computing, exchanging(run, ranks, network.device, GradientExchange):
        take_steps(
            run,
            _batches(rows, run),
            lambda chosen: _learned(run, rows, chosen, scratch / "diverged.json"),
            validation,
            evaluated,
            steps=steps,
            scratch=scratch,
            progress=progress,
            ending=ending,
        )
    notices = (*run.notices(), *_never_falls(recipe, len(evaluated)))
    return Trained(run.history, notices, settled=run.step < ending.last(steps))


def _never_falls(recipe: Recipe, evaluations: int) -> Iterator[Notice]:
    """Yield that a rate which waits for a plateau can see none: the first evaluation is none, and the last too late."""
    patience, most = recipe.schedule.patience, evaluations - 2
    if recipe.schedule.name == "plateau" and patience > most:
        line = setting(
            "learn.schedule", {"name": "plateau", "patience": most} if most > 0 else {"name": "linear"}
        )
        yield Notice("learn.never-falls", patience=patience, evaluations=evaluations, line=line)


Held_contra = TypeVar(
    "Held_contra", contravariant=True
)  # validation, in the form in which a training reads it


class Steps(Protocol[Held_contra]):
    """A training under way, as the loop sees it: what it has come to, and what its checkpoint holds."""

    step: int
    history: list[Score]
    average: dict[str, Tensor]

    @property
    def rate(self) -> float:
        """Return the rate of the last step."""

    @property
    def norm(self) -> float:
        """Return the norm of the last step's gradient."""

    def evaluate(self, validation: Held_contra, /) -> bool:
        """Score the averaged weights; tell whether they are the best so far."""

    def ended(self) -> bool:
        """Tell whether no further step is taken."""

    def save(self, path: Path, shown: Mapping[str, Any]) -> None:
        """Write the checkpoint."""

    def restore(self, tensors: Mapping[str, Tensor], note: Mapping[str, Any]) -> None:
        """Go on where a checkpoint was written."""

    def keep(self, best: Mapping[str, Tensor]) -> None:
        """Put weights that `average` had into what is learned."""


def take_steps(
    run: Steps[Held_contra],
    batches: Iterable[NDArray[np.int64]],
    learn: Callable[[NDArray[np.int64]], float],
    validation: Held_contra,
    evaluated: Iterable[int],
    *,
    steps: int,
    scratch: Path,
    progress: Progress,
    ending: TrainingEnd,
    errors: bool = True,
) -> None:
    """Take all steps of a run, and keep the best averaged weights; resumes from its checkpoint to the same bits.

    batches: from the run's step on, which is read when the first is asked for; learn: takes a step and returns its
    loss; evaluated: after which steps validation is answered; errors: whether its scores hold errors beside losses.
    """
    # two files: the state is written often, the best weights when they get better
    state, best = scratch / "state.safetensors", scratch / "best.safetensors"
    # of the planned steps, fewer where the clock ended it
    last = ending.last(steps)
    kept = checkpoint.read(state)
    if kept is not None:
        run.restore(*kept)
        assert run.step <= last, "the state of a longer training is nobody else's"
    evaluations = {*evaluated, last}
    written = step_of(best)
    saved, every_s = time.monotonic(), SAVE_EVERY_S
    with progress.task(str(Phrase("work.learning")), steps) as task:
        task.advance(run.step)
        watch = TrainingWatch(task, steps, errors=errors)
        if kept is not None:
            note: Mapping[str, Any] = kept[1]
            # drawn again from the checkpoint, so that curves have no gap
            watch.restore(note.get("shown"), run.history)

        def score() -> None:
            nonlocal written
            if run.evaluate(validation):
                # Before the state that speaks of it: a kill in between makes the same best again.
                checkpoint.write(best, run.average, {"step": run.step})
                written = run.step
            watch.score(run.history[-1])

        if run.step in evaluations and run.step not in {one.step for one in run.history}:
            score()  # it was cut here, and not evaluated, since a training that goes on is not
        for chosen in batches:
            try:
                loss = learn(chosen)
            except MachineError:
                # the step under way is taken again, and no other is lost
                run.save(state, watch.to_json())
                raise
            watch.step(run.step, loss, run.rate, run.norm, len(chosen))
            task.advance(1)
            if run.step in evaluations:
                score()
            # not while the best weights on the disk are those of a later step than this, from before a kill
            same = written == (kept_score(run.history).step if run.history else None)
            due = not run.ended() and same and ending.is_due(run.step)
            if due or run.ended() or time.monotonic() - saved >= every_s:
                begun = time.monotonic()
                run.save(state, watch.to_json())
                saved = time.monotonic()
                if SAVE_EVERY_S:
                    every_s = max(SAVE_EVERY_S, (saved - begun) / _SAVE_SHARE)
            if due:
                ending.cut(run.step, steps)
        watch.end(run.step, kept_score(run.history))
    # from the disk, where also an earlier process may have left them
    found = checkpoint.read(best)
    assert found is not None, "the last step is evaluated, so there is a best"
    run.keep(found[0])


def _learned(run: TrainingRun, rows: EncodedRows, batch: NDArray[np.int64], file: Path | None) -> float:
    """Take a step and return its loss; raises ProjectError where that is no finite number; file: for its rows."""
    try:
        return run.learn(rows, batch)
    except DivergedError as error:
        raise ProjectError(divergence.problem(run, rows, error, file)) from None


def step_of(best: Path) -> int | None:
    """Return of which step the best weights in a file are; None where there is none."""
    found = checkpoint.read_note(best)
    step = None if found is None else found.get("step")
    return step if isinstance(step, int) else None


def settle_losses(network: Network, rows: EncodedRows, recipe: Recipe) -> None:
    """Let the outputs of a network be measured as `learn.loss` says; rows: those of training.

    Raises ProjectError for weights of classes that no output has.
    """
    given = recipe.loss.class_weights
    labels = dict(_labels(rows))
    known = sorted({label for of_output in labels.values() for label in of_output})
    if isinstance(given, Mapping) and (unknown := sorted(set(given) - set(known))):
        near = did_you_mean(unknown[0], known)
        raise ProjectError(Problem("learn.unknown-class", label=unknown[0], near=near, labels=known[:_SHOWN]))
    for name, head in network.tasks().items():
        truths = rows.truths[name]
        # of the training rows alone: validation may have other shares, which a loss must not follow
        counts = head.task.counts(at(truths, head.task.known(truths)))
        head.task.how = settled(recipe.loss, counts, labels[name])


def _labels(rows: EncodedRows) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield each output's classes, in the order of its answers; none of an output without classes."""
    # a kind fixes them (false, true), or the training rows show them
    fixed = {one.name: one.labels for one in outputs(rows.signature)}
    for field in rows.signature.outputs:
        of_data = kinds.arrays(field.kind).known(rows.states[field.name])
        yield field.name, of_data or fixed[field.name]


def summary(trained: Trained) -> dict[str, object]:
    """Return what `learn` says of a training: every score, the best, whose weights were kept, and how it went."""
    return {
        "history": [asdict(score) for score in trained.history],
        "chosen": asdict(kept_score(trained.history)),
        "warnings": [one.to_wire() for one in trained.notices],
        SETTLED: trained.settled,
    }


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
    """Return the seconds of a step on so many threads, timed on these batches; statistics of normalisations change."""
    network.eval()
    settle_losses(
        network, rows, recipe
    )  # timed as it will be learned; and a class that is none is found before
    # a rate of 0 takes as long, and a rate that is too high is found while learning, not while timing
    still = replace(recipe, learning_rate=0.0, head_rate=0.0, unfreeze=0.0)
    run = TrainingRun(network, still, 2 * timing.MOST_ROUNDS * len(batches) + 1, len(batches[0]), 0)
    _learned(run, rows, batches[len(batches) // 2], None)  # the first step allocates the moments
    works = [partial(_learned, run, rows, batch, None) for batch in batches]
    return gpus.seconds(works, threads, network.device) / len(batches)


def compiled_step_s(
    network: Network, rows: EncodedRows, recipe: Recipe, batches: list[NDArray[np.int64]], threads: int
) -> tuple[float, float]:
    """Return the seconds of a step with compiled layers, as `step_s` does, and those that compiling took.

    Raises MachineError where layers cannot be compiled.
    """
    network.eval()
    settle_losses(network, rows, recipe)
    still = replace(recipe, learning_rate=0.0, head_rate=0.0, unfreeze=0.0)
    run = TrainingRun(network, still, 2 * timing.MOST_ROUNDS * len(batches) + 1, len(batches[0]), 0)
    works = [partial(_learned, run, rows, batch, None) for batch in batches]
    # a graph is of as many threads as there were when it was compiled
    with gpus.using(threads), compiling.compiled(run, rows, batches) as begin_s:
        _learned(run, rows, batches[len(batches) // 2], None)
        return gpus.seconds_in_use(works, network.device) / len(batches), begin_s


def _batches(rows: EncodedRows, run: TrainingRun) -> Iterator[NDArray[np.int64]]:
    """Yield the batches from the run's step on, until it has ended."""
    while not run.ended():
        begin, batch, number = batch_growth.at_step(run.recipe.growth, run.step, run.steps, run.batch)
        # a resumed run draws its epoch again, and leaves out what was learned of it
        epoch, done = divmod(run.step - begin, epoch_steps(len(rows), batch))
        # an order that no epoch with another batch has
        epoch += number * _EPOCHS_OF_A_BATCH
        for chosen in rows.shuffled(batch, run.seed, epoch, balanced=run.recipe.balanced)[done:]:
            if (
                run.ended()
                or batch_growth.at_step(run.recipe.growth, run.step, run.steps, run.batch)[0] != begin
            ):
                break
            yield chosen
