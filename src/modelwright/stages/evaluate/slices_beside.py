"""Slices beside all other rows: whether a function does worse for some than for the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from modelwright import outcomes
from modelwright.core.evidence.measure import difference, measure
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.messages import Notice
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.requirements.slices import Slice
from modelwright.core.units import format_quantity
from modelwright.kinds.outputs import family
from modelwright.kinds.slicing import slice_rows
from modelwright.outcomes.contract.gap import BodyGap
from modelwright.stages.evaluate.answers import AnsweredRows
from modelwright.storage.formats.evidence import SliceBeside

FEW_LABELS = 4  # whose recall is told of each slice


def beside(
    answered: AnsweredRows, requirements: Sequence[Requirement], slices: Sequence[str], confidence: float
) -> tuple[SliceBeside, ...]:
    """Return each slice that a bar or `slices` names beside the rows that are known not to be in it.

    The intervals of the k differences hold together: each is at the confidence 1 - (1 - confidence)/k (Bonferroni).
    """
    wanted = list(dict.fromkeys([*_of_bars(requirements), *_of_slices(answered, slices)]))
    strict = 1 - (1 - confidence) / max(len(wanted), 1)
    return tuple(_beside(one, answered, confidence, strict) for one in wanted)


def _of_bars(requirements: Sequence[Requirement]) -> Iterator[Subject]:
    for one in requirements:
        if one.subject.where and one.subject.output and Phase.TEST in one.metric.phases:
            yield one.subject


def _of_slices(answered: AnsweredRows, slices: Sequence[str]) -> Iterator[Subject]:
    """Yield of each slice and output the metric that stands for all, and the recall of few classes."""
    for text in slices:
        where = str(Slice.parse(text))
        for field in answered.signature.outputs:
            found, of = answered.outcomes[field.name], family(field)
            name = outcomes.facet(of, BodyGap).stands_for_all(priced=found.priced)
            yield Subject(name, field.name, None, where)
            recall = outcomes.metrics().of("recall", of)
            if recall is not None and len(found.labels) <= FEW_LABELS:
                yield from (Subject(recall.name, field.name, label, where) for label in found.labels)


def _beside(subject: Subject, answered: AnsweredRows, confidence: float, strict: float) -> SliceBeside:
    assert subject.output is not None, f"{subject} names an output"
    assert subject.where is not None, f"{subject} names a slice"
    part = slice_rows(subject.where, answered.signature, answered.columns)
    found, metric = answered.outcomes[subject.output], answered.metric(subject)

    def measured(*, inside: bool, at: float) -> Measurement:
        # a row that cannot be judged is neither in the slice nor out of it
        rows = part.inside if inside else ~part.inside & ~part.unjudged
        groups = None if answered.groups is None else answered.groups[rows]
        return measure(subject, metric, found.take(rows), at, groups)

    mine = replace(measured(inside=True, at=confidence), unjudged=int(part.unjudged.sum()))
    # the two share no row
    apart = difference(measured(inside=True, at=strict), measured(inside=False, at=strict))
    return SliceBeside(mine, measured(inside=False, at=confidence), replace(apart, confidence=strict))


def notices(found: Sequence[SliceBeside]) -> Iterator[Notice]:
    """Yield the slices for which a function is proved to do worse than for the rest."""
    for one in found:
        metric = outcomes.metrics().any(one.inside.subject.metric)
        worse = one.apart.high is not None and one.apart.high < 0
        if metric.better == "lower":
            worse = one.apart.low is not None and one.apart.low > 0
        if worse and one.inside.value is not None and one.rest.value is not None:
            yield Notice(
                "evaluate.slice-worse",
                column=one.inside.subject.output,
                subject=str(replace(one.inside.subject, output=None)),
                value=format_quantity(one.inside.value, metric.unit),
                rest=format_quantity(one.rest.value, metric.unit),
                count=len(found),
            )
