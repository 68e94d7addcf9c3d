"""A bar on validation at which learning ends: `learn.stop_at: "accuracy >= 0.95"`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from modelwright import kinds, outcomes
from modelwright.core.evidence.measure import measure
from modelwright.core.evidence.measurement import Phase
from modelwright.core.messages import Problem, ProjectError
from modelwright.core.requirements import requirement as requirements
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Signature
from modelwright.kinds.outputs import outputs
from modelwright.kinds.slicing import slice_rows
from modelwright.learners.networks.network import Network
from modelwright.learners.training.encoded_rows import EncodedRows

_BAR = re.compile(r"(?P<key>.*?)(?P<bar>(?:>=|<=|[≥≤><])[^<>≥≤]*)", re.DOTALL)
_CONFIDENCE = 0.95  # of intervals that nothing here reads


def goal(text: str | None, signature: Signature) -> Requirement | None:
    """Return the bar that `learn.stop_at` states; raises ProjectError where it is none on what is answered.

    It is written as a requirement is, on one line. The last comparison is the bar: a slice before it may have others.
    """
    if text is None:
        return None
    read = _BAR.fullmatch(text)
    if read is None:
        raise ProjectError(Problem("learn.no-goal", text=text))
    found = requirements.parse(read["key"], read["bar"], outcomes.metrics(), outputs(signature))
    if found.bar.champion or Phase.TEST not in found.metric.phases or found.subject.output is None:
        raise ProjectError(Problem("learn.goal-elsewhere", text=text, metric=found.metric.name))
    return found


def value(
    bar: Requirement, network: Network, answers: Mapping[str, Tensor], rows: EncodedRows
) -> float | None:
    """Return what answers to rows show of a bar, None where no row can show it; answers: by output, (n, …)."""
    name = bar.subject.output
    assert name is not None, "a goal is on an output"
    (field,) = (one for one in rows.signature.outputs if one.name == name)
    # as the package will answer, but before calibration: that follows on what is kept
    arrays = {network.tasks()[name].task.array: answers[name].float().numpy()}
    found = kinds.arrays(field.kind).outcomes(rows.columns[name], arrays, rows.states[name], rows.columns)
    if bar.subject.where is not None:
        found = found.take(slice_rows(bar.subject.where, rows.signature, rows.columns).inside)
    return measure(bar.subject, bar.metric, found, _CONFIDENCE).value
