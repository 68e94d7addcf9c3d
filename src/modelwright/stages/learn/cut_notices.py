"""What is said where the clock ended a learning, or could not end it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelwright.core.messages import Notice
from modelwright.core.progress import VALIDATION_LOSS, LearningPoint
from modelwright.core.units import Unit, format_quantity
from modelwright.learners.contract.ending import TRAINING
from modelwright.storage.formats.plan import Choice


def of_cut(
    chosen: Choice, points: Sequence[LearningPoint], spent_s: float, planned_s: float | None
) -> Iterator[Notice]:
    """Yield for each training that ended before its last planned step where that was, and what was kept of it.

    points: of the record; spent_s: that all processes have learned; planned_s: that it was to take.
    """
    for training, (step, steps) in chosen.last_steps.items():
        of = None if training == TRAINING else training
        kept = next((one.step for one in points if one.kept and one.of in (of, None)), None)
        loss = next(
            (
                one.figures[VALIDATION_LOSS]
                for one in points
                if one.step == kept and one.of in (of, None) and VALIDATION_LOSS in one.figures
            ),
            None,
        )
        yield Notice(
            "learn.cut",
            where=None,
            training=of,
            step=step,
            steps=steps,
            planned=None if planned_s is None else format_quantity(planned_s, Unit.SECONDS),
            kept=kept,
            loss=loss,
            budget=_budget(step / steps if of is None else 1.0, spent_s, planned_s),
        )


def of_none(learners: Sequence[str], spent_s: float, planned_s: float) -> Notice:
    """Return what is said of learners that learned for far longer than planned and cannot be cut."""
    return Notice(
        "learn.not-cut",
        where=None,
        learner="`, `".join(learners),
        seconds=format_quantity(spent_s, Unit.SECONDS),
        planned=format_quantity(planned_s, Unit.SECONDS),
        budget=_budget(1.0, spent_s, planned_s),
    )


def _budget(done: float, spent_s: float, planned_s: float | None) -> str | None:
    """Return a budget whose steps would have ended in time: at this pace, and with a schedule that is complete."""
    if planned_s is None or spent_s <= planned_s * done:
        return None  # it was learned again where it is quick enough
    # all steps would have taken spent / done seconds, so of the planned ones this share fits into the planned time
    seconds = planned_s * planned_s * done / spent_s
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{max(1.0, seconds):.0f} s"
