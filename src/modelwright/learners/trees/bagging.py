"""Several boosters in the place of one, each of other training rows; their mean is answered.

Each keeps a checkpoint of its own. What is drawn at random would be drawn anew after a kill, so that a booster which
draws is kept once it has ended, and begins again where it has not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.learners.contract.ending import TrainingEnd
from modelwright.learners.trees import boosting
from modelwright.learners.trees.boosting import Advance, Boosted, FeatureTable, Params
from modelwright.learners.trees.growth import Growth
from modelwright.learners.trees.onnx_graph import TreeDump


@dataclass(frozen=True)
class Stopping:
    """Most rounds, and rounds without gain after which a booster stops."""

    rounds: int
    patience: int


def name_of(task: str, bag: int, bags: int) -> str:
    """Return what a booster is called: as its task, of several with its number from 1."""
    return task if bags == 1 else f"{task} ({bag + 1})"


def boost(
    params: Params,
    growth: Growth,
    train: FeatureTable,
    validation: FeatureTable,
    stopping: Stopping,
    seed: int,
    checkpoint: Path,
    advance: Callable[[int], Advance],
    end: Callable[[int], TrainingEnd],
) -> list[Boosted]:
    """Return as many boosters as `growth` says, each stopped by validation.

    Of several each learns from all training rows but a fold, where `growth` says so. The fold would do to stop it, too,
    and no better; it may hold rows of the same person or hour as the others, which validation does not. advance, end:
    of a booster, by its number.
    """
    found = []
    for number in range(growth.bags):
        place = checkpoint if number == 0 else checkpoint.with_suffix(f".bag-{number}.json")
        learned = train
        if growth.leaves_out:
            learned = _rows(train, _folds(len(train), growth.bags, seed) != number)
        found.append(
            boosting.boost(
                {**params, **growth.params(), "seed": (seed + number) % 2**31},
                learned,
                validation,
                rounds=stopping.rounds,
                patience=stopping.patience,
                checkpoint=place,
                advance=advance(number),
                draws=growth.is_drawn,
                end=end(number),
            )
        )
    return found


def raw_answers(texts: Sequence[str], features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the boosters' sums, (n, trees a round)."""
    sums = [boosting.raw_answers(text, features) for text in texts]
    found: NDArray[np.float64] = sums[0] if len(sums) == 1 else np.mean(sums, axis=0)
    return found


def left_out_answers(texts: Sequence[str], train: FeatureTable, seed: int) -> NDArray[np.float64]:
    """Return the sum (n,) of each training row by the booster without it; one alone has learned from all."""
    if len(texts) == 1:
        return boosting.raw_answers(texts[0], train.features)[:, 0]
    fold, found = _folds(len(train), len(texts), seed), np.zeros(len(train))
    for number, text in enumerate(texts):
        found[fold == number] = boosting.raw_answers(text, train.features[fold == number])[:, 0]
    return found


def _folds(rows: int, count: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of each row, (n,), all as large."""
    places: NDArray[np.int64] = np.random.default_rng([seed, rows]).permutation(rows) % count
    return places


def dump(texts: Sequence[str]) -> TreeDump:
    """Return the trees of all boosters as one booster's, whose sum is the mean of theirs."""
    dumps: list[dict[str, Any]] = [boosting.dump(text) for text in texts]
    if len(dumps) == 1:
        return dumps[0]
    for one in dumps:
        for tree in one["tree_info"]:
            _divide(tree["tree_structure"], len(dumps))
    return {"tree_info": [tree for one in dumps for tree in one["tree_info"]]}


def _divide(root: dict[str, Any], by: int) -> None:
    """Divide the leaves; a leaf-wise tree may be deeper than the call stack."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if "leaf_value" in node:
            node["leaf_value"] /= by
        else:
            waiting += [node["left_child"], node["right_child"]]


def _rows(table: FeatureTable, which: NDArray[np.bool_]) -> FeatureTable:
    return replace(table, features=table.features[which], targets=table.targets[which])
