"""What is worth knowing before learning: what does not fit, keys without effect, bars that will not be kept.

The bars are held against the sealed forecast (`of_bars`), not sealed with it: a bar that moves plans nothing again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelwright.core.requirements.requirement import Requirement
from modelwright.core.units import Unit, format_quantity
from modelwright.learners.base import Forecast, Learner, Training
from modelwright.stages.plan.config import LearnConfig
from modelwright.stages.plan.ranking import StepForecast
from modelwright.storage.formats.data import DataProfile

# Of the exported size, what weights in 8 bits leave: all-MiniLM-L6-v2 takes 90.8 MB, and 23.4 MB compressed.
COMPRESSED_SHARE = 0.26


def warnings(chosen: StepForecast, learn: LearnConfig, profile: DataProfile) -> tuple[str, ...]:
    """Return one line for each thing that is likely to go wrong or to disappoint."""
    name = chosen.learner.name
    return (
        *([f"{name} is taken as the quickest, and does not fit: {chosen.lack}"] if chosen.lack else []),
        *chosen.forecast.warnings,
        *_without_effect(chosen.learner, learn),
        *_constant(profile),
    )


def of_bars(forecast: Mapping[str, Any], requirements: Sequence[Requirement]) -> Iterator[str]:
    """Yield one line for each bar that the sealed forecast (`forecast.json`) breaks."""
    for requirement in requirements:
        if requirement.bar.champion or requirement.metric.better != "lower":
            continue
        name, bar = requirement.subject.metric, requirement.bar.value
        if name == "size" and forecast["package_bytes"] > bar:
            yield f"{requirement.text}: {_size(forecast, bar)}"
        if name.startswith("latency_") and forecast["latency_s"] > bar:
            took = format_quantity(forecast["latency_s"], Unit.SECONDS)
            yield f"{requirement.text}: one request took {took} here, before export and compression"


def compressed_bytes(learner: Learner, forecast: Forecast) -> int | None:
    """Return what the package is likely to take in 8 bits, None where the learner has no such form."""
    return int(forecast.package_bytes * COMPRESSED_SHARE) if learner.compresses else None


def _size(forecast: Mapping[str, Any], bar: float) -> str:
    exported = format_quantity(forecast["package_bytes"], Unit.BYTES)
    small = forecast["compressed_bytes"]
    if small is None:
        return f"forecast are up to {exported}, and {forecast['learner']} has no smaller form"
    told = f"forecast are {exported} as exported and about {format_quantity(small, Unit.BYTES)} in 8 bits"
    return f"{told}; only the compressed one can meet it" if small <= bar else f"{told}; neither can meet it"


def _without_effect(learner: Learner, learn: LearnConfig) -> Iterator[str]:
    given = [name for name in Training.model_fields if getattr(learn, name) is not None]
    for name in given:
        if name not in learner.takes:
            takes = ", ".join(sorted(learner.takes))
            yield f"learn.{name} has no effect on {learner.name}, which takes {takes}"


def _constant(profile: DataProfile) -> Iterator[str]:
    for name, column in profile.inputs.items():
        if column.missing == column.rows:
            yield f"input `{name}` is missing in every row, and teaches nothing"
        elif not column.missing and column.distinct == 1:
            yield f"input `{name}` has the same value in every row, and teaches nothing"
