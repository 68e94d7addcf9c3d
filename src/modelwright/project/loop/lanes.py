"""Lanes: runs of the same stages under other settings, without a release or a version.

A search tries settings, an ensemble learns several bodies, a pretraining is a run of its own, a turn of improvement
learns beside what serves: each is a lane. What two lanes share (the data, a plan) has one key, and is made once.

    tried = run_lanes(open_with, store, state, [Lane("trees", ("model.learner=trees",)), …], runner_of)
    tried[0].made["package"].summary

No lane evaluates: of the test rows only the one that is chosen sees any, when it is run as the project itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from modelwright.core.messages import ModelwrightError, Problem
from modelwright.engine.artifact_manifest import Artifact
from modelwright.engine.runner import Runner
from modelwright.engine.store import Store
from modelwright.project.declaration.project_file import Opened
from modelwright.project.loop.context import Context
from modelwright.project.loop.stage_names import LANE, LEARN
from modelwright.project.loop.stage_table import TABLE
from modelwright.storage.state.database import State

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Lane:
    """A name among its neighbours, and the settings (`learn.seed=1`) in which it differs from the project."""

    name: str
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class LaneResult:
    """What a lane has sealed, by stage, and what ended it early. A lane that fails ends no other."""

    lane: Lane
    made: Mapping[str, Artifact]
    problems: tuple[Problem, ...] = ()


class Order(Protocol):
    """How lanes are gone through: like `map`, with the results in the order of the lanes."""

    def __call__(self, run: Callable[[T], R], lanes: Iterable[T], /) -> Iterable[R]:
        """Call the function with every lane, one after the other or at once."""


def run_lanes(
    lanes: Sequence[Lane],
    *,
    open_with: Callable[[Sequence[str]], Opened],
    store: Store,
    state: State,
    runner_of: Callable[[], Runner],
    to: str = LEARN,
    order: Order = map,
) -> list[LaneResult]:
    """Run every lane up to a stage, and return what each has sealed, in their order.

    open_with: reads the project with further settings; runner_of: makes a lane its runner, one that does not
    record its results as the latest; to: the last stage, at most `package`; order: how the lanes are gone through
    (`map`: one after the other; a pool's `map` where lanes may run at once, for the store's locks let two lanes
    make a shared step once).
    """
    assert to in LANE, "a lane evaluates nothing"
    assert len({lane.name for lane in lanes}) == len(lanes), "two lanes have the same name"

    def run(lane: Lane) -> LaneResult:
        made: dict[str, Artifact] = {}
        try:
            context = Context(open_with(lane.settings), store, state, made)
            runner = runner_of()
            for stage in LANE[: LANE.index(to) + 1]:
                made[stage] = runner.run(TABLE[stage](context)).sealed
        except ModelwrightError as error:
            return LaneResult(lane, made, error.problems)
        return LaneResult(lane, made)

    return list(order(run, lanes))
