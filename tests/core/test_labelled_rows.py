"""Labels: what they show of rows, and that no key decides alone."""

from __future__ import annotations

import numpy as np
import pytest
from requirement_texts import metric, parse

from modelwright.core.evidence.labelled_rows import Label, LabelledRows, LabelPolicy
from modelwright.core.evidence.metric import RequestTimes
from modelwright.core.evidence.verdict import Outcome, Verdict
from modelwright.core.rollouts.strategy import Strategy
from modelwright.core.rollouts.traffic_checks import ShownTraffic, judge_rollout

STRATEGY = Strategy("canary", tolerances=(("labelled_accuracy", 0.05),))


def test_the_last_label_of_a_row_says_when_it_became_known() -> None:
    rows = LabelledRows.of([
        Label(2, "domain", "a", 9.0, False), Label(1, "domain", "a", 5.0, True), Label(1, "urgent", "a", 7.0, False),
    ])  # fmt: skip
    assert [one.tolist() for one in rows.rows] == [[7.0, 9.0], [False, False]]
    assert (len(rows), rows.right, rows.disputed) == (2, 0, 0)
    assert len(LabelledRows.of([])) == 0


def test_a_row_on_which_keys_contradict_each_other_counts_for_nobody() -> None:
    rows = LabelledRows.of([
        Label(1, "domain", "a", 1.0, True), Label(1, "domain", "b", 2.0, False),
        Label(2, "domain", "a", 1.0, True), Label(2, "domain", "b", 3.0, True),
        Label(3, "domain", "a", 1.0, True), Label(3, "urgent", "b", 4.0, False),  # of another output: no contradiction
    ])  # fmt: skip
    assert rows.rows[1].tolist() == [True, False]
    assert rows.disputed == 1
    assert rows.without["b"][1].tolist() == [True, True, True]
    assert rows.without["a"][0].tolist() == [2.0, 3.0, 4.0]


def test_a_policy_says_whose_labels_count() -> None:
    labels = [
        Label(n, "domain", key, 1.0, key != "liar") for n, key in enumerate(["desk", "liar", "gone", "liar"])
    ]
    labels.append(Label(9, "price", "desk", 1.0, False))
    known = LabelPolicy(outputs={"domain"}, known={"desk", "liar"})
    rows = LabelledRows.of(labels, known)
    assert (len(rows), rows.right, sorted(rows.without)) == (3, 1, ["desk", "liar"])
    alone = LabelledRows.of(labels, LabelPolicy({"domain"}, {"desk", "liar"}, {"desk"}))
    assert (len(alone), alone.right, alone.without) == (1, 1, {})


def verdict(
    honest: dict[int, float], lies: dict[int, bool], seed: int, alone: tuple[str, ...] = ()
) -> Verdict:
    """Return the verdict on version 2 beside 1: their accuracies as honest keys see them, and what a liar says."""
    random = np.random.default_rng(seed)
    shown = {}
    for version, accuracy in honest.items():
        labels = [
            Label(n, "domain", f"desk {n % 2}", n / 2, bool(random.random() < accuracy)) for n in range(600)
        ]
        if version in lies:
            labels += [Label(n, "domain", "liar", (n - 1000) / 7, lies[version]) for n in range(1000, 3000)]
        rows = LabelledRows.of(labels, LabelPolicy(alone=alone))
        shown[version] = ShownTraffic(*(np.zeros(0),) * 2, np.zeros(0, np.int64), rows)
    _, (found,) = judge_rollout([], STRATEGY, shown[2], shown[1], RequestTimes(), metric)
    return found


@pytest.mark.parametrize("alone", [(), ("liar",)])
@pytest.mark.parametrize(
    ("honest", "lies", "wanted"),
    [
        ({1: 0.9, 2: 0.9}, {2: False}, Outcome.UNMET),  # talks an equal version down
        ({1: 0.9, 2: 0.6}, {2: True}, Outcome.MET),  # talks a bad one up
        ({1: 0.9, 2: 0.6}, {1: False, 2: True}, Outcome.MET),  # and the version before it down
    ],
)
def test_a_key_that_lies_gets_nothing_it_wants(
    honest: dict[int, float], lies: dict[int, bool], wanted: Outcome, alone: tuple[str, ...]
) -> None:
    found = [verdict(honest, lies, seed, alone) for seed in range(3)]
    if alone:  # what the rule is for: without it, the liar has its will
        assert {one.outcome for one in found} == {wanted}
        return
    assert {one.outcome for one in found} == {Outcome.INCONCLUSIVE}
    assert "`liar`" in str(found[0].note)


def test_honest_keys_decide_together_and_one_alone_does_not() -> None:
    assert verdict({1: 0.9, 2: 0.6}, {}, 0).outcome is Outcome.UNMET
    assert verdict({1: 0.9, 2: 0.9}, {}, 0).outcome in (Outcome.MET, Outcome.INCONCLUSIVE)
    rows = LabelledRows.of([Label(n, "domain", "", n / 2, False) for n in range(600)])
    empty = np.zeros(0)
    shown = ShownTraffic(empty, empty, empty.astype(np.int64), rows)
    bar = parse("labelled_accuracy", ">= 0.8")
    (_, found) = judge_rollout([bar], Strategy("canary"), shown, shown, RequestTimes(), metric)
    assert found[0].outcome is Outcome.INCONCLUSIVE
    assert "without a key" in str(found[0].note)
