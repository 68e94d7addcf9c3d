"""What runs the trials: a protocol, so that the search knows nothing of processes, and what each comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from pydantic import JsonValue

from modelwright.core.evidence.measurement import Measurement
from modelwright.core.messages import Phrase
from modelwright.storage.formats.search import Cause, State

Reported = Callable[[int, str | None, Sequence[tuple[int, float]]], bool]
"""Called with a trial's number, its learner, and what it has reported so far; returns whether it is to be ended."""


@dataclass(frozen=True)
class TrialEnd:
    """What became of a trial, with the fields of `formats.search.SearchTrial`; plan: the folder of its sealed plan."""

    state: State
    seconds: float
    learner: str | None = None
    measurements: tuple[Measurement, ...] = ()
    learn_seconds: float | None = None
    settled: bool = False
    why: Phrase | None = None
    cause: Cause | None = None
    scores: tuple[tuple[int, float], ...] = ()
    package: str | None = None
    plan: Path | None = None


@dataclass(frozen=True)
class LastTrial:
    """The best of a search learned once more in the end, with what the budget has left.

    values: in which it differs; seconds: of the budget, that are kept for it; cut_s: of learning, below which the best
    was not cut short by its budget, so that more of it would change nothing; blend: the learner that blends the best
    trials then, None: there is none.
    """

    values: Mapping[str, JsonValue]
    seconds: float
    cut_s: float
    blend: str | None = None


class TrialRuns(Protocol):
    """Runs trials, several at once. A trial that fails raises nothing: its end says so."""

    def start(self, number: int, settings: Sequence[str], reported: Reported) -> None:
        """Begin a trial under these settings; called no more often than there may be trials at a time."""

    def next_end(self) -> tuple[int, TrialEnd]:
        """Wait until a trial that was started has ended, and return its number and what became of it."""

    def __enter__(self) -> Self:
        """Get ready."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End whatever is still under way."""
