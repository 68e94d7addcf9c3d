"""What boosted trees make of a signature: columns of features, and one task an output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.messages import DataError, Problem
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Array
from modelwright.learners.trees.boosting import Table
from modelwright.learners.trees.onnx_graph import Answers, Feature
from modelwright.storage.formats.rows import Examples

COLUMN_KINDS = frozenset({"number", "category", "boolean"})  # kinds whose arrays are one column each


@dataclass(frozen=True)
class Task:
    """How one output is learned: LightGBM's objective, and where its trees' sums go in the output's array."""

    field: Field
    array: str
    objective: Mapping[str, Any]
    targets: Sequence[int] = (0,)  # the column that each tree of a round adds to
    columns: int | None = None  # None: the array is (batch,)

    def arrays(self, sums: NDArray[np.float64]) -> dict[str, Array]:
        """Return the output's array, float32, from the sums (n, trees a round)."""
        answers = np.zeros((len(sums), self.columns or 1), np.float32)
        answers[:, list(self.targets)] = sums
        return {self.array: answers if self.columns is not None else answers[:, 0]}

    def answers(self, dump: Mapping[str, Any]) -> Answers:
        """Return the output of a graph that answers as the booster behind `dump` does."""
        return Answers(f"{self.field.name}.{self.array}", dump, self.targets, self.columns)


def booster(learned: Path, place: int) -> Path:
    """Return where a folder of learned trees keeps the booster of an output, as LightGBM's text."""
    return learned / f"booster-{place}.txt"


def booster_text(learned: Path, place: int) -> str:
    """Return the booster of an output as LightGBM's text."""
    return booster(learned, place).read_text(encoding="utf-8")


def tasks(signature: Signature, states: Mapping[str, Any]) -> list[Task]:
    return [_task(field, states[field.name]) for field in signature.outputs]


def require_truths(signature: Signature, train: Examples) -> None:
    """Raise DataError unless training shows both truth values, and a number, of outputs that are such."""
    problems = []
    for field in signature.outputs:
        seen = {value for value in train.columns[field.name] if value is not None}
        fewest = 2 if field.kind == "boolean" else 1
        if len(seen) < fewest:
            problems.append(
                Problem(
                    "learn.nothing-to-tell-apart",
                    rule=f"training shows both values of `{field}`"
                    if fewest == 2
                    else f"`{field}` has values",
                    found=f"{len(train)} training rows with {', '.join(map(str, seen)) or 'no value'}",
                    next_step=f"add rows with another `{field.name}`, or look at the column it is read from",
                )
            )
    if problems:
        raise DataError(problems)


def _task(field: Field, state: Any) -> Task:
    binary = {"objective": "binary", "metric": "binary_logloss"}
    if field.kind == "boolean":
        return Task(field, "logit", binary)
    if field.kind == "number":
        return Task(field, "value", {"objective": "regression", "metric": "rmse"})
    classes = len(state.classes)
    if classes == 2:  # one tree a round, for the logit of the second class; that of the first is 0
        return Task(field, "logits", binary, targets=(1,), columns=2)
    many = {"objective": "multiclass", "metric": "multi_logloss", "num_class": classes}
    return Task(field, "logits", many, targets=range(classes), columns=classes)


def features(signature: Signature, states: Mapping[str, Any]) -> list[Feature]:
    """Return the columns: the inputs in the signature's order, each with its kind's arrays in theirs."""
    return [
        Feature(f"{field.name}.{array}", spec.dtype)
        for field in signature.inputs
        for array, spec in kinds.arrays(field.kind).specs(states[field.name]).items()
    ]


def encode(
    signature: Signature, states: Mapping[str, Any], columns: Mapping[str, Sequence[Any]]
) -> dict[str, Array]:
    return {
        f"{field.name}.{array}": values
        for field in signature.inputs
        for array, values in kinds.arrays(field.kind).encode(columns[field.name], states[field.name]).items()
    }


def matrix(encoded: Mapping[str, Array], features: Sequence[Feature]) -> NDArray[np.float32]:
    return np.stack([encoded[feature.name].astype(np.float32) for feature in features], axis=1)


def table(
    task: Task,
    examples: Examples,
    encoded: Mapping[str, Array],
    states: Mapping[str, Any],
    features: Sequence[Feature],
) -> Table:
    """Return the rows whose truth is known."""
    field = task.field
    truth = kinds.arrays(field.kind).encode_truth(
        examples.columns[field.name], examples.columns, states[field.name]
    )
    (targets,) = truth.values()
    known = ~np.isnan(targets) if field.kind == "number" else targets >= 0
    classes = [place for place, feature in enumerate(features) if feature.is_class]
    return Table(matrix(encoded, features)[known], targets[known], classes)
