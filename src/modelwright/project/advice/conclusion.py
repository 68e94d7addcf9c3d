"""Concludes a comparison of two versions: which is better on what is required, and whether that may be chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelwright.core.evidence.measure import difference
from modelwright.core.evidence.measurement import Measurement, Subject
from modelwright.core.evidence.metric import Metric
from modelwright.core.messages import Phrase
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.units import format_quantity
from modelwright.storage.formats.evidence import Evidence


@dataclass(frozen=True)
class VersionChange:
    """One subject in both versions. `better`: the second is (True), the first is (False), or it may be chance (None).

    change: second less first, with its interval.
    """

    subject: str
    metric: Metric
    change: Measurement
    better: bool | None

    def __str__(self) -> str:
        return str(Phrase("diff.figure", subject=self.subject, change=shown_change(self.change, self.metric)))


def compare(first: Evidence, second: Evidence, requirements: Sequence[Requirement]) -> list[VersionChange]:
    """Return how the second version differs from the first in what is required, as far as both measured it.

    Where the second was compared with the first row by row, that paired difference is taken; else their two
    intervals are combined, which is wider than the truth where both answered the same rows, and never narrower.
    """
    before, after = _by_subject(first.measurements), _by_subject(second.measurements)
    paired = _by_subject(second.differences) if second.champion == first.package else {}
    found = []
    for requirement in requirements:
        subject = requirement.subject
        one, other = before.get(subject), after.get(subject)
        if one is None or other is None or one.value is None or other.value is None:
            continue
        change = paired.get(subject) or difference(other, one)
        found.append(
            VersionChange(
                requirement.key,
                requirement.metric,
                change,
                _better(change, requirement.metric.better == "higher"),
            )
        )
    return found


def _by_subject(measured: Sequence[Measurement]) -> Mapping[Subject, Measurement]:
    return {one.subject: one for one in measured}


def _better(change: Measurement, higher: bool) -> bool | None:  # noqa: FBT001 - which way is better
    """Tell whether the whole interval lies on one side of no change."""
    if change.low is not None and change.low > 0:
        return higher
    if change.high is not None and change.high < 0:
        return not higher
    return None


def conclusion(a: str, b: str, compared: Sequence[VersionChange], changed: Sequence[str]) -> Phrase:
    """Return one sentence on two versions; `changed`: what they were made from and is not the same."""
    differing = [
        one for one in compared if (one.change.low, one.change.high) != (0.0, 0.0)
    ]  # sizes may be equal
    sides = {
        side: [str(one) for one in differing if one.better is side] or None for side in (True, False, None)
    }
    if not compared:
        return Phrase("diff.nothing-required", a=a, b=b, changed=list(changed) or None)
    return Phrase(
        "diff.conclusion",
        a=a,
        b=b,
        better=sides[True],
        worse=sides[False],
        chance=sides[None],
    )


def shown_change(change: Measurement, metric: Metric) -> str:
    """Return `+0.012 [-0.003, +0.027]` in the metric's unit."""
    if change.value is None:
        return "–"
    ends = [None if end is None else _signed(end, metric) for end in (change.low, change.high)]
    interval = f" [{ends[0] or '−∞'}, {ends[1] or '∞'}]"
    return _signed(change.value, metric) + ("" if change.low == change.high else interval)


def _signed(value: float, metric: Metric) -> str:
    return ("+" if value > 0 else "") + format_quantity(value, metric.unit)
