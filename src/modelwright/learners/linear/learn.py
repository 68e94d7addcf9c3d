"""Linear and logistic regression (scikit-learn) on columns, and on TF-IDF of words and characters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from scipy.sparse import csr_matrix

from modelwright import kinds
from modelwright.core import progress as progress_of
from modelwright.core.messages import Notice, Phrase
from modelwright.core.progress import PENALTY, VALIDATION_LOSS, LearningPoint, Progress, ProgressTask
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Array, ArraySpec, Form
from modelwright.learners import kind_states, known_truths, logarithms, readable_texts, time_folds, timing
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.linear import fits, lines
from modelwright.learners.linear.fits import Regression, Target
from modelwright.learners.linear.lines import Line
from modelwright.learners.linear.ridge_columns import ColumnsRegression
from modelwright.learners.linear.spec import LinearOptions, LinearSpec, LinearTraining
from modelwright.learners.logarithms import Logarithm
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import Machine

_MOST_ITERATIONS, _FEWEST_ITERATIONS = 200, 10  # of L-BFGS, a strength
_TYPICAL_ITERATIONS, _TYPICAL_FITS = 30, 3  # that a fit takes until it has settled; strengths that are tried
_TIMED_ROWS, _TIMED_ITERATIONS, _TIMED_REQUESTS = 1000, 4, 10
_HELD_SHARE = 0.3  # validation rows for each training row, which a forecast does not see
_BARE_BYTES = 2000  # of a package, beside weights and states
_GRAPH_S = 5e-5  # to run a graph that multiplies a few numbers, beside encoding the row
_ARRAY_S = 1e-5  # to read a value and to hand an array of it to the graph (11 and 6 µs of a number, seen)


class LinearLearn(Learn[Rows]):
    """Fits one line for each output."""

    def forecast(
        self,
        signature: Signature,
        data: Rows,
        options: BaseModel,
        training: BaseModel,
        pretrained: Mapping[str, Path],
        machine: Machine,
        budget_s: float,
    ) -> Estimate:
        """Time the states, the features of some rows, and a few iterations on them."""
        assert isinstance(options, LinearOptions)
        assert isinstance(training, LinearTraining)
        train, started = data.train, timing.now_s()
        states = _states(signature, train, options)
        known_truths.require(signature, states, train)
        parts = lines.blocks(signature, states)
        states_s, rows = timing.now_s() - started, len(train)
        some = _some(train, _TIMED_ROWS)
        started = timing.now_s()
        design = lines.design(parts, states, some.columns)
        encode_s = (timing.now_s() - started) / len(some) * rows * (1 + _HELD_SHARE)
        iteration_s = _iteration_s(signature, states, some, design, rows)
        tried = 1 if training.weight_decay is not None else _TYPICAL_FITS
        left = max(0.0, budget_s - states_s - encode_s) / (iteration_s * tried)
        steps = training.epochs or int(min(_MOST_ITERATIONS, max(_FEWEST_ITERATIONS, left)))
        width = sum(part.width for part in parts)
        columns = sum(_columns(field, states[field.name]) or 1 for field in signature.outputs)
        weights = 4 * width * columns
        return Estimate(
            steps=steps,
            batch=rows,
            epochs=float(steps),  # an iteration goes over all rows
            seconds=states_s + encode_s + min(steps, _TYPICAL_ITERATIONS) * tried * iteration_s,
            # L-BFGS keeps ten pairs of steps and gradients, float64 in the worst case
            memory_bytes=peak_memory_bytes() + 12 * 20 * design.nnz * rows // len(some) // 20 + 40 * weights,
            package_bytes=weights + kind_states.packed_bytes(signature, states) + _BARE_BYTES,
            latency_s=_latency_s(parts, states, some),
            why=Phrase(
                "linear.why", width=width, rows=rows, iteration_ms=iteration_s * 1e3, iterations=steps
            ),
            warnings=(
                *_logarithm_notices(signature, states, train, options),
                *readable_texts.lost_values(signature, states, train.columns, LinearSpec.inputs),
            ),
        )

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Fit one output after the other, and calibrate each on validation."""
        options, training = setup.options, setup.training
        assert isinstance(options, LinearOptions)
        assert isinstance(training, LinearTraining)
        states = _states(signature, data.train, options)
        known_truths.require(signature, states, data.train)
        parts = lines.blocks(signature, states)
        with progress.task(str(Phrase("work.reading-columns")), 2) as task:
            train = lines.design(parts, states, data.train.columns)
            task.advance(1)
            held = lines.design(parts, states, data.held.columns)
            task.advance(1)
        scale = _scale(train, parts)
        train, standard = train.multiply(1 / scale).tocsr(), held.multiply(1 / scale).tocsr()
        fitted: list[Line] = []
        history: dict[str, object] = {}
        chosen: dict[str, float] = {}
        for field in signature.outputs:
            name, truth = field.name, known_truths.truths(field, data.train, states)
            logarithm = logarithms.decided(
                field,
                states[field.name],
                truth,
                insists=options.logarithm,
                median=options.aim == "median",
            )
            target = Target(train, truth, standard, known_truths.truths(field, data.held, states))
            regression = _regression(field, states, logarithm)
            strengths = regression().strengths if training.weight_decay is None else (training.weight_decay,)
            with progress.task(str(Phrase("work.fitting-line", output=name)), len(strengths)) as task:
                best, tried = fits.best(regression, target, strengths, setup.steps, _shown(task, name))
                kept = [one.strength for one in tried].index(best.strength) + 1
                progress_of.record(task, LearningPoint(kept, of=name, unit="fit", kept=True))
            weights, bias = best.weights
            if logarithm is not None and options.aim != "median":
                there = known_truths.known(truth)
                line_of_train = train[there] @ weights[:, 0] + bias[0]
                logarithm = logarithm.smeared(line_of_train, logarithm.of(truth[there]))
            line = Line(
                name,
                *_array(field),
                (weights / scale.reshape(-1, 1)).astype(np.float32),
                bias.astype(np.float32),
                logarithm,
                _quantiles(field, states[name]),
            )
            answers, shown = line.answers(held), data.held.columns
            kind = kinds.arrays(field.kind)
            if line.quantiles is not None:
                out_of_fold = [
                    _of_fold(line.quantiles, regression(), target, rows, rest, best.strength, setup.steps)
                    for rows, rest in time_folds.parts(len(data.train))
                ]
                if out_of_fold:
                    answers = np.concatenate([*out_of_fold, answers])
                    shown = {one: [*data.train.columns[one], *column] for one, column in shown.items()}
            states[name] = kind.calibrate_out_of_fold(
                {line.array: answers}, shown[name], states[name], shown, len(data.held)
            )
            fitted.append(line)
            chosen[name] = best.strength
            history[name] = [{"l2": one.strength, "loss": one.loss} for one in tried]
        lines.write(out, setup.learner, signature, states, fitted, chosen)
        by_logarithm = [line.name for line in fitted if line.logarithm is not None]
        return {"history": history, "chosen": chosen, "logarithms": by_logarithm}

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Answer with products of sparse matrices."""
        signature, states, fitted = lines.read(learned)
        design = lines.design(lines.blocks(signature, states), states, inputs)
        return {line.name: {line.array: line.answers(design)} for line in fitted}


def _shown(task: ProgressTask, name: str) -> Callable[[fits.FittedLine], None]:
    """Return what shows and records each fit of an output's line."""
    numbers = itertools.count(1)

    def advance(fitted: fits.FittedLine) -> None:
        figures = {PENALTY: fitted.strength}
        if fitted.loss is not None and math.isfinite(fitted.loss):
            figures[VALIDATION_LOSS] = fitted.loss
        task.advance(1)
        progress_of.seen(task, figures)
        progress_of.record(task, LearningPoint(next(numbers), figures, name, "fit"))

    return advance


def _of_fold(
    quantiles: int,
    regression: Regression,
    target: Target,
    rows: time_folds.Places,
    rest: time_folds.Places,
    strength: float,
    iterations: int,
) -> Array:
    """Return what a line through the rest of the training rows answers to some of them: (n, h, q)."""
    weights, bias = regression.fit(target.train[rest], target.truth[rest], strength, iterations)
    lines_of_rows = np.asarray(target.train[rows] @ weights + bias, np.float32)
    return np.repeat(lines_of_rows[:, :, None], quantiles, axis=2)


def _iteration_s(
    signature: Signature, states: Mapping[str, object], some: Examples, design: csr_matrix, rows: int
) -> float:
    """Return the CPU seconds of an iteration over so many rows, all outputs together; never 0.

    It is a + b · rows: b for the products with the rows, a for the weights, of which a text has many. Timed on all of
    `some` and on a quarter of them, which tells the two apart.
    """
    few, many = max(1, len(some) // 4), len(some)
    took = []
    for count in (few, many):
        seconds = 0.0
        for field in signature.outputs:
            truth = known_truths.truths(field, some, states)[:count]
            if len(np.unique(truth[known_truths.known(truth)])) > 1:
                line = _regression(field, states, None)()
                fitted = partial(line.fit, design[:count], truth, 1.0, _TIMED_ITERATIONS)
                # what is solved at once takes as long as it takes, however many iterations are allowed
                seconds += timing.least_s(fitted, 1) / (
                    _TIMED_ITERATIONS if line.iterative else _TYPICAL_ITERATIONS
                )
        took.append(seconds)
    slope = max(0.0, took[1] - took[0]) / max(1, many - few)
    return max(took[1] + slope * (rows - many), took[0], 1e-6)


def _states(signature: Signature, train: Examples, options: LinearOptions) -> dict[str, object]:
    most = {field.name: {"most_terms": options.most_terms} for field in signature.inputs}
    return kind_states.fit(signature, train, most, LinearSpec.inputs)


def _array(field: Field) -> tuple[str, bool]:
    """Return the name of an output's array, and whether it is (n,)."""
    match kinds.arrays(field.kind).output_form:
        case Form.FLAG:
            return "logit", True
        case Form.SCALAR:
            return "value", True
        case Form.VECTOR:
            return "values", False
        case Form.SERIES:
            return "quantiles", False
        case _:
            return "logits", False


def _columns(field: Field, state: object) -> int | None:
    """Return the columns of an output's array, None where it is (n,)."""
    name, flat = _array(field)
    return None if flat else _size(kinds.arrays(field.kind).answers(state)[name])


def _size(spec: ArraySpec) -> int:
    columns = spec.shape[1]
    assert isinstance(columns, int)
    return columns


def _quantiles(field: Field, state: object) -> int | None:
    """Return how many quantiles a step of a forecast has, None of what is no forecast."""
    kind = kinds.arrays(field.kind)
    if kind.output_form is not Form.SERIES:
        return None
    _, _, quantiles = kind.answers(state)["quantiles"].shape
    assert isinstance(quantiles, int)
    return quantiles


def _regression(
    field: Field, states: Mapping[str, object], logarithm: Logarithm | None
) -> Callable[[], Regression]:
    columns = _columns(field, states[field.name])
    match kinds.arrays(field.kind).output_form:
        case Form.CODE:
            assert columns is not None
            return partial(fits.ClassRegression, columns)
        case Form.FLAG | Form.SET:
            return partial(fits.MemberRegression, columns or 1)
        case Form.SERIES:  # the error that a forecast is judged by
            return partial(ColumnsRegression, "absolute")
        case Form.VECTOR:
            return partial(ColumnsRegression, "squared")
        case _:
            if logarithm is None:
                return partial(fits.NumberRegression, _as_it_is, _as_it_is)
            return partial(fits.NumberRegression, logarithm.of, logarithm.restored)


def _as_it_is(values: Array) -> NDArray[np.float64]:
    return values.astype(np.float64)


def _logarithm_notices(
    signature: Signature, states: Mapping[str, object], train: Examples, options: LinearOptions
) -> Iterator[Notice]:
    if options.logarithm is not None:
        return
    for field in signature.outputs:
        truth = known_truths.truths(field, train, states)
        median = options.aim == "median"
        found = logarithms.decided(field, states[field.name], truth, insists=options.logarithm, median=median)
        if found is not None:
            yield Notice("plan.logarithm", column=field.name, median=median)


def _scale(design: object, parts: Sequence[lines.Block]) -> NDArray[np.float32]:
    """Return what each column (width,) is divided by: its deviation where it is a number, else 1.

    L2 then weighs all numbers alike, however wide their tails are.
    """
    squares = np.asarray(design.multiply(design).mean(axis=0)).reshape(-1)  # type: ignore[attr-defined]
    means = np.asarray(design.mean(axis=0)).reshape(-1)  # type: ignore[attr-defined]
    deviations = np.sqrt(np.maximum(squares - means**2, 0.0))
    scale = np.ones(len(deviations), np.float32)
    for part in parts:
        numbers = {Form.SCALAR: 1, Form.VECTOR: part.width - 1, Form.SERIES: part.width // 2}.get(
            part.form, 0
        )
        own = slice(part.begin, part.begin + numbers)
        scale[own] = np.where(deviations[own] > 1e-6, deviations[own], 1.0)
    return scale


def _some(train: Examples, most: int) -> Examples:
    """Return at most so many rows, evenly spaced."""
    step = max(1, -(-len(train) // most))
    columns = {name: column[::step] for name, column in train.columns.items()}
    return replace(train, ids=train.ids[::step], columns=columns)


def _latency_s(parts: Sequence[lines.Block], states: Mapping[str, object], some: Examples) -> float:
    """Return the seconds of one request: encoding its row, and running a graph that is given its arrays."""

    def encode() -> int:
        # as serving does it: the rows of a design are made of many small matrices, which no request waits for
        return sum(
            len(
                kinds.arrays(part.field.kind).encode(
                    [some.columns[part.field.name][len(some) // 2]], states[part.field.name]
                )
            )
            for part in parts
        )

    return _GRAPH_S + encode() * _ARRAY_S + timing.least_s(encode, _TIMED_REQUESTS)
