"""Requirements as tests write them, and measurements of outcomes whose family follows from their type."""

from __future__ import annotations

from modelwright import outcomes
from modelwright.core.evidence import measure as measuring
from modelwright.core.evidence.measurement import Measurement, Subject
from modelwright.core.evidence.metric import Metric
from modelwright.core.outcomes import Outcomes
from modelwright.core.requirements import requirement
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Signature
from modelwright.kinds.outputs import outputs


def parse(key: str, bar: str | float, signature: Signature | None = None) -> Requirement:
    """Read one line of `requirements:` for a signature."""
    targets = None if signature is None else outputs(signature)
    return requirement.parse(key, bar, outcomes.metrics(), targets)


def metric(name: str, found: Outcomes | None = None) -> Metric:
    """Return the metric of that name of the outcomes' family."""
    if found is None:
        return outcomes.metrics().any(name)
    one = outcomes.metrics().of(name, type(found).__module__.split(".")[-2])
    assert one is not None, name
    return one


def measure(subject: Subject, found: Outcomes, confidence: float) -> Measurement:
    """Return what outcomes show of a subject."""
    return measuring.measure(subject, metric(subject.metric, found), found, confidence)


def measure_difference(subject: Subject, ours: Outcomes, theirs: Outcomes, confidence: float) -> Measurement:
    """Return the paired difference of two outcomes."""
    return measuring.measure_difference(subject, metric(subject.metric, ours), ours, theirs, confidence)


def from_samples(subject: Subject, seconds, confidence, phase) -> Measurement:
    """Return a quantile of times."""
    return measuring.from_samples(metric(subject.metric), seconds, confidence, phase)
