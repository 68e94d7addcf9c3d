"""The section `tune` of the project file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)

from modelwright.core.messages import ProjectError, ValueProblem, shown
from modelwright.core.units import Unit, parse_quantity

Sampler = Literal["grid", "random", "tpe", "gp"]
Pruner = Literal["none", "median", "hyperband"]
Aim = Literal["cheapest", "best"]
TRIALS = 20  # of a search that is ended neither how many nor, as a grid, what to go through
POINTS = 3  # of a range, in a grid that does not say how many


class Range(BaseModel):
    """Numbers from `low` to `high`; whole ones where the key takes no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float = Field(description="the least")
    high: float = Field(description="the greatest")
    log: bool = Field(False, description="whether they are drawn evenly on a logarithmic scale")
    points: int | None = Field(
        None, ge=2, le=1000, description="how many of them a grid tries, ends included; 3 without it"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Range:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueProblem("tune.range-order", low=self.low, high=self.high)
        if self.log and self.low <= 0:
            raise ValueProblem("tune.range-log", low=self.low)
        return self


def _values(given: object) -> object:
    """Return a single value as a list of one."""
    return [given] if isinstance(given, str | int | float | bool) else given


Values = Annotated[Range | tuple[JsonValue, ...], BeforeValidator(_values)]


def _auto(given: object) -> object:
    """Return what `tune: auto` means: every key at its default."""
    return {} if given == "auto" else given


class TuneConfig(BaseModel):
    """A search among settings, before the plan. Without a space it tries the learners that accept the signature."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    space: Mapping[str, Values] | None = Field(
        None,
        description="what is tried: a path of this file (`learn.learning_rate`, `model.learner`, …) → a list of "
        "values, or `{low, high, log}`; without it, the learners that accept the signature, each with its own options",
    )
    trials: int | None = Field(
        None, ge=1, le=10_000, description="most trials; without it, all points of a grid, else 20"
    )
    budget: str | None = Field(
        None,
        description="the time that all trials may take together (`10 min`); without it, trials alone end an explicit "
        "search, and `learn.budget` one without a space",
    )
    sampler: Sampler = Field(
        "tpe",
        description="how trials are drawn: `grid` (every combination), `random`, `tpe` (Tree-structured Parzen "
        "Estimator) or `gp` (Gaussian process)",
    )
    pruner: Pruner = Field(
        "none",
        description="what ends a trial early by its validation scores while it learns: `none`, `median` or `hyperband`",
    )
    parallel: int = Field(1, ge=1, le=64, description="trials at a time, each in a process of its own")
    seed: int = Field(0, ge=0, lt=2**32, description="what every draw starts from")
    aim: Aim | None = Field(
        None,
        description="of the trials that meet every requirement, which is taken: the `cheapest` (latency, then "
        "size, then learning time) or the `best` (main metric of the outputs); without it, the cheapest where every "
        "output has a requirement on its answers, else the best",
    )
    trial_time: str | None = Field(
        None,
        description="the most time by the clock that one trial may take before it is stopped; without it, ten times "
        "its budget and five minutes",
    )
    memory: str | None = Field(
        None,
        description="the most memory that one trial may hold (`2 GB`) before it is stopped; without it, 90 % of this "
        "machine's, divided among the trials at a time",
    )

    @field_validator("space")
    @classmethod
    def _not_empty(cls, space: Mapping[str, Values] | None) -> Mapping[str, Values] | None:
        if space is not None and not space:
            raise ValueProblem("tune.empty-space")
        return space

    @field_validator("budget", "trial_time")
    @classmethod
    def _a_time(cls, text: str | None) -> str | None:
        return _above_zero(text, Unit.SECONDS)

    @field_validator("memory")
    @classmethod
    def _a_size(cls, text: str | None) -> str | None:
        return _above_zero(text, Unit.BYTES)

    @property
    def budget_s(self) -> float | None:
        """Return the seconds of all trials together, None where only their number ends the search."""
        return None if self.budget is None else parse_quantity(self.budget, Unit.SECONDS)


Tune = Annotated[TuneConfig, BeforeValidator(_auto, json_schema_input_type=TuneConfig | Literal["auto"])]


def _above_zero(text: str | None, unit: Unit) -> str | None:
    if text is None:
        return None
    try:
        found = parse_quantity(text, unit)
    except ProjectError:
        found = 0.0
    if not found > 0:
        raise ValueProblem("tune.no-amount", given=shown(text), time=unit is Unit.SECONDS)
    return text
