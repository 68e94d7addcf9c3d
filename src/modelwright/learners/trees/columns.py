"""What boosted trees make of a signature: columns of features, and the boosters of each output.

An output of the forms code, flag and scalar has one booster; a set has one for each of its members, because
each is a question of its own (binary relevance; Tsoumakas and Katakis 2007, section 2.2). A series has one for all of
its steps (see `ahead`); its quantiles are all the median, and calibration on validation makes an interval of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Array, Form
from modelwright.learners import known_truths, logarithms
from modelwright.learners.contract.aim import Aim
from modelwright.learners.logarithms import Logarithm
from modelwright.learners.trees import ahead
from modelwright.learners.trees.ahead import Ahead
from modelwright.learners.trees.boosting import FeatureTable
from modelwright.learners.trees.onnx_graph import Answers, Feature, Forest, TreeDump
from modelwright.learners.trees.spec import Codes
from modelwright.storage.formats.examples import Examples

NOTE, AHEAD, LOGARITHMS, BAGS, CODES = "learned.json", "ahead", "logarithms", "bags", "codes"
_FEWEST_IN_ORDER = 3  # classes; of two, a set is a threshold
_BINARY = {"objective": "binary", "metric": "binary_logloss"}
_REGRESSION = {"objective": "regression", "metric": "rmse"}
_LEAST_AMOUNT = 1e-6  # in deviations of the output
_MEDIAN = {"objective": "regression_l1", "metric": "l1"}  # the absolute error is least at the median


@dataclass(frozen=True)
class BoosterTask:
    """How one booster is learned, and where its trees' sums go in the output's array.

    objective: LightGBM's; member: the column of the output's truths that it learns from, None where they are (n,);
    targets: the columns of the output's array that the trees of a round add to; ahead: the steps of a series;
    logarithm: how numbers are learned as theirs.
    """

    field: Field
    objective: Mapping[str, object]
    member: int | None = None
    targets: Sequence[int] = (0,)
    ahead: Ahead | None = None
    logarithm: Logarithm | None = None

    @property
    def name(self) -> str:
        """Return what a progress bar and the history call it: the output, and the member of a set."""
        return self.field.name if self.member is None else f"{self.field.name}[{self.member}]"

    @property
    def is_of_numbers(self) -> bool:
        """Tell whether numbers are answered, and not chances of classes."""
        return self.objective in (_REGRESSION, _MEDIAN)


@dataclass(frozen=True)
class Output:
    """One output of the signature: its array (n,) or, with `columns`, (n, columns), and the boosters behind it.

    ahead: of a series, whose array is (n, h, columns); logarithm: how sums become numbers.
    """

    field: Field
    array: str
    columns: int | None
    tasks: Sequence[BoosterTask]
    ahead: Ahead | None = None
    logarithm: Logarithm | None = None

    def arrays(self, sums: Sequence[NDArray[np.float64]]) -> dict[str, Array]:
        """Return the output's array, float32, from the sums (n, trees a round) of each booster."""
        if self.ahead is not None:
            medians = sums[0].astype(np.float32).reshape(-1, self.ahead.steps, 1)
            return {self.array: np.repeat(medians, self.columns or 1, axis=2)}
        if self.logarithm is not None:
            return {self.array: self.logarithm.restored(sums[0][:, 0]).astype(np.float32)}
        answers = np.zeros((len(sums[0]), self.columns or 1), np.float32)
        for task, found in zip(self.tasks, sums, strict=True):
            answers[:, list(task.targets)] = found
        return {self.array: answers if self.columns is not None else answers[:, 0]}

    def answers(self, dumps: Sequence[TreeDump]) -> Answers:
        """Return the output of a graph that answers as the boosters behind `dumps` do."""
        forests = [Forest(dump, task.targets) for task, dump in zip(self.tasks, dumps, strict=True)]
        return Answers(f"{self.field.name}.{self.array}", forests, self.columns, self.ahead, self.logarithm)


def booster(learned: Path, place: int, bag: int = 0) -> Path:
    """Return where a folder of learned trees keeps a booster, as LightGBM's text; they are counted over all outputs.

    bag: of several boosters whose mean is answered, which one.
    """
    return learned / (f"booster-{place}.txt" if bag == 0 else f"booster-{place}-{bag}.txt")


@dataclass(frozen=True)
class LearnedOutput:
    """An output as it was learned: the texts of the boosters of each task, of which the mean is answered."""

    output: Output
    texts: Sequence[Sequence[str]]


def read_outputs(learned: Path, signature: Signature, states: Mapping[str, object]) -> list[LearnedOutput]:
    """Return the outputs of a folder of learned trees."""
    note = json.loads((learned / NOTE).read_text("utf-8"))
    aheads = {name: Ahead.read(one) for name, one in note.get(AHEAD, {}).items()}
    by_logarithm = {name: Logarithm(**one) for name, one in note.get(LOGARITHMS, {}).items()}
    bags, place, found = note.get(BAGS, {}), 0, []
    for output in outputs(signature, states, aheads, by_logarithm):
        texts = []
        for task in output.tasks:
            paths = (booster(learned, place, bag) for bag in range(bags.get(task.name, 1)))
            texts.append([path.read_text("utf-8") for path in paths])
            place += 1
        found.append(LearnedOutput(output, texts))
    return found


def outputs(
    signature: Signature,
    states: Mapping[str, object],
    aheads: Mapping[str, Ahead],
    by_logarithm: Mapping[str, Logarithm],
    aim: Aim = "mean",
) -> list[Output]:
    """Return the outputs in the signature's order; aheads: of those that are series; aim: of numbers."""
    return [
        _output(field, states[field.name], aheads.get(field.name), by_logarithm.get(field.name), aim)
        for field in signature.outputs
    ]


def logarithms_of(
    signature: Signature, states: Mapping[str, object], train: Examples, *, insists: bool | None, aim: Aim
) -> dict[str, Logarithm]:
    """Return how outputs are learned as their logarithm, by training rows, for those that are."""
    found = {
        field.name: logarithms.decided(
            field,
            states[field.name],
            known_truths.truths(field, train, states),
            insists=insists,
            median=aim == "median",
        )
        for field in signature.outputs
    }
    return {name: one for name, one in found.items() if one is not None}


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


def _output(
    field: Field, state: object, steps: Ahead | None, logarithm: Logarithm | None, aim: Aim
) -> Output:
    kind = kinds.arrays(field.kind)
    answers = kind.answers(state)
    match kind.output_form:
        case Form.FLAG:
            return Output(field, "logit", None, [BoosterTask(field, _BINARY)])
        case Form.SCALAR:
            objective = _MEDIAN if aim == "median" else _REGRESSION
            task = BoosterTask(field, objective, logarithm=logarithm)
            return Output(field, "value", None, [task], logarithm=logarithm)
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


def read_features(learned: Path, signature: Signature, states: Mapping[str, object]) -> list[Feature]:
    """Return the features of a folder of learned trees."""
    note = json.loads((learned / NOTE).read_text("utf-8"))
    return features(signature, states, note.get(CODES, "sets"))


def features(signature: Signature, states: Mapping[str, object], codes: Codes) -> list[Feature]:
    """Return the arrays that features are made of: the inputs in the signature's order, each with its kind's arrays.

    Where codes are split by sets and in their order, what is in order stands behind all others.
    """
    found, behind = [], []
    for field in signature.inputs:
        for array, spec in kinds.arrays(field.kind).specs(states[field.name]).items():
            shape = tuple(axis for axis in spec.shape[1:] if isinstance(axis, int))
            assert len(shape) == len(spec.shape) - 1, f"an array of {spec.shape} has no fixed width"
            feature = Feature(f"{field.name}.{array}", spec.dtype, shape, is_code=spec.codes is not None)
            in_order = replace(feature, is_code=False, ranks=spec.ranks)
            if codes == "sets" or len(spec.ranks) <= _FEWEST_IN_ORDER:
                found.append(feature)
            elif codes == "order":
                found.append(in_order)
            else:
                found.append(feature)
                behind.append(in_order)
    return [*found, *behind]


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
    parts = [
        _split(encoded[feature.name], feature).reshape(rows, feature.columns).astype(np.float64)
        for feature in features
    ]
    return np.concatenate([np.empty((rows, 0)), *parts], axis=1)


def _split(array: Array, feature: Feature) -> Array:
    return np.array(feature.ranks)[array] if feature.ranks else array


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
    there = targets[known]
    if task.logarithm is not None:
        # validation may hold an amount at or below 0, which training has not: it is taken for a very small one
        there = np.log(np.maximum(there.astype(np.float64) - task.logarithm.zero, _LEAST_AMOUNT))
    return FeatureTable(matrix(encoded, features)[known], there, code_columns(features))


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
