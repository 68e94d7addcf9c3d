"""Advice follows from a cause: each is found where it is, and none where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from requirement_texts import parse

from modelwright import learners
from modelwright.core.evidence.measurement import Measurement, Phase
from modelwright.core.evidence.verdict import Outcome, Verdict
from modelwright.core.messages import Notice, Phrase, catalog
from modelwright.core.signature import Signature
from modelwright.project.advice.diagnosis import (
    CAUSES,
    EXPLAIN,
    Shortfall,
    diagnose,
    falling,
    falls_short,
    losses_by_task,
)
from modelwright.project.results.table_rows import WarningRow
from modelwright.storage.formats.data import ColumnProfile, Counts, DataProfile, SplitCounts
from modelwright.storage.formats.evidence import Evidence
from modelwright.storage.formats.plan import Choice, Forecast, Machine, Ranked

SIGNATURE = Signature.parse("f(x: number) -> y: category, z: number")


def verdict(key="y.accuracy", bar=">= 0.9", phase=Phase.TEST, outcome=Outcome.UNMET):
    return Verdict(parse(key, bar, SIGNATURE), phase, None, outcome)


def ranked(learner="trees", seconds=9.0, size=1_000, latency=0.001):
    return Ranked(learner, 100, 100, None, seconds, 10**6, size, latency, None, Phrase("list.comma"))


def shortfall(**changes):
    """Return a run that is short of `y.accuracy >= 0.9` and has none of the causes."""
    split = SplitCounts(read=1000, used=1000, rejected=0, duplicates=0, conflicts={"y": 0})
    classes = {"a": {"train": 600, "validation": 60}, "b": {"train": 400, "validation": 40}}
    plain = Shortfall(
        unmet=(verdict(),),
        warnings=(),
        evidence=Evidence(str(SIGNATURE), None, "p", "t", None, 1, 0.95, ()),
        counts=Counts(1300, {"train": 1000, "test": 100}, {"train": split}, {"y": classes}, 0, 0, ()),
        profile=DataProfile(
            {"train": 1000}, {}, {"y": ColumnProfile("category", 1000, 0, 2, {}, classes)}, {}, {}
        ),
        choice=Choice("trees", 100, 100, 1, "float32", "avx2", 0, {}, {}, None, {}),
        forecast=Forecast(ranked(), {}, 10.0, Machine(2, 10**9, "avx2"), (ranked(),), {}, ()),
        history={"y": [1.0, 0.8, 0.7, 0.69, 0.69, 0.7, 0.71, 0.72, 0.73, 0.74]},
    )
    return replace(plain, **changes)


def with_counts(**changes):
    plain = shortfall()
    split = replace(plain.counts.splits["train"], **changes)
    return replace(plain, counts=replace(plain.counts, splits={"train": split}))


def with_notice(notice, **changes):
    plain = shortfall(**changes)
    return replace(plain, evidence=replace(plain.evidence, warnings=(notice,)))


def unseen(count):
    return Notice("evaluate.unseen", column="country", count=count, rows=100, values=["XX"], more=None)


def baseline(name, column="y"):
    subject = f"{column}.accuracy"
    return Notice(
        "evaluate.baseline-better", column=column, baseline=name, better=True, subject=subject, theirs="0.8", ours="0.7"
    )  # fmt: skip


def warned(name, column="x", count=300):
    return (WarningRow("plan", name, column, count, "the encoder reads none of it", "take another"),)


def rare(count):
    classes = {"a": {"train": 900}, "b": {"train": count}}
    return shortfall(
        unmet=(verdict("recall[b]"),),
        profile=DataProfile({}, {}, {"y": ColumnProfile("category", 1000, 0, 2, {}, classes)}, {}, {}),
    )


FALLING = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.45, 0.4, 0.37, 0.35]
COSTLY = replace(shortfall().forecast, chosen=ranked("finetune", size=90_000, latency=0.009))
COSTLY = replace(COSTLY, ranking=(COSTLY.chosen, ranked("probe", size=80_000)))

FEW = ranked("network", seconds=9.6)
FEW = replace(
    FEW, epochs=0.0076, lack=Phrase("plan.lacks-epochs", epochs=0.0076, budget="8 s", fewest=2),
    why=Phrase("network.why", batch=16, step_ms=48.0, before_s=9.0, steps=1, epochs=0.0076, rows=2082, weights=9),
)  # fmt: skip
HURRIED = replace(shortfall().forecast, chosen=FEW, budget_s=8.0)
STEPLESS = replace(HURRIED, chosen=replace(FEW, lack=Phrase("plan.lacks-step", needed="9.6 s", budget="8 s")))

PRESENT = [
    # it explains the others
    ("diagnosis.few-passes", with_notice(baseline("always the same"), forecast=HURRIED)),
    ("diagnosis.few-passes", shortfall(warnings=warned("package.bars-apart", "y"), forecast=HURRIED)),
    ("diagnosis.few-passes", shortfall(forecast=STEPLESS)),
    *(("diagnosis.warned", shortfall(warnings=warned(name))) for name in EXPLAIN),
    ("diagnosis.unseen", with_notice(unseen(12))),
    ("diagnosis.conflicts", with_counts(conflicts={"y": 40})),
    ("diagnosis.refused", with_counts(read=1300, rejected=300)),
    ("diagnosis.rare-class", rare(12)),
    ("diagnosis.bars-apart", shortfall(warnings=warned("package.bars-apart", "y"))),
    ("diagnosis.no-signal", with_notice(baseline("always the same"))),
    ("diagnosis.line", with_notice(baseline("linear model"))),
    ("diagnosis.line", with_notice(baseline("words alone"))),
    ("diagnosis.left-out", shortfall(warnings=warned("data.identifier", "code"))),
    ("diagnosis.still-falling", shortfall(history={"y": FALLING})),
    ("diagnosis.cost", shortfall(unmet=(verdict("size", "<= 1 kB", Phase.PACKAGE),))),
    ("diagnosis.cost", shortfall(unmet=(verdict("size", "<= 1 kB", Phase.PACKAGE),), forecast=COSTLY)),
]

ABSENT = [
    shortfall(),
    shortfall(history={}),
    shortfall(warnings=warned("data.free-text")),
    shortfall(warnings=warned("plan.cut-texts", count=30)),
    with_notice(unseen(2)),
    with_counts(conflicts={"y": 5}),
    with_counts(conflicts={"z": 400}),
    with_counts(read=1010, rejected=10),
    rare(400),
    with_notice(baseline("linear model", "z")),
    with_notice(
        baseline("linear model"),
        choice=Choice("linear", 1, 1, 1, "float32", "avx2", 0, {}, {}, None, {}),
    ),
]


@pytest.mark.parametrize(("wanted", "found"), PRESENT)
def test_a_cause_is_named_where_it_is(wanted, found):
    assert [one.id for one in diagnose(found)] == [wanted]
    assert str(next(diagnose(found)))


def test_what_searches_by_words_is_no_linear_model():
    (said,) = diagnose(with_notice(baseline("words alone")))
    assert "learner: lexical" in str(said)
    assert "linear" not in str(said)


@pytest.mark.parametrize("found", ABSENT)
def test_no_advice_is_given_without_a_cause(found):
    assert list(diagnose(found)) == []


@pytest.mark.parametrize(("_", "found"), PRESENT)
def test_what_was_learned_is_no_cause_of_a_size_or_a_latency(_, found):
    cost = replace(found, unmet=(verdict("latency_p95", "<= 1 ms", Phase.PACKAGE),))
    assert [one.id for one in diagnose(cost)] == ["diagnosis.cost"]


@pytest.mark.parametrize(
    ("learner", "names", "others"),
    [
        ("finetune", ("compress: int8", "model.pretrained"), ()),
        ("network", ("compress: int8",), ()),
        ("lexical", (), ("compress", "pretrained", "()")),
        ("trees", (), ("compress", "pretrained", "()")),
        ("of-another-package", (), ("compress", "pretrained", "()")),
    ],
)
def test_a_size_or_a_latency_is_met_by_nothing_that_the_learner_does_not_take(learner, names, others):
    alone = replace(shortfall().forecast.chosen, learner=learner)
    unmet = (verdict("latency_p95", "<= 1 ms", Phase.PACKAGE),)
    (said,) = diagnose(
        shortfall(unmet=unmet, forecast=replace(shortfall().forecast, chosen=alone, ranking=(alone,)))
    )
    assert all(one in str(said) for one in names)
    assert not any(one in str(said) for one in others)


def test_warnings_that_explain_are_in_the_catalogue():
    assert set(EXPLAIN) <= set(catalog.entries("en"))


def test_every_cause_is_tried_here():
    tried = {cause for cause in CAUSES for _, found in PRESENT if [*cause(found)]}
    assert tried == set(CAUSES)


def test_more_time_says_by_how_much_and_what_ended_learning():
    (more,) = diagnose(shortfall(history={"y": FALLING}))
    assert "learn: {budget: 20 s}" in str(more)
    assert "0.4 → 0.35 over the last 2 of 10 steps" in str(more)
    early = replace(shortfall().forecast, budget_s=600.0)
    (more,) = diagnose(shortfall(history={"y": FALLING}, forecast=early))
    assert "epochs" in str(more)
    assert "budget:" not in str(more)


def test_a_cheaper_learner_is_named_where_there_is_one():
    short = (verdict("size", "<= 1 kB", Phase.PACKAGE),)
    (one,) = diagnose(shortfall(unmet=short, forecast=COSTLY))
    assert "probe" in str(one)
    assert "finetune" in str(one)


def test_the_line_is_named_where_it_is_a_learner():
    (one,) = diagnose(with_notice(baseline("linear model")))
    assert ("learner: linear" in str(one)) == ("linear" in learners.names())


@pytest.mark.parametrize(
    ("losses", "fall"),
    [
        (FALLING, (0.4, 0.35)),
        (FALLING[::-1], None),
        ([*FALLING, 0.36], None),  # the least was before the end
        ([1.0, 0.5, 0.4999, 0.4998, 0.4997, 0.4996], None),  # hardly falls any more
        ([1.0, 0.5], None),
        ([], None),
    ],
)
def test_a_loss_still_falls_where_the_end_is_the_least_and_much_less(losses, fall):
    assert falling(losses) == fall


def test_losses_are_read_as_the_learners_keep_them():
    assert losses_by_task({"y": [0.5, 0.4]}) == {"y": [0.5, 0.4]}
    scores = [{"step": 1, "wrong": 0.5, "loss": 0.7}, {"step": 9, "wrong": 0.4, "loss": 0.6}]
    assert losses_by_task(scores) == {"": [0.7, 0.6]}
    assert losses_by_task({"y": [{"strength": 1.0, "loss": 0.4}]}) == {}
    assert losses_by_task(None) == {}


@pytest.mark.parametrize(
    ("bar", "value", "short"),
    [(">= 0.9", 0.5, True), (">= 0.9", 0.95, False), (">= 0.9", None, False), ("rmse <= 3", 5.0, True),
     ("rmse <= 3", 1.0, False)],
)  # fmt: skip
def test_what_misses_its_bar_falls_short_even_where_more_rows_would_decide(bar, value, short):
    key, bar = ("z.rmse", bar.removeprefix("rmse ")) if bar.startswith("rmse") else ("y.accuracy", bar)
    open_one = verdict(key, bar, outcome=Outcome.INCONCLUSIVE)
    seen = Measurement(open_one.requirement.subject, Phase.TEST, value, None, None, 20, "exact")
    open_one = replace(open_one, measurement=seen)
    assert falls_short((open_one, verdict())) == ((open_one, verdict()) if short else (verdict(),))
