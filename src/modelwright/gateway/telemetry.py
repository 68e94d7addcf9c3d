"""What the gateway counts, for Prometheus. Base units, no data of users in labels, and those bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from modelwright.core.evidence.verdict import Outcome, Verdict
from modelwright.core.messages import visible
from modelwright.gateway.writing_telemetry import WritingTelemetry

_SECONDS = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05),
    *(0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0),
)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Telemetry:
    """The metrics of one gateway, in a registry of their own."""

    def __init__(self, function: str) -> None:
        self.registry = CollectorRegistry()
        self._function = function
        self._requests = self._counter("requests", "Requests answered", "version", "code")
        self._rejected = self._counter("rejected", "Requests refused, by the id of the rule", "reason")
        self._weight = self._gauge("traffic_weight", "Share of the traffic that a version gets", "version")
        self._value = self._gauge(
            "requirement_value", "A live requirement's value, in base units", "requirement", "version"
        )
        self._verdict = self._gauge(
            "requirement_verdict", "1 at the verdict that holds", "requirement", "version", "verdict"
        )
        self._not_mirrored = self._counter(
            "not_mirrored_rows", "Rows that a version that is only watched did not get, for want of room"
        ).labels(function)
        self.cache_hits = self._counter("cache_hits", "Requests answered without a worker").labels(function)
        self._feedback = self._counter(
            "feedback_rows", "Answers whose truth was reported, by what became of that", "result"
        )
        self.writing = WritingTelemetry(function, self.registry)
        self._unseen = self._counter("unseen_values", "Values that training never showed", "input")
        self.request_s = self._histogram("request_duration_seconds", "From a request to its answer", _SECONDS)
        self.queue_s = self._histogram("queue_duration_seconds", "Waiting for a batch", _SECONDS)
        self.inference_s = self._histogram(
            "inference_duration_seconds", "Encoding, graph and decoding of a request's batch", _SECONDS
        )
        self.batch_rows = self._histogram("batch_size", "Rows of the batch that a request was in", _ROWS)
        self.in_flight = self._gauge("requests_in_flight", "Requests that are not answered yet").labels(
            function
        )
        # labels() locks and hashes; the pairs that occur are few
        self._answered = cache(lambda version, code: self._requests.labels(function, version, code))

    def answered(self, version: str, code: int) -> None:
        """Count an answer."""
        self._answered(version, str(code)).inc()

    def rejected(self, reason: str) -> None:
        """Count a refusal by the id of its rule."""
        self._rejected.labels(self._function, reason).inc()

    def not_mirrored(self, rows: int) -> None:
        """Count rows that a version that is only watched did not get."""
        self._not_mirrored.inc(rows)

    def feedback(self, **rows: int) -> None:
        """Count answers whose truth was reported, by what became of that."""
        for result, count in rows.items():
            self._feedback.labels(self._function, result).inc(count)

    def unseen(self, names: Iterable[str]) -> None:
        """Count values that training never showed, by their input."""
        for name in names:
            self._unseen.labels(self._function, name).inc()

    def traffic(self, weights: Iterable[tuple[int, float]]) -> None:
        """Show which version gets which share of the traffic."""
        self._weight.clear()
        for version, share in weights:
            self._weight.labels(self._function, str(version)).set(share)

    def requirements(self, verdicts: Mapping[int, Iterable[Verdict]]) -> None:
        """Show how live requirements stand, by version: the value, and 1 at the verdict that holds, 0 at the others."""
        self._value.clear()
        self._verdict.clear()
        for version, verdict in ((version, one) for version, several in verdicts.items() for one in several):
            where = (self._function, str(verdict.requirement), str(version))
            if verdict.measurement is not None and verdict.measurement.value is not None:
                self._value.labels(*where).set(verdict.measurement.value)
            for outcome in Outcome:
                self._verdict.labels(*where, outcome.value).set(outcome is verdict.outcome)

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        text = generate_latest(self.registry).decode()
        return visible(text).encode()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"modelwright_{name}", text, ("function", *labels), registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float]) -> Histogram:
        whole = Histogram(f"modelwright_{name}", text, ("function",), registry=self.registry, buckets=buckets)
        return whole.labels(self._function)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"modelwright_{name}", text, ("function", *labels), registry=self.registry)
