"""Fits every head of a network on the features of its frozen rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from modelwright.core import progress as progress_of
from modelwright.core.messages import Phrase
from modelwright.core.progress import (
    PENALTY,
    VALIDATION_ERROR,
    VALIDATION_LOSS,
    LearningPoint,
    Progress,
)
from modelwright.learners import timing
from modelwright.learners.networks.network import Network
from modelwright.learners.training import frozen_features, linear_fit
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.linear_fit import Scale, StandardRows
from modelwright.learners.training.sample import Sample

_TIMED_ITERATIONS = 5
_TIMED_STRENGTH = 10.0


@dataclass(frozen=True)
class FittedHeads:
    """What the heads answer on validation, which L2 was chosen for each, and how every one fared."""

    answers: dict[str, Tensor]
    chosen: dict[str, dict[str, float]]
    history: dict[str, list[dict[str, float]]]


def fit(
    network: Network,
    train: EncodedRows,
    validation: EncodedRows,
    *,
    iterations: int,
    strengths: Sequence[float],
    smoothing: float,
    scratch: Path,
    progress: Progress,
) -> FittedHeads:
    """Compute the features, or take them from `scratch`, and fit each head with the L2 that validation prefers."""
    blocks = -(-len(train) // frozen_features.BATCH) + -(-len(validation) // frozen_features.BATCH)
    with progress.task(str(Phrase("work.reading-texts")), blocks) as task:
        learned = frozen_features.features(network, train, scratch / "features-train", task)
        held = frozen_features.features(network, validation, scratch / "features-validation", task)
    # (n, width) and (validation, width), both by the training rows' mean and deviation, as serving will be
    scale = Scale.of(learned)
    learned, standard = scale.apply(learned), scale.apply(held)
    chosen: dict[str, dict[str, float]] = {}
    history: dict[str, list[dict[str, float]]] = {}
    with progress.task(str(Phrase("work.fitting-heads")), len(network.outputs)) as task:
        for place, (name, head) in enumerate(network.tasks().items()):
            best, tried = linear_fit.fit_best(
                head.task,
                StandardRows(learned, train.truths[name]),
                StandardRows(standard, validation.truths[name]),
                iterations=iterations,
                strengths=strengths,
                smoothing=smoothing,
                scratch=scratch / f"head-{place}",
            )
            best.into(head, scale)
            chosen[name], history[name] = best.as_json(), [one.as_json() for one in tried]
            task.advance(1, f"{name}: L2 {best.strength:g}")
            for number, one in enumerate(tried, start=1):
                figures = {PENALTY: one.strength, VALIDATION_LOSS: one.loss, VALIDATION_ERROR: one.wrong}
                finite = {key: value for key, value in figures.items() if math.isfinite(value)}
                kept = one.strength == best.strength
                progress_of.record(task, LearningPoint(number, finite, name, "fit", kept))
    with torch.no_grad():
        # raw features: the scale now lies in the heads' weights (`LinearFit.into`)
        answers = network.answer(held.to(network.device))
    return FittedHeads({name: values.cpu() for name, values in answers.items()}, chosen, history)


def iteration_s(network: Network, sample: Sample, threads: int) -> float:
    """Return the seconds of one iteration over all training rows on so many threads, timed on random features."""
    count = len(sample.rows)
    # (sample, width): the time depends on shapes, not on values
    features = torch.randn(count, network.combiner.width)
    works = []
    for name, head in network.tasks().items():
        split = StandardRows(features, sample.rows.truths[name])
        works.append(partial(linear_fit.fit, head.task, split, _TIMED_STRENGTH, None, _TIMED_ITERATIONS, 0.0))
    total = timing.seconds(works, threads, torch.set_num_threads)
    # an iteration passes over all rows once, so its time is linear in them; never 0, which would forecast nothing
    return max(total / _TIMED_ITERATIONS * sample.of / count, 1e-6)
