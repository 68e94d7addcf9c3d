"""Draws the settings of a trial: a pure function of the space, the seed, its number, and the trials that it may know.

A fresh study in memory is given these each time, so that a search that was killed draws the same again. Optuna
(Akiba et al. 2019) draws at random, by TPE (Bergstra et al. 2011) and by a Gaussian process; a grid needs none.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial
from pydantic import JsonValue

from modelwright.stages.tune.axes import LEARNER, Axis, Space
from modelwright.stages.tune.config import Sampler

_REDRAWN = 8  # times, of a point that was tried before; then at random
_AT_RANDOM = 64  # times more, before a space is taken to be exhausted

optuna.logging.set_verbosity(optuna.logging.ERROR)


@dataclass(frozen=True)
class Known:
    """A trial that a draw may know.

    values: what was drawn; aimed: what is made small, None of one that is still running, or ended without; bars: by
    requirement how far it is missed, at most 0 where it is kept; running: whether it is still under way.
    """

    values: Mapping[str, JsonValue]
    aimed: float | None
    bars: Mapping[str, float]
    running: bool = False


def draw(
    space: Space,
    sampler: Sampler,
    seed: int,
    number: int,
    known: Sequence[Known],
    tried: Sequence[Mapping[str, JsonValue]],
) -> dict[str, JsonValue] | None:
    """Return the settings of a trial, none of `tried`; None where no other is found."""
    if sampler == "grid":
        points = list(space.points())
        return points[number] if number < len(points) else None
    for attempt in range(_REDRAWN + _AT_RANDOM):
        # one stream of random numbers for each trial and attempt, whatever ran before
        own = int(np.random.SeedSequence([seed, number, attempt]).generate_state(1)[0])
        how: Sampler = sampler if attempt < _REDRAWN else "random"
        found = _drawn(space, _sampler(how, own), () if how == "random" else known)
        if found not in tried:
            return found
    return None


def _sampler(name: Sampler, seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if name == "random":
            return RandomSampler(seed=seed)
        if name == "gp":
            return GPSampler(seed=seed, warn_independent_sampling=False)
        # multivariate, in groups: keys of one learner are drawn together, whatever others have
        return TPESampler(seed=seed, multivariate=True, group=True)


def _drawn(space: Space, sampler: BaseSampler, known: Sequence[Known]) -> dict[str, JsonValue]:
    study = optuna.create_study(sampler=sampler)
    for one in known:
        study.add_trial(_known(space, one))
    trial = study.ask()
    learner: str | None = None
    found: dict[str, JsonValue] = {}
    if space.learners:
        learner = str(trial.suggest_categorical(LEARNER, list(space.learners)))
        found[LEARNER] = learner
    for axis in space.axes:
        if not axis.beside(learner) or not axis.fits(found):
            continue
        name = _name(axis, learner)
        if axis.values is not None:
            place = trial.suggest_categorical(name, list(range(len(axis.values))))
            found[axis.key] = axis.values[int(place)]
        elif axis.whole:
            found[axis.key] = trial.suggest_int(name, int(axis.low), int(axis.high), log=axis.log)
        else:
            found[axis.key] = axis.number(trial.suggest_float(name, axis.low, axis.high, log=axis.log))
    return found


def _name(axis: Axis, learner: str | None) -> str:
    """Return the name of an axis in the study: beside another learner, the same key means another thing."""
    return axis.key if learner is None else f"{learner}: {axis.key}"


def _known(space: Space, one: Known) -> FrozenTrial:
    learner = one.values.get(LEARNER) if space.learners else None
    params: dict[str, object] = {}
    distributions: dict[str, BaseDistribution] = {}
    if space.learners:
        params[LEARNER], distributions[LEARNER] = learner, CategoricalDistribution(list(space.learners))
    for axis in space.axes:
        if axis.key not in one.values or not axis.beside(None if learner is None else str(learner)):
            continue
        name, value = _name(axis, None if learner is None else str(learner)), one.values[axis.key]
        distributions[name] = _distribution(axis)
        params[name] = axis.values.index(value) if axis.values is not None else value
    if one.running:
        return create_trial(state=TrialState.RUNNING, params=params, distributions=distributions)
    if one.aimed is None:  # it ended without a value: worse than every one that has one
        return create_trial(state=TrialState.PRUNED, params=params, distributions=distributions)
    return create_trial(
        value=one.aimed, params=params, distributions=distributions, constraints=dict(one.bars) or None
    )


def _distribution(axis: Axis) -> BaseDistribution:
    if axis.values is not None:
        return CategoricalDistribution(list(range(len(axis.values))))
    if axis.whole:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)
