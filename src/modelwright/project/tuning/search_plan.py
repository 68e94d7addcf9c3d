"""What a search tries, in which time: the declared space, or that of every learner where none is declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from pydantic import JsonValue

from modelwright import learners
from modelwright.core.messages import Notice
from modelwright.core.signature import Signature
from modelwright.core.units import Unit, parse_quantity
from modelwright.project.declaration.project_file import Opened
from modelwright.project.tuning.declared_space import blends, declared_space, require_optuna
from modelwright.project.tuning.own_processes import TrialBounds
from modelwright.stages.tune.axes import LEARNER, Axis, Space, setting_of
from modelwright.stages.tune.config import TRIALS, TuneConfig
from modelwright.stages.tune.trial_runs import LastTrial
from modelwright.storage.formats.plan import Machine

EXPLORED = 0.5  # of the budget of a search without a space; what is left is for the best to learn with
LEAST_SHARES = 4  # into which that half is divided at least, and at least one more than there are learners
AUTO_TRIALS = 60  # the most, where trials are quick
_OF_MEMORY = 0.9
_CUT = 0.4  # of its budget: whoever learned for longer may have been cut short by it
_CLOCK, _CLOCK_MORE_S = (
    10.0,
    300.0,
)  # times the budget of a trial, and more: a busy machine is no fault of a trial


@dataclass(frozen=True)
class SearchPlan:
    """What is tried.

    space: what is drawn from; first: settings that are tried before; common: settings of every trial; config: the
    section, with the number of trials; budget_s: of all together; learners: that may be taken; notices: what the
    space left out; last: the setting under which the best is learned once more in the end, where its budget cut it;
    last_s: what of the budget is kept for that; variants: the project under settings that decide what a plan reads.
    """

    space: Space
    first: tuple[Mapping[str, JsonValue], ...]
    common: tuple[str, ...]
    config: TuneConfig
    budget_s: float | None
    learners: tuple[str, ...]
    notices: tuple[Notice, ...]
    variants: tuple[Opened, ...]
    last: LastTrial | None = None


def search_plan(opened: Opened, signature: Signature, able: Sequence[str]) -> SearchPlan:
    """Return what is tried; raises ProjectError with everything that is wrong in the section `tune`.

    able: the learners that could be taken, as `plan` finds them: installed, and with the weights that they need.
    """
    config = opened.file.tune
    assert config is not None
    require_optuna(opened)
    if config.space is None:
        return _auto(opened, able, config)
    found = declared_space(opened, signature, [one for one in able if not blends(one)])
    space = found.space
    budget_s = config.budget_s
    common: tuple[str, ...] = ()
    keys = {axis.key for axis in space.axes}
    if (
        budget_s is not None
        and "learn.budget" not in keys
        and "budget" not in opened.file.learn.model_fields_set
    ):
        wanted = config.trials or (space.grid_size() if config.sampler == "grid" else TRIALS)
        common = (_budget(budget_s * config.parallel / wanted),)
    named = space.learners or tuple(able)
    return SearchPlan(
        space, (), common, config, budget_s, named, found.notices, tuple(_variants(opened, space))
    )


def _auto(opened: Opened, able: Sequence[str], config: TuneConfig) -> SearchPlan:
    """Return a search among the learners that accept the signature, each first as it is by default.

    Those that learn in seconds come first, so that a short budget has a result.
    """
    blend = next((one for one in able if blends(one)), None)
    able = [one for one in able if not blends(one)]
    named = tuple(sorted(able, key=_slowness))
    given = set(opened.file.model.options)
    axes = tuple(
        Axis(
            key,
            values=between if isinstance(between, tuple) else None,
            low=0.0 if isinstance(between, tuple) else between.low,
            high=0.0 if isinstance(between, tuple) else between.high,
            log=False if isinstance(between, tuple) else between.log,
            whole=not isinstance(between, tuple) and between.whole,
            learners=(name,),
        )
        for name in named
        for key, between in learners.spec(name).space.items()
        if key.partition(".")[2] not in given and not _is_given(opened, key)
    )
    space = Space(axes, named)
    budget_s = config.budget_s or opened.file.learn.budget_s
    each_s = budget_s * EXPLORED * config.parallel / max(LEAST_SHARES, len(named) + 1)
    common = (_budget(each_s),)
    if config.trials is None:
        most = space.size()
        config = config.model_copy(update={"trials": AUTO_TRIALS if most is None else min(most, AUTO_TRIALS)})
    first = tuple({LEARNER: name} for name in named)
    last_s = budget_s * (1 - EXPLORED)
    # keys that one learner takes would be none of a blend's
    blend = blend if not opened.file.model.options else None
    last = LastTrial({"learn.budget": f"{last_s:.4g} s"}, last_s, each_s * _CUT, blend)
    return SearchPlan(
        space,
        first,
        common,
        config,
        budget_s,
        (*named, *([blend] if blend is not None else [])),
        (),
        tuple(_variants(opened, space)),
        last,
    )


def _slowness(learner: str) -> tuple[bool, bool, int, str]:
    """Return what orders learners by how long they are likely to take."""
    spec = learners.spec(learner)
    return spec.needs_pretrained, "torch" in spec.modules, spec.rank, learner


def _is_given(opened: Opened, key: str) -> bool:
    """Tell whether the project file sets a key itself; a search without a space leaves it so."""
    here: object = opened.content
    for part in key.split("."):
        if not isinstance(here, Mapping) or part not in here:
            return False
        here = here[part]
    return True


def _budget(seconds: float) -> str:
    return setting_of("learn.budget", f"{seconds:.4g} s")


def _variants(opened: Opened, space: Space) -> Sequence[Opened]:
    """Return the project with each learner, and with each name of weights or of what it brings, that may be drawn."""
    settings = []
    for learner, axes in space.branches():
        first = [] if learner is None else [setting_of(LEARNER, learner)]
        named = learner or opened.file.model.learner
        brings = named is not None and learners.bring(named) is not None
        names = [
            [setting_of(axis.key, one) for one in axis.values]
            for axis in axes
            if axis.values is not None and (axis.key == "model.pretrained" or (brings and _is_of_names(axis)))
        ]
        settings += [[*first, *more] for more in product(*names)]
    return [opened.changed(one) for one in settings if one]


def _is_of_names(axis: Axis) -> bool:
    """Tell whether an axis may name files, such as the package of a teacher."""
    return axis.key.startswith("model.") and any(isinstance(one, str) for one in axis.values or ())


def trial_bounds(opened: Opened, planned: SearchPlan, machine: Machine) -> TrialBounds:
    """Return what one trial may take of the clock and of memory."""
    config = planned.config
    learns_s = max([opened.changed(planned.common).file.learn.budget_s, *_drawn_budgets(planned)])
    seconds = _CLOCK * learns_s + _CLOCK_MORE_S
    if config.trial_time is not None:
        seconds = parse_quantity(config.trial_time, Unit.SECONDS)
    memory = machine.memory_bytes * _OF_MEMORY / config.parallel
    if config.memory is not None:
        memory = parse_quantity(config.memory, Unit.BYTES)
    return TrialBounds(seconds, int(memory))


def _drawn_budgets(planned: SearchPlan) -> Sequence[float]:
    budgets = next((axis.values or () for axis in planned.space.axes if axis.key == "learn.budget"), ())
    last = [] if planned.last is None else [planned.last.seconds]
    return [*last, *(parse_quantity(str(one), Unit.SECONDS) for one in budgets)]
