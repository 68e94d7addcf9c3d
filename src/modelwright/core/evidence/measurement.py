"""What is measured (Subject), where (Phase), and what was seen (Measurement)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Phase(StrEnum):
    """Names where a measurement is taken."""

    TEST = "test"  # held-out test data
    PACKAGE = "package"  # the packaged function itself: size, memory, latency
    LIVE = "live"  # real traffic
    TRAINING = "training"  # what training alone can show, such as a privacy budget


@dataclass(frozen=True)
class Subject:
    """Names what is measured: a metric, optionally of one output, one class and one slice of the rows.

    `where` is the canonical text of a slice (`lang == 'zh'`), so that subjects compare and hash by value.
    """

    metric: str
    output: str | None = None
    of: str | None = None
    where: str | None = None

    def __str__(self) -> str:
        output = f"{self.output}." if self.output else ""
        of = f"[{self.of}]" if self.of else ""
        where = f" where {self.where}" if self.where else ""
        return f"{output}{self.metric}{of}{where}"


@dataclass(frozen=True)
class Measurement:
    """Holds a value in base units (fraction, seconds, bytes, 1/s) with its interval and n.

    `low` and `high` bound the interval at `confidence`; `n` counts what the value rests on (rows, requests);
    `method` names how the interval was made ("mid-p", "saddlepoint", "hall", "order-statistics", "exact" …).
    `value` None means that nothing could be measured; a gate never passes on it. `unjudged` counts the rows that
    the subject's slice could not judge (a missing value, one that does not compare); they are in no slice. `groups`
    counts the groups that the n rows come in, where these are what is independent; None: each row is.
    """

    subject: Subject
    phase: Phase
    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str
    confidence: float = 0.95
    unjudged: int = 0
    groups: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the measurement as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Measurement:
        """Read what `as_json` wrote."""
        return cls(**{**data, "subject": Subject(**data["subject"]), "phase": Phase(data["phase"])})
