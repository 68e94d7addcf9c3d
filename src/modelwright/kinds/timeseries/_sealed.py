"""The states of series: of an input its window, of an output its forecast; and as packages hold them."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.common import Dumped
from modelwright.kinds.shared.gap_filling import MISSING
from modelwright.kinds.shared.sealed_state import Deviation, Name, SealedState
from modelwright.kinds.timeseries._levels import Level
from modelwright.kinds.timeseries._widths import Widths

MOST_DEVIATIONS = 1e6  # standardised truths are held within, so that float32 arithmetic stays finite
MOST_STEPS = 100_000
MOST_CHANNELS = 10_000


@dataclass(frozen=True)
class WindowState:
    """Of an input: the steps that are read, the fewest that training shows, the scale.

    mean, deviation: of all numbers of the training split on their own level; gaps: what stands for a step without a
    number, in training and in a request alike.
    """

    steps: int
    channels: int
    least: int
    level: Level
    mean: float
    deviation: float
    gaps: str = MISSING


@dataclass(frozen=True)
class ForecastState:
    """Of an output: the steps that are answered, each with quantiles at `levels`.

    level_of: the input on whose level an answer is (the mean of its newest `window` steps), None where the training
    split's own stands for it; season: what
    was measured so many steps before forecasts the training split best by itself, with the mean absolute error
    `naive`; rhythm: the like within half a window; below, above: by how much validation moves the ends of each step, in
    `widths`, or where these are None standardised; gaps: what stands for a step without a number of that input.
    """

    steps: int
    levels: tuple[float, ...]
    level_of: str | None
    level: Level
    mean: float
    deviation: float
    window: int | None = None
    season: int | None = None
    naive: float | None = None
    below: tuple[float, ...] | None = None
    above: tuple[float, ...] | None = None
    rhythm: int | None = None
    widths: Widths | None = None
    gaps: str = MISSING


def _rising(levels: list[float]) -> list[float]:
    if len(levels) % 2 == 0 or any(not left < right for left, right in itertools.pairwise(levels)):
        raise ValueError("levels rise, and one of them is in the middle")
    return levels


Steps = Annotated[int, Field(ge=1, le=MOST_STEPS)]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Moves = list[Annotated[float, Field(ge=-4 * MOST_DEVIATIONS, le=4 * MOST_DEVIATIONS)]]
Typical = Annotated[float, Field(gt=0.0, le=1.7e308)]
Gaps = Literal["missing", "previous", "linear"]
Finite = Annotated[float, Field(ge=-1e300, le=1e300)]


class _SealedWindow(SealedState):
    role: Literal["window"]
    steps: Steps
    channels: Annotated[int, Field(ge=1, le=MOST_CHANNELS)]
    least: Steps
    signed: bool
    typical: Typical
    mean: Finite
    deviation: Deviation
    gaps: Gaps = "missing"


class _SealedWidths(SealedState):
    by_step: Annotated[list[Deviation], Field(min_length=1, max_length=MOST_STEPS)]
    by_size: Annotated[float, Field(ge=0.0, le=MOST_DEVIATIONS)]
    rhythm: Steps
    usual: Deviation


class _SealedForecast(SealedState):
    role: Literal["forecast"]
    steps: Steps
    levels: Annotated[list[Share], Field(min_length=3, max_length=99), AfterValidator(_rising)]
    level_of: Name | None
    signed: bool
    typical: Typical
    mean: Finite
    deviation: Deviation
    window: Steps | None
    season: Steps | None
    naive: Annotated[float, Field(ge=0.0)] | None
    below: Moves | None
    above: Moves | None
    rhythm: Steps | None = None  # these two are not in what an earlier version sealed
    widths: dict[str, Any] | None = None
    gaps: Gaps = "missing"


def dump(state: WindowState | ForecastState) -> Dumped:
    """Return a state as JSON."""
    level: dict[str, Any] = {"signed": state.level.signed, "typical": state.level.typical}
    level |= {"mean": state.mean, "deviation": state.deviation, "steps": state.steps}
    level |= {} if state.gaps == MISSING else {"gaps": state.gaps}
    if isinstance(state, WindowState):
        return Dumped({"role": "window", "channels": state.channels, "least": state.least, **level}, {})
    moved = {
        name: None if one is None else list(one)
        for name, one in (("below", state.below), ("above", state.above))
    }
    of_truths: dict[str, Any] = {
        "levels": list(state.levels),
        "level_of": state.level_of,
        "window": state.window,
    }
    of_truths |= {"season": state.season, "naive": state.naive, "rhythm": state.rhythm}
    if state.widths is not None:
        of_truths["widths"] = {**asdict(state.widths), "by_step": list(state.widths.by_step)}
    return Dumped({"role": "forecast", **level, **of_truths, **moved}, {})


def load(dumped: Dumped) -> WindowState | ForecastState:
    """Read what `dump` returned; raises ValueProblem where it is absurd."""
    if dumped.data.get("role") == "window":
        one = _SealedWindow.read(dumped.data)
        if one.steps * one.channels > MOST_STEPS * 10 or one.least > one.steps:
            raise ValueProblem("state.absurd", key="steps", error=f"{one.least}, {one.steps}, {one.channels}")
        return WindowState(
            one.steps,
            one.channels,
            one.least,
            Level(one.signed, one.typical),
            one.mean,
            one.deviation,
            one.gaps,
        )
    found = _SealedForecast.read(dumped.data)
    for key, moved in (("below", found.below), ("above", found.above)):
        if moved is not None and len(moved) != found.steps:
            raise ValueProblem("state.absurd-count", key=key, count=len(moved), wanted=found.steps)
    widths = None if found.widths is None else _SealedWidths.read(found.widths)
    if widths is not None and len(widths.by_step) != found.steps:
        raise ValueProblem("state.absurd-count", key="by_step", count=len(widths.by_step), wanted=found.steps)
    return ForecastState(
        found.steps,
        tuple(found.levels),
        found.level_of,
        Level(found.signed, found.typical),
        found.mean,
        found.deviation,
        found.window,
        found.season,
        found.naive,
        None if found.below is None else tuple(found.below),
        None if found.above is None else tuple(found.above),
        found.rhythm,
        None
        if widths is None
        else Widths(tuple(widths.by_step), widths.by_size, widths.rhythm, widths.usual),
        found.gaps,
    )
