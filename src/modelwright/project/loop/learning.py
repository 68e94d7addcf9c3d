"""Learning in a run: within the time that it was planned for, or under a plan that names where it ended.

Where the clock runs out, `learn` leaves its state and a mark in its scratch folder. A plan is sealed that ends there,
and stands in the place of the one that it is made from; under it is learned from a copy of that state, to the bits
that it gives from nothing. The state itself stays, for `run --from learn` to go on from.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

from modelwright.engine.runner import Runner
from modelwright.engine.step import Outdated, Step, StepResult
from modelwright.engine.store import Store
from modelwright.learners.contract.ending import LearningCut
from modelwright.project.loop.context import Context
from modelwright.project.loop.stage_names import LEARN, PLAN
from modelwright.project.loop.stage_table import TABLE, cut_step
from modelwright.storage.formats import cut_mark
from modelwright.storage.formats.cut_mark import CutMark


def learned(
    context: Context,
    runner: Runner,
    *,
    forced_by: str | None = None,
    keep: bool = False,
    take_up: bool = False,
) -> StepResult:
    """Return what is learned; `context` then holds the plan that it was learned under.

    forced_by, keep: as of `Runner.run`; take_up: a learning that the clock ended goes on, to its planned end.
    """
    started = time.perf_counter()
    again, cut_from = forced_by if not take_up else None, None
    while True:
        step = TABLE[LEARN](context)
        key, mark = _marked(context, runner, step)
        if mark is not None and again is None and not take_up and not mark.taken_up:
            cut_from = _follow(context, runner, key, mark)
            continue
        if cut_from is not None:
            step = replace(step, before=partial(_begin_from, context.store, cut_from, key))
        if take_up and mark is None:
            again = forced_by
        # what goes on behind the mark was asked to
        limited = {"limited": mark is None or again is not None}
        try:
            found = runner.run(
                replace(step, arguments={**step.arguments, **limited}), forced_by=again, keep=keep
            )
        except Outdated:
            continue
        except LearningCut:
            again, take_up = None, False
            continue
        why = forced_by if take_up and forced_by is not None else found.why
        return replace(found, why=why, seconds=time.perf_counter() - started)


def follow_cuts(context: Context, runner: Runner) -> None:
    """Let `context` hold the plan under which was learned, as far as it is sealed. Nothing is made."""
    while True:
        key, mark = _marked(context, runner, TABLE[LEARN](context))
        if mark is None or mark.taken_up:
            return
        place = context.store.scratch_place(LEARN, key) / cut_mark.NAME
        sealed = runner.forecast(cut_step(context, mark, place)).artifact
        if sealed is None:
            return
        context.made[PLAN] = sealed


def _marked(context: Context, runner: Runner, step: Step) -> tuple[str, CutMark | None]:
    """Return the key of a learning, and where the clock ended it; None where it is sealed, or was not ended."""
    seen = runner.forecast(step)
    if seen.artifact is not None:
        return seen.key, None
    return seen.key, CutMark.read(context.store.scratch_place(LEARN, seen.key))


def _follow(context: Context, runner: Runner, key: str, mark: CutMark) -> str:
    """Put the plan that ends at the mark in the place of the one that was cut; return the key of that learning."""
    store = context.store
    place = store.scratch_place(LEARN, key) / cut_mark.NAME
    context.made[PLAN] = runner.aside().run(cut_step(context, mark, place)).sealed
    if store.scratch_holder(place.parent) != context.made[PLAN].key:
        store.hold_scratch(LEARN, key, by=context.made[PLAN])
    return key


def _begin_from(store: Store, cut: str, key: str) -> None:
    """Let a learning begin from the state of the one that was cut, unless that has gone on or this one has begun."""
    with store.lock(LEARN, cut, shared=True):
        mark = CutMark.read(store.scratch_place(LEARN, cut))
        if mark is not None and not mark.taken_up:
            store.copy_scratch(LEARN, cut, into=key, leave=(cut_mark.NAME,))
