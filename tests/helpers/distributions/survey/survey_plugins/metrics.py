"""A metric of the family `classes`: how often the truth is among the two likeliest classes."""

import numpy as np

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.metric import Metric
from modelwright.core.evidence.shares import share_influence, share_of
from modelwright.core.units import Unit


def _near(outcomes):
    """Return which rows (n,) have their true class among the two of the highest probability."""
    order = np.argsort(-outcomes.probabilities, axis=1, kind="stable")[:, :2]
    return (order == outcomes.truth[:, None]).any(axis=1)


METRICS = (
    Metric(
        name="top_two",
        better="higher",
        unit=Unit.FRACTION,
        phases=frozenset({Phase.TEST}),
        family="classes",
        per_class=False,
        interval="mid-P",
        summary="share of rows whose true class is among the two likeliest",
        measure=lambda outcomes, of, confidence: share_of(_near(outcomes), None, confidence),
        influence=lambda outcomes, of: share_influence(_near(outcomes), np.ones(len(outcomes), bool)),
        as_share=float,
    ),
)
