"""By which metric the outputs of a function are compared, among learners and among the trials of a search."""

from __future__ import annotations

from collections.abc import Sequence

from modelwright import outcomes
from modelwright.core.evidence.measurement import Phase, Subject
from modelwright.core.evidence.metric import Metric
from modelwright.core.requirements.error_costs import ErrorCosts
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Signature
from modelwright.kinds.outputs import outputs
from modelwright.outcomes.contract.gap import BodyGap


def main_metrics(
    signature: Signature, costs: Sequence[ErrorCosts], requirements: Sequence[Requirement]
) -> dict[str, tuple[str, bool]]:
    """Return output → its main metric, and whether higher is better.

    It is that of its requirements, where these are on one metric of all its answers, else what stands for all of them.
    """
    found, required = {}, required_metrics(signature, costs, requirements)
    for output in outputs(signature):
        priced = any(one.output == output.name for one in costs)
        name = outcomes.facet(output.family, BodyGap).stands_for_all(priced=priced)
        metric = outcomes.metrics().of(name, output.family)
        assert metric is not None, f"{output.family} has no metric {name}"
        if (one := required.get(output.name)) is not None:
            name, metric = one.name, one
        found[output.name] = (name, metric.better == "higher")
    return found


def required_metrics(
    signature: Signature, costs: Sequence[ErrorCosts], requirements: Sequence[Requirement]
) -> dict[str, Metric]:
    """Return output → the one metric of all its answers that requirements are on; none where errors have costs."""
    found = {}
    for output in outputs(signature):
        named = {
            one.metric.name: one.metric
            for one in requirements
            if one.subject == Subject(one.metric.name, output.name) and Phase.TEST in one.metric.phases
        }
        if len(named) == 1 and not any(one.output == output.name for one in costs):
            (found[output.name],) = named.values()
    return found
