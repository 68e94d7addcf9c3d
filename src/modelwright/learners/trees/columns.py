"""What boosted trees make of a signature: columns of features, and the boosters of each output.

An output of the forms code, flag and scalar has one booster; a set has one for each of its members, because
each is a question of its own (binary relevance; Tsoumakas and Katakis 2007, section 2.2). A series has one for all of
its steps (see `ahead`); its quantiles are all the median, and calibration on validation makes an interval of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Array, Form
from modelwright.learners import known_truths
from modelwright.learners.trees import ahead
from modelwright.learners.trees.ahead import Ahead
from modelwright.learners.trees.boosting import FeatureTable
from modelwright.learners.trees.onnx_graph import Answers, Feature, Forest, TreeDump
from modelwright.storage.formats.examples import Examples

NOTE, AHEAD = "learned.json", "ahead"
_BINARY = {"objective": "binary", "metric": "binary_logloss"}
_REGRESSION = {"objective": "regression", "metric": "rmse"}
_MEDIAN = {"objective": "regression_l1", "metric": "l1"}  # the absolute error is least at the median


@dataclass(frozen=True)
class BoosterTask:
    """How one booster is learned, and where its trees' sums go in the output's array.

    objective: LightGBM's; member: the column of the output's truths that it learns from, None where they are (n,);
    targets: the columns of the output's array that the trees of a round add to; ahead: the steps of a series.
    """

    field: Field
    objective: Mapping[str, object]
    member: int | None = None
    targets: Sequence[int] = (0,)
    ahead: Ahead | None = None

    @property
    def name(self) -> str:
        """Return what a progress bar and the history call it: the output, and the member of a set."""
        return self.field.name if self.member is None else f"{self.field.name}[{self.member}]"


@dataclass(frozen=True)
class Output:
    """One output of the signature: its array (n,) or, with `columns`, (n, columns), and the boosters behind it.

    ahead: of a series, whose array is (n, h, columns).
    """

    field: Field
    array: str
    columns: int | None
    tasks: Sequence[BoosterTask]
    ahead: Ahead | None = None

    def arrays(self, sums: Sequence[NDArray[np.float64]]) -> dict[str, Array]:
        """Return the output's array, float32, from the sums (n, trees a round) of each booster."""
        if self.ahead is not None:
            medians = sums[0].astype(np.float32).reshape(-1, self.ahead.steps, 1)
            return {self.array: np.repeat(medians, self.columns or 1, axis=2)}
        answers = np.zeros((len(sums[0]), self.columns or 1), np.float32)
        for task, found in zip(self.tasks, sums, strict=True):
            answers[:, list(task.targets)] = found
        return {self.array: answers if self.columns is not None else answers[:, 0]}

    def answers(self, dumps: Sequence[TreeDump]) -> Answers:
        """Return the output of a graph that answers as the boosters behind `dumps` do."""
        forests = [Forest(dump, task.targets) for task, dump in zip(self.tasks, dumps, strict=True)]
        return Answers(f"{self.field.name}.{self.array}", forests, self.columns, self.ahead)


def booster(learned: Path, place: int) -> Path:
    """Return where a folder of learned trees keeps a booster, as LightGBM's text; they are counted over all outputs."""
    return learned / f"booster-{place}.txt"


def read_aheads(learned: Path) -> dict[str, Ahead]:
    """Return how the outputs that are series were learned."""
    found = json.loads((learned / NOTE).read_text("utf-8")).get(AHEAD, {})
    return {name: Ahead.read(one) for name, one in found.items()}


def outputs(signature: Signature, states: Mapping[str, object], aheads: Mapping[str, Ahead]) -> list[Output]:
    """Return the outputs in the signature's order; aheads: of those that are series."""
    return [_output(field, states[field.name], aheads.get(field.name)) for field in signature.outputs]


def aheads_of(
    signature: Signature, states: Mapping[str, object], train: Examples, encoded: Mapping[str, Array]
) -> dict[str, Ahead]:
    """Return how each output that is a series is learned, by training rows."""
    specs = {
        f"{field.name}.{array}": spec
        for field in signature.inputs
        if kinds.arrays(field.kind).input_form is Form.SERIES
        for array, spec in kinds.arrays(field.kind).specs(states[field.name]).items()
    }
    turns = ahead.turns_of(
        _circles(signature, states), None if train.windows is None else train.windows.step_s
    )
    return {
        field.name: ahead.choose(specs, encoded, known_truths.truths(field, train, states), turns)
        for field in signature.outputs
        if kinds.arrays(field.kind).output_form is Form.SERIES
    }


def _circles(signature: Signature, states: Mapping[str, object]) -> list[tuple[int, float]]:
    """Return what comes round again among the features that are no series: column of the sine, seconds of a turn."""
    found, column = [], 0
    for field in signature.inputs:
        for spec in kinds.arrays(field.kind).specs(states[field.name]).values():
            sizes = [axis for axis in spec.shape[1:] if isinstance(axis, int)]
            if len(sizes) < 2:
                found += [(column + place, seconds) for place, seconds in spec.circles]
                column += math.prod(sizes)
    return found


def _output(field: Field, state: object, steps: Ahead | None) -> Output:
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
        case Form.SERIES:
            assert steps is not None, "a series has steps"
            _, _, quantiles = answers["quantiles"].shape
            assert isinstance(quantiles, int)
            return Output(field, "quantiles", quantiles, [BoosterTask(field, _MEDIAN, ahead=steps)], steps)
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
            shape = tuple(axis for axis in spec.shape[1:] if isinstance(axis, int))
            assert len(shape) == len(spec.shape) - 1, f"an array of {spec.shape} has no fixed width"
            found.append(Feature(f"{field.name}.{array}", spec.dtype, shape, is_code=spec.codes is not None))
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
    """Return the features (n, columns of all arrays): an array (n,) is one column, (n, d) is d of them, (n, t, c) t·c.

    In float64, as LightGBM compares them: in float32, ids above 2²⁴ and timestamps in ms would be one value.
    """
    rows = len(next(iter(encoded.values())))
    parts = [encoded[feature.name].reshape(rows, feature.columns).astype(np.float64) for feature in features]
    return np.concatenate([np.empty((rows, 0)), *parts], axis=1)


def matrix_of(
    task: BoosterTask, encoded: Mapping[str, Array], features: Sequence[Feature]
) -> NDArray[np.float64]:
    """Return the features of a booster: those of `matrix`; of a series (n·h, k), a row a step."""
    if task.ahead is None:
        return matrix(encoded, features)
    return task.ahead.matrix(matrix(encoded, no_series(features)), encoded)


def no_series(features: Sequence[Feature]) -> list[Feature]:
    """Return the features that are no series."""
    return [feature for feature in features if len(feature.shape) < 2]


def table(
    task: BoosterTask,
    examples: Examples,
    encoded: Mapping[str, Array],
    states: Mapping[str, object],
    features: Sequence[Feature],
) -> FeatureTable:
    """Return the rows whose truth is known."""
    targets = known_truths.truths(task.field, examples, states)
    if task.ahead is not None:
        return step_table(task, targets, encoded, features, np.arange(len(targets)))
    if task.member is not None:
        targets = targets[:, task.member]
    known = known_truths.known(targets)
    return FeatureTable(matrix(encoded, features)[known], targets[known], code_columns(features))


def step_table(
    task: BoosterTask,
    targets: Array,
    encoded: Mapping[str, Array],
    features: Sequence[Feature],
    rows: NDArray[np.int64],
) -> FeatureTable:
    """Return a row a step of some rows, of those steps whose truth is known; targets: (n, h)."""
    assert task.ahead is not None, "a series has steps"
    some = rows[ahead.spaced(len(rows), task.ahead.steps)]
    steps = targets[some].reshape(-1)  # (n, h) → (n·h,)
    known = known_truths.known(steps)
    of_rows = {name: array[some] for name, array in encoded.items()}
    found = matrix_of(task, of_rows, features)[known]
    return FeatureTable(found, steps[known], code_columns(no_series(features)))


def code_columns(features: Sequence[Feature]) -> list[int]:
    """Return the columns of `matrix` that hold codes."""
    found, column = [], 0
    for feature in features:
        found += [column] if feature.is_code else []
        column += feature.columns
    return found
