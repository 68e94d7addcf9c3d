"""By how much a measurement keeps a bar, in half-widths of its own interval."""

from __future__ import annotations

import math

from modelwright.core.evidence.measurement import Measurement
from modelwright.core.requirements.requirement import Requirement


def margin(requirement: Requirement, measured: Measurement) -> float:
    """Return by how many half-widths of its interval a value keeps its bar; negative where it does not.

    The half-width is that towards the bar. Without a value no bar is kept; without an interval only whether it is.
    """
    value, bar = measured.value, requirement.bar.value
    if value is None:
        return -math.inf
    above = value - bar if requirement.metric.better == "higher" else bar - value
    kept = above > 0 or (above == 0 and requirement.op in (">=", "<="))
    end = measured.low if kept == (requirement.metric.better == "higher") else measured.high
    width = 0.0 if end is None else abs(value - end)
    if above == 0 or width == 0.0:
        return 0.0 if kept else -1.0
    return above / width
