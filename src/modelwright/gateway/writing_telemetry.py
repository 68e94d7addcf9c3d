"""What the gateway counts of texts that are written token by token: how soon, how fast, how many tokens, what waits."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from modelwright.kinds.contract.common import WritingTimes
from modelwright.runtime.drivers.contract.driver import Load

_FIRST_S = (
    *(0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75),
    *(1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0),
)
_BETWEEN_S = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04),
    *(0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0),
)


class WritingTelemetry:
    """The metrics of writing; of a function that answers at once they have no series."""

    def __init__(self, function: str, registry: CollectorRegistry) -> None:
        self._function = function
        labels = ("function",)
        self._first_s = Histogram(
            "modelwright_time_to_first_token_seconds",
            "From handing a question to a worker to the first token of its answer",
            labels,
            registry=registry,
            buckets=_FIRST_S,
        )
        self._between_s = Histogram(
            "modelwright_time_between_tokens_seconds",
            "From one token of an answer to the next",
            labels,
            registry=registry,
            buckets=_BETWEEN_S,
        )

        def counter(name: str, text: str) -> Counter:
            return Counter(f"modelwright_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"modelwright_{name}", text, labels, registry=registry)

        self._counters = {
            "prompt_tokens": counter("prompt_tokens", "Tokens of prompts"),
            "kept_tokens": counter("kept_prompt_tokens", "Of these, known from an earlier prompt"),
            "written_tokens": counter("written_tokens", "Tokens of answers, whoever left meanwhile"),
        }
        self._gauges = {
            "waiting": gauge("answers_waiting", "Answers that wait for a place in the cache"),
            "writing": gauge("answers_writing", "Answers that are being written, prompts being read"),
            "cache_bytes": gauge("kv_cache_bytes", "Keys and values held, kept beginnings of prompts too"),
        }

    def written(self, rows: Iterable[WritingTimes | None]) -> None:
        """Count when the tokens of answers came."""
        for row in rows:
            if row is not None:
                self._first_s.labels(self._function).observe(row.first_s)
                between_s = self._between_s.labels(self._function)
                for gap_s in row.gaps_s:
                    between_s.observe(gap_s)

    def load(self, before: Load, now: Load) -> None:
        """Count what one worker has sent: what it has done since `before`, and what it has to do instead."""
        for name, counter in self._counters.items():
            counter.labels(self._function).inc(getattr(now, name) - getattr(before, name))
        for name, gauge in self._gauges.items():
            gauge.labels(self._function).inc(getattr(now, name) - getattr(before, name))
