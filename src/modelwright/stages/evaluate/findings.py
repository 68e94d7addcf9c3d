"""What is worth knowing of the outcomes: what each family finds, and what a reader should know before all figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from modelwright import kinds, outcomes
from modelwright.core.evidence.measurement import Measurement
from modelwright.core.messages import Notice, Problem
from modelwright.core.picture import Picture
from modelwright.core.requirements.slices import Slice
from modelwright.core.signature import Field, Signature
from modelwright.core.units import format_quantity
from modelwright.kinds.contract.show import Show
from modelwright.kinds.outputs import family
from modelwright.outcomes.contract.gap import BodyGap
from modelwright.outcomes.contract.section import Section, TestRows
from modelwright.stages.evaluate.answers import AnsweredRows
from modelwright.stages.evaluate.importance import Lost
from modelwright.stages.evaluate.row_groups import RowGroups
from modelwright.storage.formats.evidence import Baseline, Contributions, OutputDetails, SliceBeside

SHOWN_CHARACTERS = 300  # of one input of a mistake
AS_WELL = 0.99  # an error that is smaller by less than a hundredth is no better than that of a baseline
SHOWN_VALUES = 5  # that training never showed

Columns = Mapping[str, Sequence[Any]]


def of_outputs(
    signature: Signature,
    answered: AnsweredRows,
    train: Columns,
    ids: Sequence[str],
    *,
    confidence: float,
    most_mistakes: int,
    states: Mapping[str, Any],
    lost: Lost,
    moved: Mapping[str, Contributions],
    sliced: Sequence[SliceBeside],
) -> tuple[OutputDetails, ...]:
    """Return what the family of each output finds in the test rows; `train`: the training split's values.

    states: those of the package; lost: how much rests on each input; moved: how far each input moves the answers;
    sliced: slices beside the other rows.
    """
    return tuple(
        OutputDetails(
            field.name,
            family(field),
            outcomes.facet(family(field), Section).findings(
                answered.outcomes[field.name],
                replace(
                    rows_of_output(signature, field, answered.columns, ids, train[field.name]),
                    groups=answered.groups,
                ),
                confidence=confidence,
                most_mistakes=most_mistakes,
            ),
            kinds.arrays(field.kind).operating_point(states[field.name]),
            lost.get(field.name, {}),
            moved.get(field.name),
            tuple(one for one in sliced if one.inside.subject.output == field.name),
        )
        for field in signature.outputs
    )


def rows_of_output(
    signature: Signature, output: Field, test: Columns, ids: Sequence[str], train: Sequence[Any]
) -> TestRows:
    """Return the test rows as a family shows them: texts by the kinds' facet `show`."""
    labels = kinds.value(output.kind).labels

    def truth(row: int) -> str | None:
        value = test[output.name][row]
        return None if value is None else kinds.facet(output.kind, Show).text(value)

    def inputs(row: int) -> dict[str, str]:
        return {field.name: shown(field, test[field.name][row]) for field in signature.inputs}

    def pictures(row: int) -> dict[str, Picture]:
        values = {field: test[field.name][row] for field in signature.inputs}
        found = {
            field.name: kinds.facet(field.kind, Show).picture(value)
            for field, value in values.items()
            if value is not None
        }
        return {name: picture for name, picture in found.items() if picture is not None}

    counts = Counter(label for value in train if value is not None for label in labels(value))
    return TestRows(ids, truth, inputs, counts, pictures)


def shown(field: Field, value: Any) -> str:
    """Return a value as short text; an empty one stands for a missing value."""
    text = kinds.facet(field.kind, Show).text(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def notices(
    details: Sequence[OutputDetails],
    measured: Sequence[Measurement],
    simple: Sequence[Baseline],
    about_champion: Notice | None,
    answered: AnsweredRows,
) -> Iterator[Notice]:
    """Yield what a reader should know before believing the figures."""
    if about_champion is not None:
        yield about_champion
    yield from about_unseen(answered)
    moved = {one.output: one.family for one in details if one.point}
    yield from against_baselines(measured, simple, moved)
    for one in details:
        yield from outcomes.facet(one.family, Section).notices(one.output, one.findings)


def about_cut(states: Mapping[str, Any], signature: Signature, columns: Columns) -> Iterator[Notice]:
    """Yield a notice for each input of which test rows are answered from their beginning alone, being too long.

    states: those of the package; columns: of the test rows.
    """
    for field in signature.inputs:
        cut = kinds.arrays(field.kind).cut(columns[field.name], states[field.name])
        if cut is None or not cut.count:
            continue
        name, count, rows = field.name, cut.count, cut.rows
        kept, longest = cut.kept, cut.longest
        if cut.unit is None:
            yield Notice(
                "evaluate.cut-texts", column=name, count=count, rows=rows, kept=kept, longest=longest
            )
        else:
            most, last = format_quantity(kept, cut.unit), format_quantity(longest, cut.unit)
            yield Notice("evaluate.cut-values", column=name, count=count, rows=rows, kept=most, longest=last)


def about_refused(answered: AnsweredRows) -> Iterator[Notice]:
    """Yield a notice for each sort of reason for which test rows are not answered, with the first such row's."""
    first: dict[str, Problem] = {}
    for row in sorted(answered.refused):
        first.setdefault(answered.refused[row].id, answered.refused[row])
    counts = Counter(problem.id for problem in answered.refused.values())
    for name, problem in first.items():
        yield Notice("evaluate.refused-rows", count=counts[name], of=len(answered), problem=problem)


def about_unseen(answered: AnsweredRows) -> Iterator[Notice]:
    """Yield a notice for each input whose test rows hold what training never showed, with the first such values.

    Of a number: values far outside of those of training, between which it says these lie.
    """
    fields = {field.name: field for field in answered.signature.inputs}
    for name, rows in answered.unseen.items():
        if not rows.any():
            continue
        values = dict.fromkeys(
            shown(fields[name], answered.columns[name][row]) for row in np.flatnonzero(rows).tolist()
        )
        yield Notice(
            "evaluate.unseen",
            column=name,
            count=int(rows.sum()),
            rows=len(rows),
            values=[*values][:SHOWN_VALUES],
            more=max(len(values) - SHOWN_VALUES, 0) or None,
            span=[shown(fields[name], end) for end in answered.spans[name]]
            if name in answered.spans
            else None,
        )


def about_groups(groups: RowGroups) -> Iterator[Notice]:
    """Yield that intervals are of groups of rows, with how many there are and what makes them groups."""
    if groups.codes is not None:
        yield Notice(
            "evaluate.groups",
            column=groups.column,
            twins=groups.twins or None,
            count=len(np.unique(groups.codes)),
            tested=len(groups.codes),
        )


def unjudged(measured: Sequence[Measurement], rows: int) -> Iterator[Notice]:
    """Yield a notice for each slice that cannot judge some of the test rows, with how many."""
    counts = {m.subject.where: m.unjudged for m in measured if m.subject.where is not None and m.unjudged}
    for where, count in counts.items():
        columns = ", ".join(Slice.parse(where).columns)
        yield Notice("slice.unjudged", column=columns, slice=where, count=count, of=rows)


def against_baselines(
    measured: Sequence[Measurement], simple: Sequence[Baseline], moved: Mapping[str, str] | None = None
) -> Iterator[Notice]:
    """Yield a notice for each baseline that this package does not beat, in the output's first metric.

    moved: output → family of those whose operating point was chosen to meet bars. They gave up some of that metric
    on purpose, so that they are compared by one that no point moves, if the family has any.
    """
    mine = {m.subject: m for m in measured}
    for baseline in simple:
        compared = baseline.measurements[:1]
        priced = any(outcomes.metrics().any(m.subject.metric).priced_only for m in compared)
        if (
            moved and baseline.output in moved and not priced
        ):  # what errors cost is what the point was moved for
            steady = outcomes.facet(moved[baseline.output], BodyGap).steady
            compared = tuple(m for m in baseline.measurements if m.subject.metric == steady)
        for theirs in compared:
            ours = mine[theirs.subject]
            if ours.value is None or theirs.value is None:
                continue
            lower = outcomes.metrics().any(theirs.subject.metric).better == "lower"
            if ours.value < AS_WELL * theirs.value if lower else ours.value > theirs.value:
                continue
            ends = (theirs.high, ours.low) if lower else (ours.high, theirs.low)
            apart = ends[0] is not None and ends[1] is not None and ends[0] < ends[1]
            yield Notice(
                "evaluate.baseline-better",
                column=baseline.output,
                baseline=baseline.name,
                better=apart,
                subject=str(theirs.subject),
                theirs=f"{theirs.value:.4g}",
                ours=f"{ours.value:.4g}",
            )
