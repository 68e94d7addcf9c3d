"""What a search draws from: one axis a key of the space, some only beside certain learners."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from pydantic import JsonValue

from modelwright.core.json_types import JsonObject

LEARNER = "model.learner"


@dataclass(frozen=True)
class Axis:
    """One key of the space.

    values: those to choose from, None of a range; low, high: its ends; log: drawn evenly on a logarithmic scale; whole:
    whole numbers alone; points: how many a grid tries; learners: beside which it is drawn, None: beside every one.
    """

    key: str
    values: tuple[JsonValue, ...] | None = None
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    points: int = 3
    learners: tuple[str, ...] | None = None

    def grid(self) -> tuple[JsonValue, ...]:
        """Return what a grid tries: every value, or evenly spaced points of a range, ends included."""
        if self.values is not None:
            return self.values
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        at = [low + (high - low) * place / (self.points - 1) for place in range(self.points)]
        inner = [math.exp(one) if self.log else one for one in at[1:-1]]
        found = [self.low, *inner, self.high]
        return tuple(dict.fromkeys(self.number(one) for one in found))

    def number(self, value: float) -> int | float:
        """Return a number of the range as its key takes it, with no more digits than tell it from its neighbours."""
        if self.whole:
            return round(value)
        return float(f"{value:.6g}") if self.low < value < self.high else value

    def beside(self, learner: str | None) -> bool:
        """Tell whether it is drawn where a learner is."""
        return self.learners is None or learner in self.learners


@dataclass(frozen=True)
class Space:
    """All axes; `learners`: those that are tried, none where the project file names one or leaves it to `plan`."""

    axes: tuple[Axis, ...]
    learners: tuple[str, ...] = ()

    def to_json(self) -> JsonObject:
        """Return it as it enters a key."""
        found: JsonObject = asdict(self)
        return found

    def branches(self) -> Iterator[tuple[str | None, tuple[Axis, ...]]]:
        """Yield each learner with the axes that are drawn beside it; None where there is no choice of learners."""
        for learner in self.learners or (None,):
            yield learner, tuple(axis for axis in self.axes if axis.beside(learner))

    def points(self) -> Iterator[dict[str, JsonValue]]:
        """Yield every point of the grid: of each learner the combinations of what is drawn beside it."""
        for learner, axes in self.branches():
            first: dict[str, JsonValue] = {} if learner is None else {LEARNER: learner}
            for chosen in itertools.product(*(axis.grid() for axis in axes)):
                yield first | {axis.key: value for axis, value in zip(axes, chosen, strict=True)}

    def size(self) -> int | None:
        """Return how many points there are, None where a range of numbers has no end of them."""
        count = 0
        for _, axes in self.branches():
            if any(axis.values is None and not axis.whole for axis in axes):
                return None
            count += math.prod(
                len(axis.values) if axis.values is not None else int(axis.high - axis.low) + 1
                for axis in axes
            )
        return count

    def grid_size(self) -> int:
        """Return how many points the grid has."""
        return sum(math.prod(len(axis.grid()) for axis in axes) for _, axes in self.branches())


def setting_of(key: str, value: JsonValue) -> str:
    """Return a value of a key as `--set` reads it back."""
    if isinstance(value, str | list | dict):
        return f"{key}={json.dumps(value, ensure_ascii=False)}"
    return f"{key}={json.dumps(value)}"


def settings_of(values: Mapping[str, JsonValue], more: Sequence[str] = ()) -> tuple[str, ...]:
    """Return a point of the space as `--set` texts, the learner first, for its options need it."""
    ordered = sorted(values.items(), key=lambda item: item[0] != LEARNER)
    return (*more, *(setting_of(key, value) for key, value in ordered))
