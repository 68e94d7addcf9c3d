"""What a comparison of two versions comes to, in one sentence."""

from __future__ import annotations

import pytest
from requirement_texts import parse

from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.signature import Signature
from modelwright.project.advice.conclusion import compare, conclusion
from modelwright.storage.formats.evidence import Evidence

SIGNATURE = Signature.parse("f(x: number) -> y: category")
REQUIREMENTS = [
    parse(key, bar, SIGNATURE)
    for key, bar in {"accuracy": ">= 0.9", "latency_p95": "<= 15 ms", "size": "<= 1 MB"}.items()
]


def evidence(accuracy, latency=0.01, size=1000.0, package="a", half=0.02, **given):
    rows = Measurement(
        Subject("accuracy", "y"), Phase.TEST, accuracy, accuracy - half, accuracy + half, 500, "mid-p"
    )
    time = Measurement(
        Subject("latency_p95"),
        Phase.PACKAGE,
        latency,
        latency * 0.99,
        latency * 1.01,
        1000,
        "order-statistics",
    )
    files = Measurement(Subject("size"), Phase.PACKAGE, size, size, size, 1, "exact")
    champion = given.pop("champion", None)
    return Evidence(str(SIGNATURE), None, package, "t", champion, 1, 0.95, (rows, time, files), **given)


def sentence(first, second):
    return str(conclusion("version 1", "version 2", compare(first, second, REQUIREMENTS), ["input train"]))


def test_what_is_better_worse_and_perhaps_chance_is_said():
    text = sentence(evidence(0.8), evidence(0.9, latency=0.02))
    assert "version 2 is better than version 1 on accuracy (+0.1 [+0.072, +0.128])" in text
    assert "worse on latency_p95 (+10 ms" in text
    assert "size" not in text, "equal sizes are no difference"


def test_a_small_difference_may_be_chance():
    text = sentence(evidence(0.8), evidence(0.81))
    assert text.startswith("version 2 is neither better nor worse")
    assert "accuracy (+0.01 [-0.018, +0.038])" in text.replace("−", "-")


def test_lower_is_better_where_the_metric_says_so():
    found = {
        one.subject: one.better for one in compare(evidence(0.8), evidence(0.8, 0.005, 500.0), REQUIREMENTS)
    }
    assert found == {"accuracy": None, "latency_p95": True, "size": True}
    found = {
        one.subject: one.better for one in compare(evidence(0.9), evidence(0.8, 0.02, 2000.0), REQUIREMENTS)
    }
    assert found == {"accuracy": False, "latency_p95": False, "size": False}


@pytest.mark.parametrize(("champion", "better"), [("a", True), ("another", None)])
def test_rows_that_both_answered_are_compared_in_pairs(champion, better):
    pair = Measurement(Subject("accuracy", "y"), Phase.TEST, 0.01, 0.002, 0.018, 500, "paired")
    second = evidence(0.81, package="b", champion=champion, differences=(pair,))
    found = compare(evidence(0.8), second, REQUIREMENTS)
    assert found[0].better is better


def test_without_a_common_figure_what_changed_is_said():
    nothing = Evidence(str(SIGNATURE), None, "a", "t", None, 1, 0.95, ())
    assert "they differ in input train" in sentence(nothing, evidence(0.8))
