"""Metrics of sets agree with scikit-learn, have an interval, and say when there is nothing to measure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from requirement_texts import measure, measure_difference
from sklearn import metrics as peers

from modelwright import kinds, outcomes
from modelwright.core.evidence.measurement import Subject
from modelwright.kinds.tags.arrays import TagsState
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.contract import logistic
from modelwright.outcomes.contract.baseline import BaselineModels, Truths
from modelwright.outcomes.contract.gap import BodyGap
from modelwright.outcomes.sets.outcomes import SetOutcomes

TAGS = ("a", "b", "c", "d")


def drawn(n: int = 300, wrong: float = 0.1, seed: int = 0) -> SetOutcomes:
    rng = np.random.default_rng(seed)
    truth = rng.random((n, 4)) < [0.5, 0.3, 0.2, 0.1]
    predicted = truth ^ (rng.random((n, 4)) < wrong)
    return SetOutcomes(
        TAGS, truth.astype(np.int8), predicted.astype(np.int8), np.full((n, 4), 0.5), np.zeros(n, np.int64)
    )


def value(name: str, found: SetOutcomes, of: str | None = None) -> float | None:
    return measure(Subject(name, "y", of), found, 0.95).value


def test_values_are_those_of_scikit_learn():
    o = drawn()
    assert value("subset_accuracy", o) == pytest.approx(peers.accuracy_score(o.truth, o.predicted))
    assert value("hamming_loss", o) == pytest.approx(peers.hamming_loss(o.truth, o.predicted))
    assert value("f1_micro", o) == pytest.approx(peers.f1_score(o.truth, o.predicted, average="micro"))
    assert value("f1", o) == pytest.approx(peers.f1_score(o.truth, o.predicted, average="macro"))
    by_tag = peers.f1_score(o.truth, o.predicted, average=None)
    assert [value("f1", o, tag) for tag in TAGS] == pytest.approx(list(by_tag))
    for name, peer in (("recall", peers.recall_score), ("precision", peers.precision_score)):
        found = [value(name, o, tag) for tag in TAGS]
        assert found == pytest.approx(list(peer(o.truth, o.predicted, average=None)))
        assert value(name, o) == pytest.approx(peer(o.truth, o.predicted, average="macro"))


@pytest.mark.parametrize("name", [m.name for m in outcomes.metrics().in_family("sets")])
def test_every_metric_holds_its_value_between_its_bounds_and_is_open_where_all_is_right(name):
    for o in (drawn(), drawn(wrong=0.0), drawn(40, wrong=0.02)):
        found = measure(Subject(name, "y"), o, 0.95)
        assert found.low is not None
        assert found.low <= found.value <= found.high
        assert found.high > found.low
    same = measure_difference(Subject(name, "y"), drawn(), drawn(), 0.95)
    assert same.value == 0
    assert same.low < 0 < same.high or (same.low, same.high) == (0, 0)


@pytest.mark.parametrize("name", [m.name for m in outcomes.metrics().in_family("sets")])
def test_influences_are_those_of_leaving_a_row_out(name):
    o = drawn(400)
    metric = outcomes.metrics().of(name, "sets")
    whole = metric.influence(o, None)
    assert whole.value == pytest.approx(value(name, o))
    assert whole.rows.mean() == pytest.approx(0, abs=1e-9)
    for row in (0, 7, 100):
        left = metric.influence(o.take(np.delete(np.arange(400), row)), None)
        assert whole.value - left.value == pytest.approx(whole.rows[row] / 400, abs=2e-5, rel=0.03)


def test_rows_without_a_truth_are_left_out_and_a_tag_never_seen_is_missed():
    o = drawn(100, wrong=0.0)
    truth = o.truth.copy()
    truth[:10] = -1
    assert value("subset_accuracy", replace(o, truth=truth)) == 1.0
    assert measure(Subject("subset_accuracy", "y"), replace(o, truth=truth), 0.95).n == 90
    unseen = np.zeros(100, dtype=np.int64)
    unseen[:5] = 1
    missed = replace(o, unseen=unseen)
    assert value("subset_accuracy", missed) == 0.95
    assert value("hamming_loss", missed) == pytest.approx(5 / 400)
    assert value("f1_micro", missed) < 1
    assert value("f1", missed) == 1
    nothing = replace(o, truth=np.full_like(o.truth, -1))
    assert all(value(m.name, nothing) is None for m in outcomes.metrics().in_family("sets"))


def test_the_answers_of_another_package_are_read_in_our_tags():
    theirs, ours = drawn(seed=1), drawn()
    turned = replace(theirs, tags=("d", "x", "b", "a"))
    found = turned.aligned(to=ours)
    assert found.tags == TAGS
    assert found.predicted[:, 0].tolist() == theirs.predicted[:, 3].tolist()
    assert not found.predicted[:, 2].any()  # c is none of theirs


def test_a_gap_counts_rows_with_another_set():
    o = drawn()
    other = replace(o, predicted=o.predicted.copy(), probabilities=o.probabilities + 0.1)
    other.predicted[3] ^= 1
    found = outcomes.facet("sets", BodyGap).between(o, other)
    assert (found.rows, found.labels) == (300, 1)
    assert found.probability == pytest.approx(0.1)


def test_baselines_answer_the_commonest_set_and_learn_one_model_a_tag():
    from scipy.sparse import csr_matrix

    models = outcomes.facet("sets", BaselineModels)
    o = drawn(200)
    labels = [tuple(TAGS[k] for k in np.flatnonzero(row)) for row in o.truth]
    same, says = models.constant(Truths([frozenset(one) for one in labels], labels), o)
    assert len(np.unique(same.predicted, axis=0)) == 1
    assert "to everything" in str(says)
    features = csr_matrix(o.truth.astype(float))
    line = models.linear(Truths([], labels), features, features, o)
    assert value("subset_accuracy", line) == 1.0


@pytest.mark.parametrize("family", ["classes", "sets"])
def test_a_baseline_that_ends_early_says_nothing_of_its_own(family, monkeypatch):
    """scikit-learn warns then, in words for those who called it; warnings are errors here."""
    from scipy.sparse import csr_matrix

    models = outcomes.facet(family, BaselineModels)
    monkeypatch.setattr(logistic, "ITERATIONS", 1)
    draw = np.random.default_rng(0)
    features = csr_matrix(draw.normal(size=(200, 20)))
    if family == "sets":
        o = drawn(200)
        labels = [tuple(TAGS[k] for k in np.flatnonzero(row)) for row in o.truth]
    else:
        truth = draw.integers(0, 3, size=200)
        shares = draw.dirichlet(np.ones(3), size=200)
        o = ClassOutcomes(("a", "b", "c"), truth, shares.argmax(axis=1), shares)
        labels = [("abc"[k],) for k in truth]
    assert models.linear(Truths([], labels), features, features, o) is not None


def test_the_edge_of_a_membership_is_a_logit_of_zero():
    arrays, state = kinds.arrays("tags"), TagsState(("a", "b"), temperature=3.0)
    logits = np.array([[0.0, -1e-9], [-0.0, 5.0]], dtype=np.float32)
    answered = {"logits": logits}
    found = [answer.value for answer in arrays.decode(answered, state, {})]
    assert found == [frozenset({"a"}), frozenset({"a", "b"})]
    assert arrays.outcomes([None, None], answered, state, {}).predicted.tolist() == [[1, 0], [1, 1]]
