"""Why a function falls short of a bar on test rows: one function a cause, each on what the run sealed.

A cause is named where its own threshold says that it is there, and no other advice is given: "more time" stands where
the validation loss was still falling, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelwright import learners
from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import Outcome, Verdict
from modelwright.core.messages import Notice, Phrase
from modelwright.core.messages.setting import setting
from modelwright.project.results.leaderboard import minutes_wanted
from modelwright.project.results.table_rows import WarningRow
from modelwright.storage.formats.data import Counts, DataProfile
from modelwright.storage.formats.evidence import Evidence
from modelwright.storage.formats.plan import Choice, Forecast

LINE = "linear"  # the learner, where there is one, of what the baseline of that sort fits
UNSEEN_SHARE = 0.05  # of the test rows: below, values never seen cannot cost five points
CONFLICT_SHARE = 0.02  # of the training rows: of such an input half is wrong whatever is answered, so a point
REFUSED_SHARE = 0.1  # of the rows of a split
FEW_TRAINING_ROWS = 50  # of a class: one that is known from fewer is learned by luck
LAST = 5  # the last fifth of what was learned …
FALLEN = 0.005  # … in which the loss fell by at least half a percent of itself
SPENT = 0.5  # of the budget: where less was needed, the learner's own limit ended it, and no budget helps

# Warnings that alone explain why answers are wrong, whatever was learned, the weightiest first; and of how many
# training rows they must speak, as a share (0: of any): texts that are cut in one row of ten can cost a few points.
EXPLAIN: Mapping[str, float] = {
    "plan.unknown-tokens": 0.0,
    "data.unread-column": 0.0,
    "data.nearly": 0.0,
    "data.two-readings": 0.0,
    "data.short-years": 0.0,
    "plan.values-lost": 0.0,
    "plan.cut-texts": 0.1,
}


@dataclass(frozen=True)
class Shortfall:
    """A run whose function is short of a bar, and what it sealed.

    unmet: the verdicts that are, or would be if more rows said the same; history: by task, the validation
    loss after each round or evaluation, or nothing where the learner does not go by steps.
    """

    unmet: tuple[Verdict, ...]
    warnings: tuple[WarningRow, ...]
    evidence: Evidence
    counts: Counts
    profile: DataProfile
    choice: Choice
    forecast: Forecast
    history: Mapping[str, Sequence[float]]

    @property
    def on_rows(self) -> tuple[Verdict, ...]:
        """Return the bars on test rows: what was learned decides them."""
        return tuple(one for one in self.unmet if one.phase is Phase.TEST)

    @property
    def hardly_learned(self) -> bool:
        """Tell whether the budget held fewer passes than the learner needs."""
        lack = self.forecast.chosen.lack
        return lack is not None and lack.id in {"plan.lacks-epochs", "plan.lacks-step"}

    def sealed(self, name: str) -> Iterator[Notice]:
        """Yield the notices of an id that evaluating sealed."""
        return (one for one in self.evidence.warnings if one.id == name)


def diagnose(found: Shortfall) -> Iterator[Phrase]:
    """Yield a sentence for each cause that is there, the weightiest first; none where none is known."""
    for cause in CAUSES:
        yield from cause(found)


def cost(found: Shortfall) -> Iterator[Phrase]:
    """Size, memory and latency follow from the learner and the package's form, not from how long was learned."""
    short = [one for one in found.unmet if one.phase is Phase.PACKAGE]
    if not short:
        return
    mine = found.forecast.chosen
    smaller = [
        one.learner
        for one in found.forecast.ranking
        if one.package_bytes < mine.package_bytes and one.latency_s <= mine.latency_s
    ]
    yield Phrase(
        "diagnosis.cost",
        requirements=[str(one.requirement) for one in short],
        learner=mine.learner,
        smaller=smaller or None,
        less=None if smaller else list(_asks_less(mine.learner)) or None,
    )


def _asks_less(learner: str) -> Iterator[str]:
    """Yield the settings of a learner by which what it packages takes less."""
    if learner not in learners.names():
        return
    spec = learners.spec(learner)
    if spec.compresses:
        yield setting("package.compress", "int8")
    if spec.takes_pretrained or spec.needs_pretrained:
        yield "model.pretrained"


def explained(found: Shortfall) -> Iterator[Phrase]:
    """A warning of this run names the cause: an encoder that cannot read the texts, columns left out, texts cut."""
    rows = found.counts.rows.get("train", 0)
    for name, least in EXPLAIN.items() if found.on_rows else ():
        for row in found.warnings:
            if row.id == name and (row.count or 0) >= least * rows:
                yield Phrase("diagnosis.warned", text=row.text, fix=row.fix)


def unseen(found: Shortfall) -> Iterator[Phrase]:
    """Test rows hold values that training never showed, and are answered as if these were missing."""
    rows = found.counts.rows.get("test", 0)
    for notice in found.sealed("evaluate.unseen") if found.on_rows else ():
        count = notice.values.get("count")
        if isinstance(count, int) and rows and count / rows >= UNSEEN_SHARE:
            column = str(notice.values["column"])
            yield Phrase("diagnosis.unseen", column=column, share=count / rows)


def conflicts(found: Shortfall) -> Iterator[Phrase]:
    """Equal inputs stand with different truths, so that no function is right on all of them."""
    train = found.counts.splits.get("train")
    outputs = {one.requirement.subject.output for one in found.on_rows}
    if train is None or not train.used:
        return
    for output, count in train.conflicts.items():
        if output in outputs and count / train.used >= CONFLICT_SHARE:
            yield Phrase("diagnosis.conflicts", output=output, count=count)


def refused(found: Shortfall) -> Iterator[Phrase]:
    """Many rows were set aside, and what they show was not learned."""
    train = found.counts.splits.get("train")
    if found.on_rows and train is not None and train.read and train.rejected / train.read >= REFUSED_SHARE:
        yield Phrase("diagnosis.refused", count=train.rejected, rows=train.read)


def rare_class(found: Shortfall) -> Iterator[Phrase]:
    """A bar names a class that few training rows show."""
    for output, label in dict.fromkeys(
        (one.requirement.subject.output, one.requirement.subject.of) for one in found.on_rows
    ):
        column = found.profile.outputs.get(output or "")
        if label is None or column is None or column.classes is None or label not in column.classes:
            continue
        count = column.classes[label].get("train", 0)
        if count < FEW_TRAINING_ROWS:
            yield Phrase("diagnosis.rare-class", label=label, count=count, least=FEW_TRAINING_ROWS)


def few_passes(found: Shortfall) -> Iterator[Phrase]:
    """The budget held fewer passes over the training rows than the learner needs: it has hardly learned."""
    if found.on_rows and found.hardly_learned:
        mine, budget_s = found.forecast.chosen, found.forecast.budget_s
        yield Phrase(
            "diagnosis.few-passes",
            learner=mine.learner,
            lack=mine.lack,
            minutes=minutes_wanted(mine, budget_s),
        )


def bars_apart(found: Shortfall) -> Iterator[Phrase]:
    """No operating point kept all bars on validation: the classes are not told apart that well."""
    for row in found.warnings if not found.hardly_learned else ():
        if found.on_rows and row.id == "package.bars-apart":
            yield Phrase("diagnosis.bars-apart", output=row.column)


def baselines(found: Shortfall) -> Iterator[Phrase]:
    """What is far simpler does as well: a line, which is a learner; or no input at all."""
    outputs = {one.requirement.subject.output for one in found.on_rows}
    # what has hardly learned is behind whatever the inputs say
    for notice in found.sealed("evaluate.baseline-better") if not found.hardly_learned else ():
        if notice.values.get("column") not in outputs:
            continue
        subject, theirs, ours = (notice.values.get(name) for name in ("subject", "theirs", "ours"))
        if notice.values.get("baseline") == "always the same":
            yield Phrase("diagnosis.no-signal", subject=subject, theirs=theirs, ours=ours)
        elif found.choice.learner != LINE:
            known = LINE if LINE in learners.names() else None
            sort = notice.values.get("baseline")
            yield Phrase(
                "diagnosis.line", baseline=sort, learner=known, subject=subject, theirs=theirs, ours=ours
            )


def left_out(found: Shortfall) -> Iterator[Phrase]:
    """A column that `"*"` left out as an identifier may hold the answer in a part of it (the prefix of a code)."""
    for row in found.warnings:
        if found.on_rows and row.id == "data.identifier" and row.column is not None:
            yield Phrase("diagnosis.left-out", column=row.column)


def still_falling(found: Shortfall) -> Iterator[Phrase]:
    """The validation loss was least at the very end, and fell until then: more time would go on."""
    losses = max(found.history.values(), key=_share_fallen, default=()) if found.on_rows else ()
    fall = falling(losses)  # of the task that fell most: the others learn with it
    if fall is None:
        return
    yield Phrase(
        "diagnosis.still-falling",
        before=fall[0],
        after=fall[1],
        last=len(losses) // LAST,
        steps=len(losses),
        limited=found.forecast.chosen.seconds < SPENT * found.forecast.budget_s,
        learner=found.choice.learner,
        budget=f"{max(2 * found.forecast.budget_s, 1):.0f} s",
    )


def _share_fallen(losses: Sequence[float]) -> float:
    fall = falling(losses)
    return 0.0 if fall is None else (fall[0] - fall[1]) / (abs(fall[0]) or 1.0)


def falling(losses: Sequence[float]) -> tuple[float, float] | None:
    """Return the loss before the last fifth and at the end, where the end is the least and much less."""
    if len(losses) < LAST:
        return None
    before, after = losses[-1 - len(losses) // LAST], losses[-1]
    return (before, after) if after <= min(losses) and before - after >= FALLEN * abs(before) else None


CAUSES: tuple[Callable[[Shortfall], Iterator[Phrase]], ...] = (
    cost,
    explained,
    unseen,
    conflicts,
    refused,
    rare_class,
    few_passes,
    bars_apart,
    baselines,
    left_out,
    still_falling,
)


def falls_short(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Return what is unmet, and what is inconclusive with a value that misses its bar: more rows change neither."""
    return tuple(
        one
        for one in verdicts
        if one.outcome is Outcome.UNMET or (one.outcome is Outcome.INCONCLUSIVE and _misses(one))
    )


def _misses(verdict: Verdict) -> bool:
    value = None if verdict.measurement is None else verdict.measurement.value
    if value is None:
        return False
    bar = verdict.requirement.bar.value
    return value < bar if verdict.requirement.metric.better == "higher" else value > bar


def losses_by_task(history: object) -> dict[str, list[float]]:
    """Return the validation losses in the summary of `learn`, by task, in the order in which they came.

    Learners that boost keep a list a task, those that train a list of scores (`{"step", "loss", …}`); what has no
    steps (heads that are fitted to their end) has no losses here.
    """
    if isinstance(history, dict):
        return {
            str(task): [float(one) for one in losses]
            for task, losses in history.items()
            if isinstance(losses, list) and losses and all(isinstance(one, int | float) for one in losses)
        }
    if (
        isinstance(history, list)
        and history
        and all(isinstance(s, dict) and {"step", "loss"} <= set(s) for s in history)
    ):
        return {"": [float(score["loss"]) for score in history]}
    return {}
