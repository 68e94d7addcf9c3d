"""What `tune` seals: every trial with what it showed on validation, and the plans of those that came to a package.

search/search.json          the trials; which of them is taken is no part of it (see `stages.tune.judging`)
plans/0007/choice/…         what `plan` sealed for trial 7, so that it is learned again to the same bits
plans/0007/forecast/…
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from pydantic import JsonValue, TypeAdapter

from modelwright.core.evidence.measurement import Measurement
from modelwright.storage.formats.document import Document
from modelwright.storage.formats.plan import SealedNotice, SealedPhrase

State = Literal["done", "failed", "pruned"]
Cause = Literal["error", "memory", "time", "crash"]
MEASUREMENTS: TypeAdapter[tuple[Measurement, ...]] = TypeAdapter(tuple[Measurement, ...])
"""Reads and writes what a trial showed, where it is sent from one process to another."""

_SEARCH = Document("search.json", made_by="tune", number=1)


@dataclass(frozen=True)
class SearchTrial:
    """One setting that was tried.

    values: key of the space → what was drawn; settings: all in which it differs from the project file (`--set` texts);
    learner: None where it failed before one was taken; measurements: of the package, on validation rows and of running
    it; seconds: what it took of the budget; learn_seconds: of these, learning; settled: whether that ended before
    its last step, so that a larger budget changes nothing; why, cause: of one that failed or was
    pruned; scores: what it had reported while learning, by step: the share of answers that were wrong, or a loss;
    package: its digest.
    """

    number: int
    values: Mapping[str, JsonValue]
    settings: tuple[str, ...]
    state: State
    seconds: float
    learner: str | None = None
    measurements: tuple[Measurement, ...] = ()
    learn_seconds: float | None = None
    settled: bool = False
    why: SealedPhrase | None = None
    cause: Cause | None = None
    scores: tuple[tuple[int, float], ...] = ()
    package: str | None = None

    def value(self, metric: str, output: str | None = None) -> float | None:
        """Return what was measured of a metric as a whole, None where it was not."""
        for one in self.measurements:
            subject = one.subject
            if (subject.metric, subject.output, subject.of, subject.where) == (metric, output, None, None):
                return one.value
        return None

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a line of the journal; raises ValueError for what is none."""
        return TypeAdapter(cls).validate_json(text)

    def to_json(self) -> str:
        """Return a line of the journal."""
        return TypeAdapter(type(self)).dump_json(self).decode()


@dataclass(frozen=True)
class Search:
    """All trials of a search, in the order in which they were drawn, and what they were drawn from.

    main: output → its main metric, and whether higher is better; bars: the requirements under which packages
    chose where they answer; ended: what ended it (`trials`, `budget`, `exhausted`); wanted: the most trials;
    combinations: of a grid, how many there are.
    """

    trials: tuple[SearchTrial, ...]
    main: Mapping[str, tuple[str, bool]]
    bars: tuple[str, ...]
    ended: Literal["trials", "budget", "exhausted"]
    sampler: str
    pruner: str
    seed: int
    parallel: int
    wanted: int
    seconds: float
    budget_s: float | None = None
    combinations: int | None = None
    warnings: tuple[SealedNotice, ...] = field(default=())

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a part `search`; raises StateError for what is none of ours."""
        return _SEARCH.read(folder, cls)

    def write(self, folder: Path) -> None:
        """Write it into a part `search`."""
        _SEARCH.write(folder, self)


def plan_folder(plans: Path, number: int) -> Path:
    """Return where the plan of a trial lies in a part `plans`."""
    return plans / f"{number:04d}"
