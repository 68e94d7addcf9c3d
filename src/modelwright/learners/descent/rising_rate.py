"""The steps of a learning-rate range test: from the start of learning, each at a higher rate than the one before."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from modelwright.core.messages import Phrase
from modelwright.core.progress import Progress
from modelwright.learners import timing
from modelwright.learners.descent import trainer
from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.descent.training_run import DivergedError, TrainingRun
from modelwright.learners.networks.network import Network
from modelwright.learners.steps.schedule import RateSchedule
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.storage.formats.examples import Examples

LOWEST, HIGHEST = 1e-6, 10.0
FEWEST, MOST = 40, 140  # steps: 20 a factor of ten show a fall that is clear of the scatter of batches
_MEMORY = 0.8  # of the mean loss by which the end is seen
_TIMED = 3  # steps


def some(train: Examples, batch: int, seed: int) -> Examples:
    """Return as many rows as the steps can read, drawn from all of them."""
    places = np.random.default_rng([seed, len(train)]).permutation(len(train))[: MOST * batch]
    kept = [int(place) for place in np.sort(places)]
    columns = {name: [column[place] for place in kept] for name, column in train.columns.items()}
    return Examples([train.ids[place] for place in kept], columns)


def losses(
    network: Network,
    rows: EncodedRows,
    recipe: Recipe,
    rate: float,
    *,
    batch: int,
    seed: int,
    budget_s: float,
    progress: Progress,
) -> tuple[list[float], list[float]]:
    """Return the rates, and the losses of the batches that were learned at them; the weights of the network change.

    rate: what the recipe's rates belong to; all of them rise with it, from `LOWEST` to `HIGHEST`. Ends early where the
    loss blows up. budget_s: CPU seconds, for at least `FEWEST` steps.
    """
    network.eval()
    trainer.settle_losses(network, rows, recipe)
    # all rates rise together: their ratios are the recipe's
    factor = HIGHEST / rate
    rising = replace(
        recipe,
        learning_rate=recipe.learning_rate * factor,
        head_rate=recipe.head_rate * factor,
        schedule=RateSchedule(rises_from=LOWEST / HIGHEST),
        patience=None,
        stop_at=None,
        unfreeze=0.0,
    )
    steps = _steps(network, rows, rising, batch, seed, budget_s)
    run = TrainingRun(network, rising, steps, batch, seed)
    rates, found, mean = list[float](), list[float](), 0.0
    least = first = float("inf")
    with progress.task(str(Phrase("work.rising-rate")), steps) as task:
        for chosen in _batches(rows, run, steps):
            at = HIGHEST * rising.schedule.share(run.step, steps)
            try:
                loss = run.learn(rows, chosen)
            except DivergedError:
                break
            # only rates at which the loss was still a number
            rates.append(at)
            found.append(loss)
            task.advance(1, f"{at:.1e}: {loss:.4g}")
            mean = _MEMORY * mean + (1.0 - _MEMORY) * loss
            shown = mean / (1.0 - _MEMORY ** len(found))  # without the weight of the 0 that it began with
            if len(found) >= FEWEST // 4:
                first = shown if first == float("inf") else first
                least = min(least, shown)
                # losses may be negative: what counts is how far it rose, beside how far it had fallen
                if shown > first + 2.0 * max(first - least, 0.1 * abs(first)):
                    break
    return rates, found


def _steps(
    network: Network, rows: EncodedRows, recipe: Recipe, batch: int, seed: int, budget_s: float
) -> int:
    """Return how many steps the budget holds, as timed on a copy of the network."""
    run = TrainingRun(copy.deepcopy(network), recipe, MOST, batch, seed)
    batches = _batches(rows, run, _TIMED + 1)
    run.learn(rows, next(batches))  # the first step allocates the moments
    started = timing.now_s()
    for chosen in batches:
        run.learn(rows, chosen)
    step_s = max(1e-6, (timing.now_s() - started) / _TIMED)
    return max(FEWEST, min(MOST, int(budget_s / step_s)))


def _batches(rows: EncodedRows, run: TrainingRun, count: int) -> Iterator[NDArray[np.int64]]:
    """Yield so many batches, pass after pass."""
    epoch = 0
    while count > 0:
        for chosen in rows.shuffled(run.batch, run.seed, epoch, balanced=run.recipe.balanced)[:count]:
            count -= 1
            yield chosen
        epoch += 1
