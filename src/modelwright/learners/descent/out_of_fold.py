"""Stacking: networks of one part each, and heads fitted on what they answer to rows that they were not trained on.

A network answers the rows that it has learned better than any other row, and the part that remembers best would count
for most. So each part is trained once for each fold of the training rows, without it, and answers it; on these answers
the heads are fitted (Wolpert 1992). What serves is each part trained on all rows.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modelwright import kinds
from modelwright.core.linked_rows import LinkedRows
from modelwright.core.messages import Phrase, Problem, ProjectError
from modelwright.core.progress import OfPart, Progress
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.ending import Ending
from modelwright.learners.descent import trainer
from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.networks import stacking
from modelwright.learners.networks.network import Network
from modelwright.learners.training import frozen_features, linear_fit
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.linear_fit import Scale, StandardRows
from modelwright.learners.training.starting_point import StartingPoint

FOLDS = 4
# So many times as long as learning once: 1 + FOLDS · 3/4, as a fold learns from all rows but its own.
TIMES = FOLDS
_ITERATIONS = 100  # of L-BFGS, a strength
_MOST_ALIKE = 0.01  # of the rows: a value that is more frequent ("none") does not make its rows alike
_IDENTIFYING = frozenset({Form.TOKENS, Form.PIXELS, Form.FRAMES, Form.SERIES})

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Stacked:
    """How learning went: part → validation losses on the way; output → the L2 of its head."""

    history: dict[str, list[float]]
    chosen: dict[str, dict[str, float]]

    def summary(self) -> dict[str, object]:
        """Return what `learn` says of it."""
        return {"history": self.history, "chosen": self.chosen}


def begin(whole: StartingPoint, signature: Signature) -> StartingPoint:
    """Return the starting point of stacked networks, one for each part of a network that was put together."""
    plan = whole.network.plan
    parts = stacking.split(plan, signature)
    network = Network(signature, whole.states, type(plan)((), {}, parts=tuple(parts)))
    for place, part in enumerate(parts):
        names = list(part.inputs)
        for name in names:
            # its weights, which are pretrained or drawn: a copy, as inputs of several parts may share it
            encoder = copy.deepcopy(whole.network.encoder(plan.inputs[name]))
            network.part(place).encoders[part.inputs[name]] = encoder
    return StartingPoint(whole.states, network, whole.longest, whole.seconds)


def learn(
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
    ending: Ending,
) -> Stacked:
    """Train every part on each fold's other rows and on all, and fit the heads on the answers out of fold.

    Resumes from what is in `scratch`, to the same bits. ending: where each of the trainings ends before its last step.
    """
    trainer.settle_losses(network, rows, recipe)
    folds = list(_folds(rows, seed))
    # what stays as it is read of pictures takes its time before the trainings share what is left
    rows.encode_fixed()
    validation.encode_fixed()
    end = ending.in_turn(len(network.plan.parts) * (len(folds) + 1))
    history: dict[str, list[float]] = {}
    answers, absent, missing = list[Tensor](), list[Tensor](), dict[int, Tensor]()
    for place, plan in enumerate(network.plan.parts):
        part, names = network.part(place), tuple(plan.inputs)
        own, held = rows.of(names), validation.of(names)
        first = copy.deepcopy(part)
        found, gone = torch.zeros(0), torch.zeros(0)
        for number, (out, rest) in enumerate(folds):
            learner = copy.deepcopy(first)
            some = max(1, round(steps * len(rest) / len(rows)))
            trainer.train(
                learner,
                own.only(rest),
                held,
                recipe,
                steps=some,
                batch=batch,
                seed=seed,
                scratch=scratch / f"part-{place}" / f"fold-{number}",
                progress=OfPart(progress, None),
                ending=end(f"part-{place}/fold-{number}", some),
            )
            with torch.no_grad():
                values = _evidence(learner, own.only(out))  # (rows of the fold, a)
                found = found if len(found) else torch.zeros(len(rows), values.shape[1])
                found[torch.from_numpy(out)] = values
                if place in network.doubted:
                    gone = gone if len(gone) else torch.zeros_like(found)
                    gone[torch.from_numpy(out)] = learner.evidence_of_missing().cpu()
        answers.append(found)
        absent.append(gone)
        if place in network.doubted:
            missing[place] = _missing(part, own)
        trained = trainer.train(
            part,
            own,
            held,
            recipe,
            steps=steps,
            batch=batch,
            seed=seed,
            scratch=scratch / f"part-{place}" / "all",
            progress=OfPart(progress, ", ".join(names)),
            ending=end(", ".join(names), steps),
        )
        history[", ".join(names)] = [score.loss for score in trained.history]
    features, times = _features(answers, absent, missing)
    return Stacked(history, _fit_heads(network, features, times, rows, validation, recipe, scratch, progress))


def step_s(
    network: Network, rows: EncodedRows, recipe: Recipe, batches: Sequence[Places], threads: int
) -> float:
    """Return the seconds of a step of every part on so many threads, timed on these batches; the weights change."""
    return sum(
        trainer.step_s(network.part(place), rows.of(tuple(plan.inputs)), recipe, list(batches), threads)
        for place, plan in enumerate(network.plan.parts)
    )


def _features(
    answers: Sequence[Tensor], absent: Sequence[Tensor], missing: dict[int, Tensor]
) -> tuple[Tensor, int]:
    """Return the heads' features of all rows, then of all rows without each input that may be missing; how often all.

    A row without an input has, out of fold, the answers that the fold's network gives to none.
    """
    blocks = [stacking.beside(answers, missing)]
    for place in missing:
        without = [absent[place] if number == place else one for number, one in enumerate(answers)]
        marks = {one: torch.ones_like(gone) if one == place else gone for one, gone in missing.items()}
        blocks.append(stacking.beside(without, marks))
    return torch.cat(blocks), len(blocks)


def _fit_heads(
    network: Network,
    features: Tensor,
    times: int,
    rows: EncodedRows,
    validation: EncodedRows,
    recipe: Recipe,
    scratch: Path,
    progress: Progress,
) -> dict[str, dict[str, float]]:
    scale = Scale.of(features)
    learned = scale.apply(features)
    standard = scale.apply(_batched(network.eval().features, validation))
    chosen = {}
    with progress.task(str(Phrase("work.fitting-heads")), len(network.outputs)) as task:
        for place, (name, head) in enumerate(network.tasks().items()):
            truths = {array: torch.cat([values] * times) for array, values in rows.truths[name].items()}
            best, _ = linear_fit.fit_best(
                head.task,
                StandardRows(learned, truths),
                StandardRows(standard, validation.truths[name]),
                iterations=_ITERATIONS,
                strengths=linear_fit.STRENGTHS,
                smoothing=recipe.label_smoothing,
                scratch=scratch / f"head-{place}",
            )
            best.into(head, scale)
            chosen[name] = best.as_json()
            task.advance(1, f"{name}: L2 {best.strength:g}")
    return chosen


def _evidence(network: Network, rows: EncodedRows) -> Tensor:
    return _batched(network.eval().evidence, rows)


def _missing(network: Network, rows: EncodedRows) -> Tensor:
    return _batched(lambda arrays: network.missing(arrays).unsqueeze(-1), rows).squeeze(-1)


def _batched(of: Callable[[dict[str, Tensor]], Tensor], rows: EncodedRows) -> Tensor:
    """Return what `of` gives for the arrays of all rows, (n, columns), in batches of like length."""
    found = torch.zeros(0)
    with torch.no_grad():
        for batch in rows.by_length(frozen_features.BATCH):
            values = of(rows.arrays(batch)).cpu()
            found = found if len(found) else torch.zeros(len(rows), values.shape[1])
            found[torch.from_numpy(batch)] = values
    return found


def _folds(rows: EncodedRows, seed: int) -> Iterator[tuple[Places, Places]]:
    """Yield the rows of each fold, and all others; rows with the same text, picture, sound or series are in one fold.

    Raises ProjectError where there are too few rows to leave some out.
    """
    alike = _alike(rows)
    groups, counts = np.unique(alike, return_counts=True)
    count = min(FOLDS, len(groups))
    if count < 2:
        raise ProjectError(Problem("learn.nothing-out-of-fold", rows=len(rows)))
    # each group in turn goes where the fewest rows are
    sizes, of_group = np.zeros(count, np.int64), dict[int, int]()
    rows_of = dict(zip(*(found.tolist() for found in (groups, counts)), strict=True))
    for group in np.random.default_rng([seed, len(rows)]).permutation(groups).tolist():
        of_group[group] = int(sizes.argmin())
        sizes[of_group[group]] += rows_of[group]
    fold = np.array([of_group[group] for group in alike.tolist()], np.int64)
    for number in range(count):
        yield np.flatnonzero(fold == number), np.flatnonzero(fold != number)


def _alike(rows: EncodedRows) -> Places:
    """Return a code of each row, (n,), equal where rows share a value that says which thing they are of."""
    linked = LinkedRows(len(rows))
    for field in rows.signature.inputs:
        if kinds.arrays(field.kind).input_form not in _IDENTIFYING:
            continue
        of_value: dict[int, list[int]] = {}  # by hashes: the values themselves may be large
        for row, value in enumerate(rows.columns[field.name]):
            if value is not None:
                of_value.setdefault(hash(value), []).append(row)
        for shared in of_value.values():
            if len(shared) <= max(2.0, _MOST_ALIKE * len(rows)):
                for row in shared[1:]:
                    linked.link(shared[0], row)
    return linked.codes()
