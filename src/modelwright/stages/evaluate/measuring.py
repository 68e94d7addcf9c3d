"""Measures a package: its answers on rows, and what it costs to run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelwright import kinds
from modelwright.core import metrics
from modelwright.core.evidence.intervals import quantile_positions
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.outcomes import ClassOutcomes, Outcomes
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.requirements.slices import Slice
from modelwright.core.signature import Field, Signature
from modelwright.package.folder import Package
from modelwright.runtime.function import Function
from modelwright.runtime.measuring import Measured

Columns = Mapping[str, Sequence[Any]]
LATENCIES = tuple(name for name, metric in metrics.METRICS.items() if metric.quantile is not None)


@dataclass(frozen=True)
class Answered:
    """What a package answered to rows: the columns that were asked, and outcomes by output."""

    columns: Columns
    outcomes: Mapping[str, Outcomes]


def answer(package: Package, signature: Signature, columns: Columns) -> Answered:
    """Run the packaged function on rows; `columns` also hold the truths of the outputs in `signature`."""
    function = Function(package)
    arrays = function.infer({field.name: columns[field.name] for field in signature.inputs})
    return Answered(
        columns,
        {
            field.name: kinds.arrays(field.kind).outcomes(
                columns[field.name], arrays[field.name], package.body.states[field.name], columns
            )
            for field in signature.outputs
        },
    )


def subjects(signature: Signature, outcomes: Mapping[str, Outcomes]) -> Iterator[Subject]:
    """Yield everything that test rows can show: each metric of each output, then those of every class."""
    for field in signature.outputs:
        yield from plain_subjects(field)
        found = outcomes[field.name]
        if isinstance(found, ClassOutcomes):
            yield from (
                Subject(metric.name, field.name, of)
                for metric in metrics.METRICS.values()
                if metric.per_class and metric.fits(field.kind)
                for of in found.classes
            )


def plain_subjects(field: Field) -> Iterator[Subject]:
    """Yield the metrics of an output as a whole; how often it is answered only where it may abstain."""
    for metric in metrics.METRICS.values():
        if not metric.fits(field.kind) or (metric.name == "coverage" and not field.optional):
            continue
        # Recall of a boolean is that of true, which `subjects` yields among the classes.
        if not (metric.per_class and field.kind == "boolean"):
            yield Subject(metric.name, field.name)


def on_rows(wanted: Sequence[Subject], answered: Answered, confidence: float) -> list[Measurement]:
    """Return one measurement a subject; a slice is taken from the answered rows."""
    return [metrics.measure(one, rows_of(one, answered), confidence) for one in wanted]


def rows_of(subject: Subject, answered: Answered) -> Outcomes:
    """Return the outcomes that a subject speaks of."""
    assert subject.output is not None, f"{subject} names no output"
    found = answered.outcomes[subject.output]
    if subject.where is None:
        return found
    return found.take(Slice.parse(subject.where).mask(answered.columns))


def of_requirements(requirements: Sequence[Requirement]) -> list[Subject]:
    """Return what requirements ask of test rows, each once and in their order."""
    return list(dict.fromkeys(one.subject for one in requirements if Phase.TEST in one.metric.phases))


def of_running(measured: Measured, confidence: float) -> list[Measurement]:
    """Return latencies, throughput, memory and size as measurements of the package.

    Throughput is the median over full batches, with the interval of order statistics.
    """
    seconds = np.array(measured.latency_s, dtype=np.float64)
    return [
        *(metrics.from_samples(Subject(n), seconds, confidence, Phase.PACKAGE) for n in LATENCIES),
        _throughput(np.sort(np.array(measured.throughput, dtype=np.float64)), confidence),
        metrics.exact(Subject("memory"), measured.memory_bytes, Phase.PACKAGE),
        metrics.exact(Subject("size"), measured.size_bytes, Phase.PACKAGE),
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
