"""How much an answer rests on each input: what is lost when the input's values are dealt to other rows.

Permutation importance (Breiman 2001, Random Forests, section 10) of the packaged function on validation rows: the
test rows stay for the figures alone. What is lost is a paired difference with its interval, so that an input of which
nothing is lost can be told from one of which little is. Of two inputs that tell the same, neither may seem to matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelwright import kinds, outcomes
from modelwright.core.evidence.clusters import Groups
from modelwright.core.evidence.measure import measure_difference
from modelwright.core.evidence.measurement import Measurement, Subject
from modelwright.core.outcomes import Outcomes
from modelwright.core.signature import Signature
from modelwright.core.spacing import evenly_spaced
from modelwright.kinds.outputs import family
from modelwright.outcomes.contract.gap import BodyGap
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.runtime.written_rows import writes
from modelwright.storage.formats.file_values import taken

ROWS = 500  # validation rows, evenly spaced, if the inputs are few
LEAST_ROWS = 100  # below, no difference would be seen; further inputs are left out instead
SEED = 20

Columns = Mapping[str, Sequence[Any]]
Lost = Mapping[str, Mapping[str, Measurement]]  # output → input → what is lost, the most first


def importance(
    package: Package,
    signature: Signature,
    columns: Columns,
    most: int,
    confidence: float,
    groups: Groups | None = None,
) -> Lost:
    """Return what is lost by output and input; nothing of a function with one input, without rows, or that writes.

    `columns` are validation rows with their truths; at most `most` rows are answered in all. Where that is too few
    for every input, the first ones are tried. What is lost is of the metric that no operating point moves, where
    the family has one, else of its main one; it is positive where the answers get worse. groups (n,): which rows
    belong together, as in `measure`.
    """
    names = [field.name for field in signature.inputs]
    count = len(columns[names[0]])
    if len(names) < 2 or not count or most < LEAST_ROWS or writes(signature):
        return {}
    tried = names[: most // LEAST_ROWS]
    rows = evenly_spaced(count, min(ROWS, most // len(tried))).tolist()
    some = {name: taken(values, rows) for name, values in columns.items()}
    of_some = None if groups is None else groups[rows]
    function = Function(package)
    plain = _answered(function, package, signature, some)
    found: dict[str, dict[str, Measurement]] = {field.name: {} for field in signature.outputs}
    for place, name in enumerate(tried):
        order = np.random.default_rng([SEED, place]).permutation(len(rows)).tolist()
        dealt = {**some, name: taken(some[name], order)}
        for output, worse in _answered(function, package, signature, dealt).items():
            found[output][name] = _lost(signature, output, (plain[output], worse), confidence, of_some)
    return {
        output: dict(sorted(lost.items(), key=lambda one: (-(one[1].value or 0.0), one[0])))
        for output, lost in found.items()
    }


def _answered(
    function: Function, package: Package, signature: Signature, columns: Columns
) -> dict[str, Outcomes]:
    arrays = function.infer({field.name: columns[field.name] for field in signature.inputs})
    return {
        field.name: kinds.arrays(field.kind).outcomes(
            columns[field.name], arrays[field.name], package.body.states[field.name], columns
        )
        for field in signature.outputs
    }


def _lost(
    signature: Signature,
    output: str,
    answers: tuple[Outcomes, Outcomes],
    confidence: float,
    groups: Groups | None,
) -> Measurement:
    """Return what is lost from the first answers to the second."""
    field = next(one for one in signature.outputs if one.name == output)
    compare = outcomes.facet(family(field), BodyGap)
    metric = outcomes.metrics().of(compare.steady or compare.main, family(field))
    assert metric is not None, f"{family(field)} has no metric {compare.steady or compare.main}"
    better, worse = answers if metric.better == "higher" else answers[::-1]
    return measure_difference(Subject(metric.name, output), metric, better, worse, confidence, groups)
