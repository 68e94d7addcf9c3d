"""What other operating points would give, against scikit-learn's curves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from modelwright import kinds
from modelwright.kinds.boolean.arrays import BooleanState
from modelwright.outcomes.classes.curves import POINTS, class_curves, coverage_curve, drawn
from modelwright.outcomes.classes.outcomes import ClassOutcomes


def outcomes(rows=60, seed=0, steps=None, state=None):
    draw = np.random.default_rng(seed)
    truth = draw.random(rows) < 0.3
    logit = (draw.normal(size=rows) + 1.5 * truth - 1.2).astype(np.float32)
    if steps:  # equal probabilities
        logit = (np.round(logit * steps) / steps).astype(np.float32)
    return kinds.arrays("boolean").outcomes(truth.tolist(), {"logit": logit}, state or BooleanState(), {})


@pytest.mark.parametrize("steps", [None, 2])
@pytest.mark.parametrize("seed", range(3))
def test_curves_are_those_of_scikit_learn(seed, steps):
    found = outcomes(seed=seed, steps=steps)
    (curve,) = class_curves(found)
    truth, score = found.truth == 1, found.probabilities[:, 1]
    alarms, recall, cuts = roc_curve(truth, score, drop_intermediate=False)
    assert curve.of == "true"
    assert curve.false_alarms == pytest.approx(alarms[1:], abs=1e-5)
    assert curve.recall == pytest.approx(recall[1:], abs=1e-5)
    assert curve.cuts == pytest.approx(cuts[1:], abs=1e-5)
    precision, recall, cuts = precision_recall_curve(truth, score)
    expected = {round(c, 5): round(p, 5) for c, p in zip(cuts.tolist(), precision[:-1].tolist(), strict=True)}
    assert dict(zip(curve.cuts, curve.precision, strict=True)) == pytest.approx(expected)


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.8])
def test_the_dot_lies_on_the_curves(cut):
    found = outcomes(state=BooleanState(cut=cut))
    (curve,) = class_curves(found)
    recall, precision, alarms = curve.at
    place = max(k for k, c in enumerate(curve.cuts) if c >= cut)
    assert (recall, alarms) == pytest.approx((curve.recall[place], curve.false_alarms[place]), abs=1e-5)
    assert precision == pytest.approx(curve.precision[place], abs=1e-5)


def test_of_two_classes_the_curve_is_of_the_rarer_and_of_more_there_is_none():
    two = replace(outcomes(), classes=("bad", "good"), positive=None)
    assert class_curves(two)[0].of == "good"  # `good` stands where true stood: 3 of 10 rows
    swapped = replace(two, truth=1 - two.truth)
    assert class_curves(swapped)[0].of == "bad"
    three = ClassOutcomes(("a", "b", "c"), np.array([0, 1, 2]), np.array([0, 1, 2]), np.eye(3))
    assert class_curves(three) == ()


def test_one_class_alone_has_no_curve_and_no_rows_have_none():
    found = outcomes()
    assert class_curves(found.take(found.truth == 1)) == ()
    assert coverage_curve(found.take(found.truth == 7)) is None


def test_long_curves_are_thinned_and_keep_their_ends():
    (curve,) = class_curves(outcomes(rows=3000))
    assert len(curve.cuts) == POINTS
    assert (curve.recall[-1], curve.false_alarms[-1]) == (1.0, 1.0)
    assert [*curve.cuts] == sorted(curve.cuts, reverse=True)


@pytest.mark.parametrize("threshold", [None, 0.7, 0.999999])
def test_coverage_counts_the_surest_rows_and_marks_what_is_answered(threshold):
    found = outcomes(rows=80, state=BooleanState(threshold=threshold))
    curve = coverage_curve(found)
    assert curve.coverage[-1] == 1.0
    assert curve.right[-1] == pytest.approx((found.considered == found.truth).mean(), abs=1e-5)
    coverage, right = curve.at
    assert coverage == pytest.approx((found.predicted >= 0).mean())
    if right is not None and coverage > 0:
        place = int(np.argmin(np.abs(np.array(curve.coverage) - coverage)))
        assert right == pytest.approx(curve.right[place], abs=1e-4)
    assert (right is None) == (coverage == 0)


def test_every_curve_is_drawn():
    found = outcomes()
    titles = [block.title for block in drawn(class_curves(found), coverage_curve(found))]
    assert titles == [
        "What other thresholds of “true” would give",
        "Precision and recall",
        "ROC",
        "If only the surer rows were answered",
    ]
