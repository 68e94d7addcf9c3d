"""What a search draws from: one axis a key of the space, some only beside certain learners."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from pydantic import JsonValue

from modelwright.core.json_types import JsonObject

LEARNER = "model.learner"


@dataclass(frozen=True)
class Axis:
    """One key of the space.

    values: those to choose from, None of a range; low, high: its ends; log: drawn evenly on a logarithmic scale; whole:
    whole numbers alone; points: how many a grid tries; learners: beside which it is drawn, None: beside every one;
    given: another key, and its values with which this one means something (momentum, with some optimisers), None: all.
    """

    key: str
    values: tuple[JsonValue, ...] | None = None
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    points: int = 3
    learners: tuple[str, ...] | None = None
    given: tuple[str, tuple[JsonValue, ...]] | None = None

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

    def fits(self, drawn: Mapping[str, JsonValue]) -> bool:
        """Tell whether it means something beside what was drawn before it."""
        if self.given is None:
            return True
        key, values = self.given
        return key not in drawn or drawn[key] in values


@dataclass(frozen=True)
class Space:
    """All axes, each behind that by which it is given.

    learners: those that are tried, none where the project file names one or leaves it to `plan`.
    """

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
        """Yield every point of the grid, each once: of a learner the combinations of what is drawn beside it."""
        for learner, axes in self.branches():
            points: list[dict[str, JsonValue]] = [{} if learner is None else {LEARNER: learner}]
            for axis in axes:
                points = [
                    point | more
                    for point in points
                    for more in ([{axis.key: one} for one in axis.grid()] if axis.fits(point) else [{}])
                ]
            yield from points

    def size(self) -> int | None:
        """Return how many points there are, None where a range of numbers has no end of them."""
        if any(axis.values is None and not axis.whole for _, axes in self.branches() for axis in axes):
            return None
        return sum(_combinations(axes, _every) for _, axes in self.branches())

    def grid_size(self) -> int:
        """Return how many points the grid has."""
        return sum(_combinations(axes, lambda axis: len(axis.grid())) for _, axes in self.branches())


def _every(axis: Axis) -> int:
    return len(axis.values) if axis.values is not None else int(axis.high - axis.low) + 1


def _combinations(axes: Sequence[Axis], count: Callable[[Axis], int]) -> int:
    """Return how many points axes have together, where each has so many values."""
    given = {
        axis.key: [one for one in axes if one.given is not None and one.given[0] == axis.key] for axis in axes
    }
    found = 1
    for axis in axes:
        if axis.given is not None and axis.given[0] in given:
            continue  # counted with that by which it is given
        behind = given[axis.key]
        # of each value the combinations of what means something beside it
        found *= (
            sum(
                math.prod(count(one) for one in behind if one.fits({axis.key: value}))
                for value in axis.values or ()
            )
            if behind
            else count(axis)
        )
    return found


def setting_of(key: str, value: JsonValue) -> str:
    """Return a value of a key as `--set` reads it back."""
    if isinstance(value, str | list | dict):
        return f"{key}={json.dumps(value, ensure_ascii=False)}"
    return f"{key}={json.dumps(value)}"


def settings_of(values: Mapping[str, JsonValue], more: Sequence[str] = ()) -> tuple[str, ...]:
    """Return a point of the space as `--set` texts, the learner first, for its options need it."""
    ordered = sorted(values.items(), key=lambda item: item[0] != LEARNER)
    return (*more, *(setting_of(key, value) for key, value in ordered))
