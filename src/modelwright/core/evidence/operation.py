"""Metrics of the package and of live traffic: what it costs to run the function, and how often it fails."""

from __future__ import annotations

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.metric import Metric, share
from modelwright.core.units import Unit

_PACKAGE = frozenset({Phase.PACKAGE})
UNSEEN_RATE = "unseen_rate"
_ORDER = "order statistics (distribution-free)"


def _latency(name: str, quantile: float, words: str) -> Metric:
    return Metric(
        name=name,
        better="lower",
        unit=Unit.SECONDS,
        phases=frozenset({Phase.PACKAGE, Phase.LIVE}),
        family=None,
        per_class=False,
        interval=_ORDER,
        summary=f"time from request to answer that {words} of requests stay below",
        quantile=quantile,
    )


LATENCIES = (
    _latency("latency_p50", 0.5, "half"),
    _latency("latency_p95", 0.95, "95 %"),
    _latency("latency_p99", 0.99, "99 %"),
)
METRICS = (
    Metric(
        name="size",
        better="lower",
        unit=Unit.BYTES,
        phases=_PACKAGE,
        family=None,
        per_class=False,
        interval="exact",
        summary="bytes of the package's files",
    ),
    Metric(
        name="memory",
        better="lower",
        unit=Unit.BYTES,
        phases=_PACKAGE,
        family=None,
        per_class=False,
        interval="exact",
        summary="most memory held while answering",
    ),
    *LATENCIES,
    Metric(
        name="throughput",
        better="higher",
        unit=Unit.PER_SECOND,
        phases=_PACKAGE,
        family=None,
        per_class=False,
        interval="exact",
        summary="requests answered a second at the stated load",
    ),
    Metric(
        name="failure_rate",
        better="lower",
        unit=Unit.FRACTION,
        phases=frozenset({Phase.LIVE}),
        family=None,
        per_class=False,
        interval="mid-P (exact; each end misses with probability at most 1 - confidence)",
        summary="share of requests that are answered with an internal error, not one of the caller's",
        as_share=share,
    ),
    Metric(
        name=UNSEEN_RATE,
        better="lower",
        unit=Unit.FRACTION,
        phases=frozenset({Phase.TEST, Phase.LIVE}),
        family=None,
        per_class=False,
        interval="mid-P (exact; each end misses with probability at most 1 - confidence)",
        summary="share of rows with a value that training never showed (a new class or tag), in any input or in one",
        as_share=share,
        per_input=True,
    ),
)
