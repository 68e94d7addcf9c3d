"""When a compressed graph may take the place of the exact one. Reads validation, never the test set."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelwright.core import metrics
from modelwright.core.evidence.measurement import Phase, Subject
from modelwright.core.outcomes import Outcomes
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.requirements.slices import Slice

DROP = 0.005  # of accuracy: half a point, paired row by row
RMSE_GROWTH = 0.005  # of the exact graph's rmse
CONFIDENCE = 0.95  # of intervals that nothing here reads; only values are compared
RULE = (
    "The compressed graph is taken when, on validation, every requirement on test rows that the exact graph "
    f"keeps is kept by it too, no output's accuracy falls by more than {DROP} (rmse grows by more than "
    f"{RMSE_GROWTH:.1%}), its answers do not depend on their batch, and it is smaller."
)
_KEEPS = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}


@dataclass(frozen=True)
class Figures:
    """What a graph shows on validation.

    `accuracy` and `rmse` hold the main metric by output; `required` holds the value of each requirement's
    subject by its text, None where validation has no row to measure it on; `kept` holds the texts of those
    whose bar that value keeps.
    """

    accuracy: Mapping[str, float]
    rmse: Mapping[str, float]
    required: Mapping[str, float | None]
    kept: frozenset[str]

    def as_json(self) -> dict[str, Any]:
        """Return the figures as JSON."""
        return {
            "accuracy": dict(self.accuracy),
            "rmse": dict(self.rmse),
            "required": dict(self.required),
            "kept": sorted(self.kept),
        }


def figures(
    found: Mapping[str, Outcomes], columns: Mapping[str, Sequence[Any]], requirements: Sequence[Requirement]
) -> Figures:
    """Return what outcomes by output show; `columns` are those that a slice may name.

    Bars that refer to the champion are left out: a choice between two graphs does not concern it.
    """
    required: dict[str, float | None] = {}
    kept = set()
    for requirement in requirements:
        subject = requirement.subject
        if requirement.bar.champion or Phase.TEST not in requirement.metric.phases or subject.output is None:
            continue
        rows = found[subject.output]
        if subject.where is not None:
            rows = rows.take(Slice.parse(subject.where).mask(columns))
        value = metrics.measure(subject, rows, CONFIDENCE).value
        required[str(requirement)] = value
        if value is not None and _KEEPS[requirement.op](value, requirement.bar.value):
            kept.add(str(requirement))
    return Figures(_values("accuracy", found), _values("rmse", found), required, frozenset(kept))


def objection(exact: Figures, compressed: Figures) -> str | None:
    """Return why the compressed graph may not take the exact one's place, or None."""
    if lost := sorted(exact.kept - compressed.kept):
        value = compressed.required[lost[0]]
        return (
            f"on validation it does not keep `{lost[0]}`: {'no value' if value is None else f'{value:.4g}'}"
        )
    for output, before in exact.accuracy.items():
        if before - (after := compressed.accuracy[output]) > DROP:
            return f"on validation the accuracy of {output} falls from {before:.4f} to {after:.4f}"
    for output, before in exact.rmse.items():
        if (after := compressed.rmse[output]) > before * (1 + RMSE_GROWTH):
            return f"on validation the rmse of {output} grows from {before:.4g} to {after:.4g}"
    return None


def _values(metric: str, found: Mapping[str, Outcomes]) -> dict[str, float]:
    """Return a metric of each output that it fits and that has rows to measure it on."""
    measured = {
        name: metrics.measure(Subject(metric, name), rows, CONFIDENCE).value
        for name, rows in found.items()
        if isinstance(rows, metrics.get(metric).outcomes or ())
    }
    return {name: value for name, value in measured.items() if value is not None}
