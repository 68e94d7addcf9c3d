"""Whether probabilities can be trusted: log_loss and calibration_error."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence import intervals, means
from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.metric import NOTHING, Influence, Metric, MetricValue
from modelwright.core.units import Unit
from modelwright.outcomes.classes.outcomes import ClassOutcomes

Floats = NDArray[np.float64]

GROUPS = 10
LEAST_PROBABILITY = 1e-7  # a float32 graph resolves no less; also what an unknown class was given


def _losses(outcomes: ClassOutcomes) -> Floats:
    # (n,): the probability of the true class; a class that is none of ours (−1) was given none
    given = outcomes.probabilities[np.arange(len(outcomes)), outcomes.truth]
    losses: Floats = -np.log(np.maximum(np.where(outcomes.truth >= 0, given, 0.0), LEAST_PROBABILITY))
    return losses


def _log_loss(outcomes: ClassOutcomes, of: str | None, confidence: float) -> MetricValue:
    if not len(outcomes):
        return NOTHING
    losses = _losses(outcomes)
    # no loss is below 0, nor above that of the least probability
    ends = means.mean(losses, confidence, most=-math.log(LEAST_PROBABILITY))
    return MetricValue.of(float(losses.mean()), ends, len(losses), means.method(len(losses), confidence))


def _log_loss_influence(outcomes: ClassOutcomes, of: str | None) -> Influence | None:
    if not len(outcomes):
        return None
    losses = _losses(outcomes)
    # a mean: each row (n,) moves it by its distance from it
    return Influence(float(losses.mean()), losses - losses.mean())


def _groups(outcomes: ClassOutcomes) -> tuple[Floats, Floats, list[NDArray[np.int64]]]:
    """Return confidence and rightness (0 or 1) of the answered rows, and up to ten groups of equal size.

    Groups of equal size, because most confidences crowd near 1 (Nixon et al. 2019, Measuring Calibration in
    Deep Learning, section 3).
    """
    answered = outcomes.take(outcomes.predicted >= 0)
    # (answered,) each: the probability of the answer that was given, and 1 where it is the truth
    sure = answered.probabilities[np.arange(len(answered)), answered.predicted]
    right = (answered.predicted == answered.truth).astype(np.float64)
    # sizes differ by one row at most; of equal confidences the earlier row comes first
    order = np.argsort(sure, kind="stable")
    return sure, right, [group for group in np.array_split(order, GROUPS) if len(group)]


def _calibration_error(outcomes: ClassOutcomes, of: str | None, confidence: float) -> MetricValue:
    """Return the mean gap, less what chance adds to it: the gap of a group is folded at zero.

    A gap g with standard error s looks like E|N(g, s²)| > g. The excess at the gap seen is taken off, as a
    bootstrap would estimate it (Efron & Tibshirani 1993, section 10.2), in closed form. The gap seen is more
    than the true one, so the lower end takes off the excess at no gap, s √(2/π), which is the most there is.
    """
    sure, right, groups = _groups(outcomes)
    n = len(sure)
    if n == 0:
        return NOTHING
    value = least = spread = 0.0
    for group in groups:
        size = len(group)
        # |share right - mean confidence| of about n/10 answers
        gap = abs(float(right[group].mean() - sure[group].mean()))
        # two right and two wrong rows more (Agresti & Coull 1998), so that a perfect group keeps a spread
        share = (float(right[group].sum()) + 2) / (size + 4)
        # the standard error of the share
        error = math.sqrt(share * (1 - share) / size)
        # E|N(g, s²)| = s √(2/π) e^{-g²/2s²} + g erf(g/(s√2)) (Leone et al. 1961, Technometrics 3:543)
        folded = error * math.sqrt(2 / math.pi) * math.exp(-((gap / error) ** 2) / 2)
        folded += gap * math.erf(gap / error / math.sqrt(2))
        # gap - (E|N| - gap): the gap seen less its bias, weighted by the group's share of the answers
        value += (2 * gap - folded) * size / n
        least += (gap - error * math.sqrt(2 / math.pi)) * size / n
        spread += (error * size / n) ** 2
    # groups share no rows, so that variances add
    half = intervals.normal_quantile(confidence) * math.sqrt(spread)
    value = min(max(value, 0.0), 1.0)
    return MetricValue.of(value, (max(least - half, 0.0), min(value + half, 1.0)), n, "folded-normal")


def _calibration_influence(outcomes: ClassOutcomes, of: str | None) -> Influence | None:
    sure, right, groups = _groups(outcomes)
    if not len(sure):
        return None
    signed = np.zeros(len(sure))
    for group in groups:
        gaps = right[group] - sure[group]
        # the derivative of an absolute value is its sign
        signed[group] = gaps * np.sign(gaps.mean())
    value = float(signed.mean())
    rows = np.zeros(len(outcomes))
    # a mean over the answered rows alone: each weighs n/answered in a mean over all n, the others 0
    rows[outcomes.predicted >= 0] = (signed - value) * (len(outcomes) / len(sure))
    return Influence(value, rows)


_TEST = frozenset({Phase.TEST})
LOG_LOSS = Metric(
    name="log_loss",
    better="lower",
    unit=Unit.NUMBER,
    phases=_TEST,
    family="classes",
    per_class=False,
    interval="nonparametric tilting with a forecast of the tail; of few rows: betting (Waudby-Smith & Ramdas 2024)",
    summary="mean of -ln of the probability of the true class, which is taken as at least 1e-7",
    measure=_log_loss,
    influence=_log_loss_influence,
)
CALIBRATION_ERROR = Metric(
    name="calibration_error",
    better="lower",
    unit=Unit.FRACTION,
    phases=_TEST,
    family="classes",
    per_class=False,
    interval="normal, after the part that chance adds was taken off",
    summary="mean gap between confidence and share of right answers, over ten groups of "
    "equally many answers of like confidence, less what chance adds",
    measure=_calibration_error,
    influence=_calibration_influence,
    of_confidence=True,
)
