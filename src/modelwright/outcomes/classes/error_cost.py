"""The metric cost: what the answers cost a row, where the project declares what errors cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.metric import NOTHING, Influence, Metric, MetricValue
from modelwright.core.evidence.row_costs import RowCosts, of_a_mean
from modelwright.core.units import Unit
from modelwright.outcomes.classes.outcomes import ClassOutcomes


def _cost(outcomes: ClassOutcomes, of: str | None, confidence: float) -> MetricValue:
    if outcomes.costs is None or not len(outcomes):
        return NOTHING
    # (n,): what each row costs, one of a few values
    rows = outcomes.row_costs()
    # the costs that a row may have though none of these has it: they keep the upper end open
    found = of_a_mean(RowCosts(rows, np.unique(outcomes.costs)), rows - rows.mean(), confidence)
    most = float(outcomes.costs.max())
    return replace(found, high=None if found.high is None else min(found.high, most))


def _cost_influence(outcomes: ClassOutcomes, of: str | None) -> Influence | None:
    if outcomes.costs is None or not len(outcomes):
        return None
    rows = outcomes.row_costs()
    # a mean: each row (n,) moves it by its distance from it, and one wrong row more by its cost at most
    return Influence(float(rows.mean()), rows - rows.mean(), float(outcomes.costs.max()))


COST = Metric(
    name="cost",
    better="lower",
    unit=Unit.NUMBER,
    phases=frozenset({Phase.TEST}),
    family="classes",
    per_class=False,
    interval="saddlepoint tails of what rows cost; of many wrong rows: normal, skewness removed",
    summary="mean of what the answers cost, a row, where `costs` declares it",
    measure=_cost,
    influence=_cost_influence,
    priced_only=True,
)
