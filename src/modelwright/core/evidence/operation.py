"""Metrics of the package and of live traffic: what it costs to run the function, and how often it fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.metric import Metric, share
from modelwright.core.evidence.shares import OF_A_SHARE
from modelwright.core.units import Unit

_PACKAGE = frozenset({Phase.PACKAGE})
UNSEEN_RATE = "unseen_rate"
FAILURE_RATE = "failure_rate"
LABELLED_ACCURACY = "labelled_accuracy"
ESTIMATED_ACCURACY = "estimated_accuracy"
DISAGREEMENT = "disagreement"
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


# of outputs that may be written token by token
_WRITES = ("texts", "records")


def _first_token(name: str, quantile: float, words: str) -> Metric:
    return replace(
        _latency(name, quantile, words),
        summary=f"time from request to the first token of a written answer that {words} of requests stay below",
        sample="first_s",
        beside=_WRITES,
    )


WRITING = (
    _first_token("ttft_p50", 0.5, "half"),
    _first_token("ttft_p95", 0.95, "95 %"),
    _first_token("ttft_p99", 0.99, "99 %"),
    replace(
        _latency("tokens_per_second", 0.5, "half"),
        better="higher",
        unit=Unit.NUMBER,
        summary="tokens a second, after the first one, that half of the written answers reach",
        sample="tokens_per_second",
        beside=_WRITES,
    ),
)


def _of_package(name: str, unit: Unit, summary: str, better: Literal["higher", "lower"] = "lower") -> Metric:
    return Metric(
        name=name,
        better=better,
        unit=unit,
        phases=_PACKAGE,
        family=None,
        per_class=False,
        interval="exact",
        summary=summary,
    )


def _share_of_requests(
    name: str,
    summary: str,
    phases: frozenset[Phase],
    *,
    per_input: bool = False,
    better: Literal["higher", "lower"] = "lower",
) -> Metric:
    return Metric(
        name=name,
        better=better,
        unit=Unit.FRACTION,
        phases=phases,
        family=None,
        per_class=False,
        interval=OF_A_SHARE,
        summary=summary,
        as_share=share,
        per_input=per_input,
    )


METRICS = (
    _of_package("size", Unit.BYTES, "bytes of the package's files"),
    _of_package("memory", Unit.BYTES, "most memory held while answering"),
    *LATENCIES,
    *WRITING,
    _of_package("throughput", Unit.PER_SECOND, "requests answered a second at the stated load", "higher"),
    _share_of_requests(
        FAILURE_RATE,
        "share of requests that are answered with an internal error, not one of the caller's",
        frozenset({Phase.LIVE}),
    ),
    _share_of_requests(
        UNSEEN_RATE,
        "share of rows with a value that training never showed (a new class or tag, a number far outside), in any "
        "input or in one",
        frozenset({Phase.TEST, Phase.LIVE}),
        per_input=True,
    ),
    _share_of_requests(
        LABELLED_ACCURACY,
        "share of answered requests whose truth, as feedback gives it, is what was answered",
        frozenset({Phase.LIVE}),
        better="higher",
    ),
    _share_of_requests(
        ESTIMATED_ACCURACY,
        "share of right answers that the confidences promise, without any label; as good as they are calibrated",
        frozenset({Phase.LIVE}),
        better="higher",
    ),
    _share_of_requests(
        DISAGREEMENT,
        "share of requests that the version in production and the one that gets copies of them answer differently",
        frozenset({Phase.LIVE}),
    ),
)
