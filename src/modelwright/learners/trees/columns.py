"""What boosted trees make of a signature: columns of features, and the boosters of each output.

An output of the forms code, flag and scalar has one booster; a set has one for each of its members, because
each is a question of its own (binary relevance; Tsoumakas and Katakis 2007, section 2.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Array, Form
from modelwright.learners import known_truths
from modelwright.learners.trees.boosting import FeatureTable
from modelwright.learners.trees.onnx_graph import Answers, Feature, Forest, TreeDump
from modelwright.storage.formats.examples import Examples

_BINARY = {"objective": "binary", "metric": "binary_logloss"}
_REGRESSION = {"objective": "regression", "metric": "rmse"}


@dataclass(frozen=True)
class BoosterTask:
    """How one booster is learned, and where its trees' sums go in the output's array.

    objective: LightGBM's; member: the column of the output's truths that it learns from, None where they are (n,);
    targets: the columns of the output's array that the trees of a round add to.
    """

    field: Field
    objective: Mapping[str, object]
    member: int | None = None
    targets: Sequence[int] = (0,)

    @property
    def name(self) -> str:
        """Return what a progress bar and the history call it: the output, and the member of a set."""
        return self.field.name if self.member is None else f"{self.field.name}[{self.member}]"


@dataclass(frozen=True)
class Output:
    """One output of the signature: its array (n,) or, with `columns`, (n, columns), and the boosters behind it."""

    field: Field
    array: str
    columns: int | None
    tasks: Sequence[BoosterTask]

    def arrays(self, sums: Sequence[NDArray[np.float64]]) -> dict[str, Array]:
        """Return the output's array, float32, from the sums (n, trees a round) of each booster."""
        answers = np.zeros((len(sums[0]), self.columns or 1), np.float32)
        for task, found in zip(self.tasks, sums, strict=True):
            answers[:, list(task.targets)] = found
        return {self.array: answers if self.columns is not None else answers[:, 0]}

    def answers(self, dumps: Sequence[TreeDump]) -> Answers:
        """Return the output of a graph that answers as the boosters behind `dumps` do."""
        forests = [Forest(dump, task.targets) for task, dump in zip(self.tasks, dumps, strict=True)]
        return Answers(f"{self.field.name}.{self.array}", forests, self.columns)


def booster(learned: Path, place: int) -> Path:
    """Return where a folder of learned trees keeps a booster, as LightGBM's text; they are counted over all outputs."""
    return learned / f"booster-{place}.txt"


def outputs(signature: Signature, states: Mapping[str, object]) -> list[Output]:
    """Return the outputs in the signature's order."""
    return [_output(field, states[field.name]) for field in signature.outputs]


def _output(field: Field, state: object) -> Output:
    kind = kinds.arrays(field.kind)
    answers = kind.answers(state)
    match kind.output_form:
        case Form.FLAG:
            return Output(field, "logit", None, [BoosterTask(field, _BINARY)])
        case Form.SCALAR:
            return Output(field, "value", None, [BoosterTask(field, _REGRESSION)])
        case Form.CODE:
            classes = _columns(answers["logits"].shape)
            if classes == 2:  # one tree per round, for the logit of the second class; that of the first is 0
                return Output(field, "logits", 2, [BoosterTask(field, _BINARY, targets=(1,))])
            many = {"objective": "multiclass", "metric": "multi_logloss", "num_class": classes}
            return Output(field, "logits", classes, [BoosterTask(field, many, targets=range(classes))])
        case Form.SET:
            members = _columns(answers["logits"].shape)
            each = [BoosterTask(field, _BINARY, one, (one,)) for one in range(members)]
            return Output(field, "logits", members, each)
        case form:
            raise AssertionError(f"trees answer no {form}")


def _columns(shape: Sequence[str | int]) -> int:
    _, columns = shape
    assert isinstance(columns, int)
    return columns


def features(signature: Signature, states: Mapping[str, object]) -> list[Feature]:
    """Return the arrays that features are made of: the inputs in the signature's order, each with its kind's arrays."""
    found = []
    for field in signature.inputs:
        for array, spec in kinds.arrays(field.kind).specs(states[field.name]).items():
            columns = _columns(spec.shape) if len(spec.shape) > 1 else None
            found.append(
                Feature(f"{field.name}.{array}", spec.dtype, columns, is_code=spec.codes is not None)
            )
    return found


def encode(
    signature: Signature, states: Mapping[str, object], columns: Mapping[str, Sequence[object]]
) -> dict[str, Array]:
    """Return the input arrays by name, as a graph takes them."""
    return {
        f"{field.name}.{array}": values
        for field in signature.inputs
        for array, values in kinds.arrays(field.kind).encode(columns[field.name], states[field.name]).items()
    }


def matrix(encoded: Mapping[str, Array], features: Sequence[Feature]) -> NDArray[np.float64]:
    """Return the features (n, columns of all arrays): an array (n,) is one column, (n, d) is d of them.

    In float64, as LightGBM compares them: in float32, ids above 2²⁴ and timestamps in ms would be one value.
    """
    return np.column_stack([encoded[feature.name].astype(np.float64) for feature in features])


def table(
    task: BoosterTask,
    examples: Examples,
    encoded: Mapping[str, Array],
    states: Mapping[str, object],
    features: Sequence[Feature],
) -> FeatureTable:
    """Return the rows whose truth is known."""
    targets = known_truths.truths(task.field, examples, states)
    if task.member is not None:
        targets = targets[:, task.member]
    known = known_truths.known(targets)
    return FeatureTable(matrix(encoded, features)[known], targets[known], code_columns(features))


def code_columns(features: Sequence[Feature]) -> list[int]:
    """Return the columns of `matrix` that hold codes."""
    found, column = [], 0
    for feature in features:
        found += [column] if feature.is_code else []
        column += feature.columns or 1
    return found
