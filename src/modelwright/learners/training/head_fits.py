"""Fits every head of a network on the features of its frozen rest."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from modelwright.core.progress import Progress
from modelwright.learners.networks.network import Network
from modelwright.learners.training import features as _features
from modelwright.learners.training import linear_fit as _linear
from modelwright.learners.training.encoded_rows import Rows
from modelwright.learners.training.linear_fit import Scale, Split
from modelwright.learners.training.start import Sample

_TIMED_ITERATIONS = 5


@dataclass(frozen=True)
class Fitted:
    """What the heads answer on validation, which L2 was chosen for each, and how every one fared."""

    answers: dict[str, Tensor]
    chosen: dict[str, dict[str, float]]
    history: dict[str, list[dict[str, float]]]


def fit(
    network: Network,
    train: Rows,
    validation: Rows,
    *,
    iterations: int,
    strengths: Sequence[float],
    smoothing: float,
    scratch: Path,
    progress: Progress,
) -> Fitted:
    """Compute the features, or take them from `scratch`, and fit each head with the L2 that validation prefers."""
    blocks = -(-len(train) // _features.BATCH) + -(-len(validation) // _features.BATCH)
    with progress.task("reading texts", blocks) as task:
        learned = _features.features(network, train, scratch / "features-train", task)
        held = _features.features(network, validation, scratch / "features-validation", task)
    scale = Scale.of(learned)
    learned, standard = scale.apply(learned), scale.apply(held)
    chosen: dict[str, dict[str, float]] = {}
    history: dict[str, list[dict[str, float]]] = {}
    with progress.task("fitting heads", len(network.outputs)) as task:
        for place, (name, head) in enumerate(network.tasks().items()):
            best, tried = _linear.fit_best(
                head.task,
                Split(learned, train.truths[name]),
                Split(standard, validation.truths[name]),
                iterations=iterations,
                strengths=strengths,
                smoothing=smoothing,
                scratch=scratch / f"head-{place}",
            )
            best.into(head, scale)
            chosen[name], history[name] = best.as_json(), [one.as_json() for one in tried]
            task.advance(1, f"{name}: L2 {best.strength:g}")
    with torch.no_grad():
        answers = network.answer(held)
    return Fitted(answers, chosen, history)


def iteration_s(network: Network, sample: Sample) -> float:
    """Return the seconds of one iteration over all training rows, timed on features drawn at random."""
    count = len(sample.rows)
    features = torch.randn(count, network.combiner.width)
    total = 0.0
    for name, head in network.tasks().items():
        split = Split(features, sample.rows.truths[name])
        started = time.perf_counter()
        _linear.fit(head.task, split, 10.0, None, _TIMED_ITERATIONS, 0.0)
        total += (time.perf_counter() - started) / _TIMED_ITERATIONS
    return max(total * sample.of / count, 1e-6)
