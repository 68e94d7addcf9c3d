"""What is declared of the metrics of operation: a change of one is a change of what a project file means."""

from __future__ import annotations

import dataclasses

from modelwright.core.evidence import operation
from modelwright.core.evidence.operation import LATENCIES, METRICS


def test_every_declaration(gold):
    lines = []
    for metric in METRICS:
        values = {one.name: getattr(metric, one.name) for one in dataclasses.fields(metric)}
        said = {
            name: sorted(value) if isinstance(value, frozenset) else value for name, value in values.items()
        }
        lines += [f"{name}: {'declared' if callable(value) else value}" for name, value in said.items()] + [
            ""
        ]
    gold("core/metrics_of_operation.txt", "\n".join(lines))


def test_a_latency_is_declared_by_its_name_quantile_and_words():
    assert operation._latency("latency_p95", 0.95, "95 %") == LATENCIES[1]
    assert operation._latency("latency_p50", 0.5, "half") == LATENCIES[0]
    assert operation._latency("latency_p50", 0.5, "half") != LATENCIES[1]


def test_latencies_are_named_by_their_quantile():
    assert {one.name: one.quantile for one in LATENCIES} == {
        "latency_p50": 0.5,
        "latency_p95": 0.95,
        "latency_p99": 0.99,
    }
