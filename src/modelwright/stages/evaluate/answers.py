"""Measures a package: its answers on rows, and what it costs to run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds, outcomes
from modelwright.core.evidence import operation
from modelwright.core.evidence.intervals import quantile_positions
from modelwright.core.evidence.measure import exact, from_counts, from_samples, measure, share_in_groups
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.evidence.metric import Metric, RequestTimes
from modelwright.core.evidence.operation import UNSEEN_RATE
from modelwright.core.messages import Problem
from modelwright.core.outcomes import Outcomes
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.requirements.slices import SlicedRows
from modelwright.core.signature import Field, Signature
from modelwright.kinds.outputs import family
from modelwright.kinds.slicing import slice_rows
from modelwright.package.packages import Package
from modelwright.runtime import written_rows
from modelwright.runtime.function import Function
from modelwright.runtime.measuring import Measured

Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class AnsweredRows:
    """What a package answered to rows: their columns, and outcomes by output.

    `unseen`: by input of a kind whose values can be, the rows (n,) whose value training never showed;
    `groups`: (n,), which rows belong together; None: each row is independent of the others.
    `spans`: by input of a kind that knows them, the least and the largest value of training.
    `refused`: of a body that writes, the rows that it refuses to answer, and why.
    """

    signature: Signature
    columns: Columns
    outcomes: Mapping[str, Outcomes]
    unseen: Mapping[str, NDArray[np.bool_]] = dataclasses.field(default_factory=dict)
    spans: Mapping[str, tuple[Any, Any]] = dataclasses.field(default_factory=dict)
    groups: NDArray[np.int64] | None = None
    refused: Mapping[int, Problem] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns[self.signature.inputs[0].name])

    def metric(self, subject: Subject) -> Metric:
        """Return the metric that a subject means, of its output's family."""
        assert subject.output is not None, f"{subject} names no output"
        field = next(one for one in self.signature.outputs if one.name == subject.output)
        found = outcomes.metrics().of(subject.metric, family(field))
        assert found is not None, f"{subject} is not computed for its output"
        return found


def answer(package: Package, signature: Signature, columns: Columns, written: int) -> AnsweredRows:
    """Run the packaged function on rows; `columns` also hold the truths of the outputs in `signature`.

    written: for how many rows an output is written that has to be.
    """
    function = Function(package)
    inputs = {field.name: columns[field.name] for field in signature.inputs}
    arrays = written_rows.answered(function, columns, written)
    unseen = {name: np.zeros(len(columns[name]), np.bool_) for name in function.can_be_unseen}
    for row, names in function.unseen(inputs).items():
        for name in names:
            unseen[name][row] = True
    return AnsweredRows(
        signature,
        columns,
        {
            field.name: kinds.arrays(field.kind).outcomes(
                columns[field.name], arrays[field.name], package.body.states[field.name], columns
            )
            for field in signature.outputs
        },
        unseen,
        {
            field.name: span
            for field in signature.inputs
            if (span := kinds.arrays(field.kind).span(package.body.states[field.name])) is not None
        },
        refused={row: problems[0] for row, problems in function.misfits(inputs).items()}
        if written_rows.writes(signature)
        else {},
    )


def subjects(signature: Signature, found: Mapping[str, Outcomes]) -> Iterator[Subject]:
    """Yield everything that test rows can show: each metric of each output, then those of every label."""
    for field in signature.outputs:
        yield from plain_subjects(field, found[field.name])
        yield from (
            Subject(metric.name, field.name, of)
            for metric in outcomes.metrics().in_family(family(field))
            if metric.per_class
            for of in found[field.name].labels
        )


def plain_subjects(field: Field, found: Outcomes) -> Iterator[Subject]:
    """Yield the metrics of an output as a whole.

    How often it is answered only where it may abstain; what answers cost only where that is declared.
    """
    for metric in outcomes.metrics().in_family(family(field)):
        if (metric.optional_only and not field.optional) or (metric.priced_only and not found.priced):
            continue
        # Recall of a truth value is that of true, which `subjects` yields among the labels.
        if not (metric.per_class and kinds.value(field.kind).positive):
            yield Subject(metric.name, field.name)


def on_rows(wanted: Sequence[Subject], answered: AnsweredRows, confidence: float) -> list[Measurement]:
    """Return one measurement a subject; a slice is taken from the answered rows."""
    return [
        _unseen(one, answered, confidence) if one.output is None else _on_rows(one, answered, confidence)
        for one in wanted
    ]


def _on_rows(subject: Subject, answered: AnsweredRows, confidence: float) -> Measurement:
    measured = measure(
        subject,
        answered.metric(subject),
        rows_of(subject, answered),
        confidence,
        groups_of(subject, answered),
    )
    return _with_unjudged(measured, _slice_of(subject, answered))


def _with_unjudged(measured: Measurement, part: SlicedRows | None) -> Measurement:
    return measured if part is None else replace(measured, unjudged=int(part.unjudged.sum()))


def of_inputs(answered: AnsweredRows) -> list[Subject]:
    """Return what test rows show of the inputs: how often each, and any of them, was never shown in training."""
    if not answered.unseen:
        return []
    return [Subject(UNSEEN_RATE), *(Subject(UNSEEN_RATE, None, name) for name in answered.unseen)]


def _unseen(subject: Subject, answered: AnsweredRows, confidence: float) -> Measurement:
    """Return the share of rows with a value that training never showed; nothing where no input can have one."""
    assert subject.metric == UNSEEN_RATE, f"{subject} is measured on test rows and of no output"
    chosen = [rows for name, rows in answered.unseen.items() if subject.of in {None, name}]
    if not chosen:
        return from_counts(subject, 0, 0, confidence, Phase.TEST)
    rows = np.logical_or.reduce(chosen)
    part = _slice_of(subject, answered)
    rows = rows if part is None else rows[part.inside]
    groups = groups_of(subject, answered)
    if groups is None or not len(rows):
        measured = from_counts(subject, int(rows.sum()), len(rows), confidence, Phase.TEST)
    else:
        metric = outcomes.metrics().any(subject.metric)
        measured = share_in_groups(subject, metric, rows, groups, confidence)
    return _with_unjudged(measured, part)


def rows_of(subject: Subject, answered: AnsweredRows) -> Outcomes:
    """Return the outcomes that a subject speaks of."""
    assert subject.output is not None, f"{subject} names no output"
    found, part = answered.outcomes[subject.output], _slice_of(subject, answered)
    return found if part is None else found.take(part.inside)


def groups_of(subject: Subject, answered: AnsweredRows) -> NDArray[np.int64] | None:
    """Return the groups of the rows that a subject speaks of."""
    part = _slice_of(subject, answered)
    return answered.groups if part is None or answered.groups is None else answered.groups[part.inside]


def _slice_of(subject: Subject, answered: AnsweredRows) -> SlicedRows | None:
    """Return the rows of the slice that a subject names, None where it names none."""
    if subject.where is None:
        return None
    return slice_rows(subject.where, answered.signature, answered.columns)


def of_requirements(requirements: Sequence[Requirement]) -> list[Subject]:
    """Return what requirements ask of test rows, each once and in their order."""
    return list(dict.fromkeys(one.subject for one in requirements if Phase.TEST in one.metric.phases))


def of_running(measured: Measured, confidence: float) -> list[Measurement]:
    """Return latencies, throughput, memory and size as measurements of the package; of one that writes, how fast.

    Throughput is the median over full batches, with the interval of order statistics.
    """
    times = RequestTimes(
        *(
            np.array(one, dtype=np.float64)
            for one in (measured.latency_s, measured.first_s, measured.tokens_per_second)
        )
    )
    metrics = (*operation.LATENCIES, *(operation.WRITING if measured.first_s else ()))
    return [
        *(from_samples(one, times.of(one), confidence, Phase.PACKAGE) for one in metrics),
        _throughput(np.sort(np.array(measured.throughput, dtype=np.float64)), confidence),
        exact(Subject("memory"), measured.memory_bytes, Phase.PACKAGE),
        exact(Subject("size"), measured.size_bytes, Phase.PACKAGE),
    ]


def _throughput(ordered: np.ndarray[Any, np.dtype[np.float64]], confidence: float) -> Measurement:
    n = len(ordered)
    low, high = (
        None if position is None else float(ordered[position])
        for position in quantile_positions(n, 0.5, confidence)
    )
    value = float(np.median(ordered)) if n else None
    return Measurement(
        Subject("throughput"), Phase.PACKAGE, value, low, high, n, "order-statistics", confidence
    )
