"""Live requirements: what the record of traffic shows, judged. For the gateway's gauges and for `status`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence import intervals, measure, operation
from modelwright.core.evidence.labelled_rows import EVERY_LABEL, LabelledRows, LabelPolicy
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.evidence.metric import RequestTimes
from modelwright.core.evidence.verdict import Verdict, judge
from modelwright.core.requirements.requirement import Requirement
from modelwright.storage.traffic.record import LiveRecord, Window

FAILED_FROM = 500  # what a caller did wrong (4xx) and a client that left are no failures of ours
_TIMED_OUT = 504
_NEARLY_ALL = 0.95


@dataclass(frozen=True)
class LiveVerdicts:
    """What some time of live traffic shows of one version.

    `requests` counts rows (a list of three is three), `failures` those answered with an internal error (5xx);
    `dropped` were answered, but found no room in the record.
    """

    measurements: tuple[Measurement, ...]
    verdicts: tuple[Verdict, ...]
    requests: int
    failures: int
    dropped: int


def latency_bar_s(requirements: Sequence[Requirement]) -> float | None:
    """Return the time that nearly all answers must stay below (the shortest such bar), None where there is no bar."""
    named = {
        one.name for one in operation.LATENCIES if one.quantile is not None and one.quantile >= _NEARLY_ALL
    }
    found = [one.bar.value for one in requirements if one.metric.name in named and not one.bar.champion]
    return min(found, default=None)


def memory_bar_bytes(requirements: Sequence[Requirement]) -> int | None:
    """Return the memory that answering may take (the least such bar), None where there is no bar."""
    found = [one.bar.value for one in requirements if one.metric.name == "memory" and not one.bar.champion]
    return None if not found else int(min(found))


def judge_live(
    record: LiveRecord,
    requirements: Sequence[Requirement],
    *,
    version: int | None,
    since: float,
    until: float | None = None,
    confidence: float = 0.95,
    policy: LabelPolicy = EVERY_LABEL,
    most: int | None = None,
) -> LiveVerdicts:
    """Judge the live requirements on the traffic of a version (None: of all) between two Unix times.

    policy: whose labels count for the accuracy that feedback shows; most: so many of the newest rows (None: all).
    """
    window = record.window(since, version, until, most)
    named = [one.subject.of for one in requirements if one.metric.per_input and one.subject.of is not None]
    labels = LabelledRows.of(record.labels(version, since, until) if version is not None else (), policy)
    found = (
        *measured(window, confidence, named),
        measure.from_counts(
            Subject(operation.LABELLED_ACCURACY), labels.right, len(labels), confidence, Phase.LIVE
        ),
        _estimated(window, confidence),
    )
    verdicts = judge(requirements, found, phases={Phase.LIVE})
    return LiveVerdicts(found, verdicts, len(window), _failures(window), window.dropped)


def measured(window: Window, confidence: float, inputs: Sequence[str] = ()) -> list[Measurement]:
    """Return the quantiles of latency, the rate of failures, and how often a value was never seen in training.

    Of answers that were written token by token also how soon they began, and how fast they were written.
    `inputs` are those of which the last is wanted, beside the rows as a whole.
    """
    times = RequestTimes(answered_s(window), window.first_s, window.tokens_per_second)
    is_written = bool(np.isfinite(window.first_s).any())
    quantiles = (*operation.LATENCIES, *(operation.WRITING if is_written else ()))
    rate = measure.from_counts(
        Subject("failure_rate"), _failures(window), len(window), confidence, Phase.LIVE
    )
    return [
        *(measure.from_samples(one, times.of(one), confidence, Phase.LIVE) for one in quantiles),
        rate,
        *_unseen_rates(window, confidence, inputs),
    ]


def _unseen_rates(window: Window, confidence: float, inputs: Sequence[str]) -> Iterator[Measurement]:
    """Yield the share of answered rows with a value that training never showed: in any input, then in each."""
    answered = int((window.code < FAILED_FROM).sum())
    yield measure.from_counts(
        Subject(operation.UNSEEN_RATE), len(window.unseen), answered, confidence, Phase.LIVE
    )
    for name in dict.fromkeys(inputs):
        rows = sum(name in names for names in window.unseen.values())
        subject = Subject(operation.UNSEEN_RATE, None, name)
        yield measure.from_counts(subject, rows, answered, confidence, Phase.LIVE)


def _estimated(window: Window, confidence: float) -> Measurement:
    """Return the mean confidence of the answers: their accuracy, as far as they are calibrated."""
    given = window.confidence[np.isfinite(window.confidence)]
    value = float(given.mean()) if len(given) else None
    low, high = intervals.mean(given, confidence) or (None, None)
    subject = Subject(operation.ESTIMATED_ACCURACY)
    return Measurement(subject, Phase.LIVE, value, low, high, len(given), "hall", confidence)


def answered_s(window: Window) -> NDArray[np.float64]:
    """Return the latencies that count: of rows that were answered, and of those that waited in vain.

    What is refused at once (overload, no worker) took no time, and would make a broken server judge_live fast.
    """
    seconds: NDArray[np.float64] = window.latency_s[(window.code < FAILED_FROM) | (window.code == _TIMED_OUT)]
    return seconds


def _failures(window: Window) -> int:
    return int((window.code >= FAILED_FROM).sum())
