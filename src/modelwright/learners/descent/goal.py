"""What validation shows of the bar at which learning ends."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from modelwright import kinds
from modelwright.core.evidence.measure import measure
from modelwright.core.requirements.requirement import Requirement
from modelwright.kinds.slicing import slice_rows
from modelwright.learners.networks.network import Network
from modelwright.learners.training.encoded_rows import EncodedRows

_CONFIDENCE = 0.95  # of intervals that nothing here reads


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
