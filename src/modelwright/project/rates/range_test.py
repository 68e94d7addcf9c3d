"""The range test of a project: the plan that is sealed, or one that is made for it and kept nowhere."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from modelwright.core.progress import Progress
from modelwright.engine.runner import Runner
from modelwright.project.loop.context import Context
from modelwright.project.loop.stage_names import DATA, PLAN
from modelwright.project.loop.stage_table import TABLE
from modelwright.project.rates.rate_report import RatePoint, RateReport


def find_rate(context: Context, runner: Runner, progress: Progress) -> RateReport:
    """Return the range test of the project; its data is sealed, and in `context`.

    Raises ProjectError for a learner that has no such test.
    """
    # torch, which no other verb here needs
    from modelwright.stages.learn.rate_finding import BUDGET_SHARE, find_rates

    with ExitStack() as held:
        step = TABLE[PLAN](context)
        sealed = runner.forecast(step).artifact
        if sealed is not None:
            choice = sealed.part("choice").path
        else:
            out = Path(held.enter_context(TemporaryDirectory()))
            step.load()(**step.inputs, **step.arguments, out=out, progress=progress)
            choice = out / "choice"
        found = find_rates(
            context.part(DATA, "train"),
            context.part(DATA, "validation"),
            choice,
            context.signature,
            context.machine,
            context.pretrained.folders,
            context.opened.file.learn.budget_s,
            progress,
        )
    rate, sweep = found.proposal.rate, found.sweep
    points = zip(sweep.rates, sweep.losses, found.proposal.smoothed, strict=True)
    along = {key: float(f"{rate * times:.2g}") for key, times in sweep.together.items()} if rate else {}
    return RateReport(
        function=context.opened.signature.name,
        learner=found.learner,
        rate=rate,
        reason=found.proposal.reason,
        points=tuple(RatePoint(*one) for one in points),
        seconds=found.seconds,
        share=BUDGET_SHARE,
        settings={"learn.learning_rate": rate, **along} if rate else {},
    )
