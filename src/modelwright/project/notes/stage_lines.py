"""What a stage that has just ended came to, in a few words, while the rest of the run goes on."""

from __future__ import annotations

from collections.abc import Mapping

from modelwright.core.messages import Phrase
from modelwright.core.progress import Progress, StageProgress
from modelwright.core.units import Unit, format_quantity
from modelwright.engine.step import StepResult
from modelwright.project.loop.stage_names import DATA, EVALUATE, LEARN, PACKAGE, PLAN, TUNE


def tell(progress: Progress, result: StepResult) -> None:
    """Show a stage that has ended, where whoever watches shows such things; a failure has its own message."""
    if isinstance(progress, StageProgress) and result.artifact is not None:
        progress.finished(result.name, result.status, result.seconds, came_to(result))


def came_to(result: StepResult) -> str:
    """Return what a stage came to; empty where its summary, of an earlier version, does not say."""
    if result.artifact is None or (say := _SAYS.get(result.name)) is None:
        return ""
    phrase = say(result.artifact.summary)
    return "" if phrase is None else str(phrase)


def _data(summary: Mapping[str, object]) -> Phrase | None:
    rows = summary.get("rows")
    if not isinstance(rows, dict):
        return None
    order = ("train", "validation", "test")
    counts = [Phrase("screen.rows", split=name, count=rows[name]) for name in order if name in rows]
    return Phrase("run.data", counts=counts)


def _tune(summary: Mapping[str, object]) -> Phrase | None:
    trials, done = summary.get("trials"), summary.get("done")
    if not isinstance(trials, int) or not isinstance(done, int):
        return None
    return Phrase("run.tune", trials=trials, done=done)


def _plan(summary: Mapping[str, object]) -> Phrase | None:
    if (learner := summary.get("learner")) is None:
        return None
    expected = summary.get("seconds")
    time = format_quantity(expected, Unit.SECONDS) if isinstance(expected, int | float) else None
    computed = summary.get("execution")
    on = computed if isinstance(computed, Mapping) else {}
    several = on.get("processes", 1) != 1 or None
    return Phrase(
        "run.plan",
        learner=str(learner),
        time=time,
        device=on.get("gpu") or (several and on.get("device")),
        processes=several and on.get("processes"),
    )


def _learn(summary: Mapping[str, object]) -> Phrase | None:
    memory = summary.get("memory_bytes")
    if not isinstance(memory, int | float):
        return None
    return Phrase("run.learn", memory=format_quantity(memory, Unit.BYTES))


def _package(summary: Mapping[str, object]) -> Phrase | None:
    size = summary.get("size_bytes")
    if not isinstance(size, int | float):
        return None
    return Phrase("run.package", size=format_quantity(size, Unit.BYTES), int8=summary.get("taken") == "int8")


def _evaluate(summary: Mapping[str, object]) -> Phrase | None:
    rows, evaluation = summary.get("rows"), summary.get("evaluation")
    if not isinstance(rows, int):
        return None
    return Phrase("run.evaluate", rows=rows, evaluation=evaluation)


_SAYS = {DATA: _data, TUNE: _tune, PLAN: _plan, LEARN: _learn, PACKAGE: _package, EVALUATE: _evaluate}
