"""What traffic shows of a version: in three states, beside the champion, and never met by what is missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from requirement_texts import metric, parse

from modelwright.core.evidence.labelled_rows import LabelledRows
from modelwright.core.evidence.metric import RequestTimes
from modelwright.core.evidence.verdict import Outcome, overall
from modelwright.core.rollouts import traffic_checks
from modelwright.core.rollouts.strategy import Strategy
from modelwright.core.rollouts.traffic_checks import ShownTraffic, judge_rollout

STRATEGY = Strategy(
    "canary",
    tolerances=(("failure_rate", 0.01), ("latency_p95", 0.2), ("labelled_accuracy", 0.05)),
)
NONE = np.zeros(0)
BEFORE = RequestTimes(
    np.random.default_rng(0).lognormal(-5, 0.3, 2000),
    np.random.default_rng(1).lognormal(np.log(0.1), 0.3, 2000),
    np.random.default_rng(2).lognormal(np.log(50), 0.2, 2000),
)
NOTHING = RequestTimes()
MET, UNMET, OPEN, PENDING = Outcome.MET, Outcome.UNMET, Outcome.INCONCLUSIVE, Outcome.PENDING


def traffic(
    seed: int, n: int, *, slower: float = 1.0, errors: float = 0.0, right: float = 0.9
) -> ShownTraffic:
    generator = np.random.default_rng(seed)
    time_s = np.sort(generator.uniform(0, 600, n))
    code = np.where(generator.random(n) < errors, 500, 200)
    return ShownTraffic(
        time_s,
        generator.lognormal(-5, 0.3, n) * slower,
        code,
        LabelledRows((time_s, generator.random(n) < right)),
    )


def judged(ours: ShownTraffic, champions: ShownTraffic, strategy: Strategy = STRATEGY, **bars: str):
    requirements = [parse(name, bar) for name, bar in bars.items()]
    needed, optional = judge_rollout(requirements, strategy, ours, champions, BEFORE, metric)
    return {one.requirement.subject.metric: one for one in (*needed, *optional)}, needed, optional


CHAMPION = traffic(1, 6000)


def test_a_version_like_the_champion_is_proven():
    found, needed, optional = judged(traffic(2, 4000), CHAMPION)
    assert {name: one.outcome for name, one in found.items()} == {
        "failure_rate": MET, "latency_p95": MET, "labelled_accuracy": MET,
    }  # fmt: skip
    assert [one.requirement.subject.metric for one in optional] == ["labelled_accuracy"]
    assert overall(needed) is MET
    for one in found.values():
        assert one.measurement.low <= one.measurement.value <= one.measurement.high
        assert one.measurement.method == "sequential"
    _, needed, optional = judged(traffic(2, 4000), CHAMPION, replace(STRATEGY, needs_labels=True))
    assert (len(needed), optional) == (3, ())


@pytest.mark.parametrize(
    ("given", "broken"),
    [
        ({"slower": 1.5}, "latency_p95"),
        ({"errors": 0.05}, "failure_rate"),
        ({"right": 0.75}, "labelled_accuracy"),
    ],
)
def test_a_worse_version_is_found(given, broken):
    found, _, _ = judged(traffic(3, 3000, **given), CHAMPION)
    assert {name for name, one in found.items() if one.outcome is UNMET} == {broken}


def test_bars_of_the_file_are_checked_by_themselves():
    ours = traffic(4, 4000)
    found, _, _ = judged(ours, CHAMPION, latency_p95="<= 20 ms", latency_p50="<= 5 ms", failure_rate="<= 1 %")
    assert found["latency_p50"].outcome is UNMET
    assert 0.0060 < found["latency_p50"].measurement.low < found["latency_p50"].measurement.high < 0.0075
    stated, _, _ = judged(ours, CHAMPION, latency_p95="<= champion + 5 ms")
    assert (
        str(stated["latency_p95"].requirement) == "latency_p95 <= champion + 5 ms"
    )  # instead of the tolerance
    assert stated["latency_p95"].outcome is MET


def written(seed: int, n: int, *, first: float = 0.1, speed: float = 50.0) -> ShownTraffic:
    """Return traffic of a function that writes; one answer in ten has a single token."""
    generator = np.random.default_rng(seed)
    per_s = np.where(generator.random(n) < 0.1, np.nan, speed * generator.lognormal(0, 0.2, n))
    return replace(traffic(seed, n), first_s=first * generator.lognormal(0, 0.3, n), tokens_per_second=per_s)


def test_how_fast_a_version_writes_is_checked_by_itself_and_beside_the_champion():
    champion = written(20, 4000)
    quick, slow = written(21, 3000), written(22, 3000, first=0.2, speed=30)
    bars = {"ttft_p95": "<= 300 ms", "tokens_per_second": ">= 40"}
    relative = {"ttft_p95": "<= champion + 20 ms", "tokens_per_second": ">= champion - 5"}
    for given in (bars, relative):
        good, bad = (judged(one, champion, **given)[0] for one in (quick, slow))
        assert {good[name].outcome for name in given} == {MET}, given
        assert {bad[name].outcome for name in given} == {UNMET}, given
        for one in (good[name].measurement for name in given):
            assert one.low <= one.value <= one.high
    speed = judged(quick, champion, **bars)[0]["tokens_per_second"].measurement
    assert 2600 < speed.n < 2800, "an answer of one token has no speed"
    assert 48 < speed.low < 50 < speed.high < 52
    beside = judged(slow, champion, **relative)[0]["tokens_per_second"].measurement
    assert beside.value == pytest.approx(-20, abs=2)
    silent, _, _ = judged(traffic(23, 3000), champion, **bars)
    assert {silent[name].outcome for name in bars} == {PENDING}, "no token is no success"


def test_no_traffic_is_no_success_and_nan_is_none_either():
    empty = ShownTraffic(NONE, NONE, NONE.astype(np.int64))
    found, needed, _ = judged(empty, CHAMPION, failure_rate="<= 1 %", latency_p95="<= 20 ms")
    assert {one.outcome for one in found.values()} == {PENDING}
    assert len(needed) == 4
    ours = traffic(5, 4000)
    ours.latency_s[17] = np.nan
    found, _, _ = judged(ours, CHAMPION, latency_p95="<= 20 ms")
    assert found["latency_p95"].outcome is UNMET
    assert found["latency_p95"].measurement.value is None


def test_a_few_requests_leave_everything_open_and_say_how_many_more():
    _, needed, _ = judged(traffic(6, 60), CHAMPION)
    assert {one.outcome for one in needed} == {OPEN}
    assert all(one.needed > 100 for one in needed)


def test_without_traffic_before_the_champions_first_rows_are_the_level():
    needed, _ = judge_rollout([], STRATEGY, traffic(7, 4000), CHAMPION, NOTHING, metric)
    latency = needed[1]
    assert latency.outcome is MET
    assert latency.requirement.bar.value == pytest.approx(0.2 * np.exp(-5 + 0.3 * 1.645), rel=0.2)
    few = traffic(8, traffic_checks.LEVEL_ROWS - 1)
    needed, _ = judge_rollout([], STRATEGY, traffic(7, 4000), few, NOTHING, metric)
    assert [one.outcome for one in needed] == [OPEN, PENDING]


def test_a_champion_that_has_become_quick_is_compared_at_what_it_takes_now():
    slow = RequestTimes(5 * BEFORE.latency_s)  # of the day before, which it never takes any more
    for ours, expected in ((traffic(7, 4000), MET), (traffic(7, 4000, slower=1.5), UNMET)):
        needed, _ = judge_rollout([], STRATEGY, ours, CHAMPION, slow, metric)
        assert needed[1].outcome is expected
        assert needed[1].requirement.bar.value == pytest.approx(0.2 * np.exp(-5 + 0.3 * 1.645), rel=0.2)
    # one that has become slow exceeds it the oftener, which proves as much
    quick = RequestTimes(BEFORE.latency_s / 1.5)
    needed, _ = judge_rollout([], STRATEGY, traffic(7, 6000), traffic(1, 9000), quick, metric)
    assert needed[1].requirement.bar.value == pytest.approx(0.2 * np.exp(-5 + 0.3 * 1.645) / 1.5, rel=0.2)
    assert needed[1].outcome is MET


def test_what_has_no_latency_slows_nobody_down_and_what_waited_in_vain_does():
    ours = traffic(9, 4000)
    refused, late = (replace(ours, code=np.where(np.arange(4000) < 500, code, 200)) for code in (503, 504))
    fast = replace(refused, latency_s=np.where(refused.code == 503, 0.0, ours.latency_s))
    slow = replace(late, latency_s=np.where(late.code == 504, 30.0, ours.latency_s))
    assert judged(fast, CHAMPION)[0]["latency_p95"].outcome is MET
    assert judged(slow, CHAMPION)[0]["latency_p95"].outcome is UNMET
    assert judged(fast, CHAMPION)[0]["failure_rate"].outcome is UNMET


def test_the_rows_that_a_release_needs_are_forecast():
    bars = [parse("failure_rate", "<= 1 %"), parse("latency_p95", "<= 20 ms"), parse("accuracy", ">= 0.9")]
    rows = traffic_checks.rows_needed(
        bars, STRATEGY, BEFORE, {"failure_rate": 0.0, "labelled_accuracy": 0.9}, metric
    )
    assert len(rows) == 5  # a bar that traffic cannot show is none of it
    assert all(50 < one < 4000 for one in rows.values())
    found, needed, _ = judged(
        traffic(10, max(rows.values())), CHAMPION, failure_rate="<= 1 %", latency_p95="<= 20 ms"
    )
    assert overall([*needed, found["labelled_accuracy"]]) is MET
    assert traffic_checks.rows_needed(bars, STRATEGY, NOTHING, {}, metric) == {}


def test_quality_without_labels():
    ours = replace(traffic(11, 3000), confidence=np.full(3000, 0.93), compared=(3000, 60))
    champions = replace(CHAMPION, confidence=np.full(6000, 0.95))
    found, _, _ = judged(
        ours, champions, estimated_accuracy=">= champion - 0.05", disagreement="<= 5 %", unseen_rate="<= 1 %"
    )
    assert {name: one.outcome for name, one in found.items() if name[:3] in ("est", "dis", "uns")} == {
        "estimated_accuracy": MET, "disagreement": MET, "unseen_rate": MET,
    }  # fmt: skip
    assert found["disagreement"].measurement.value == pytest.approx(0.02)
    found, _, _ = judged(ours, champions, estimated_accuracy=">= 0.95", disagreement="<= 1 %")
    assert found["estimated_accuracy"].outcome is UNMET
    assert found["disagreement"].outcome is UNMET
    without = replace(ours, confidence=np.full(3000, np.nan), compared=(0, 0))
    found, _, _ = judged(without, champions, estimated_accuracy=">= 0.9", disagreement="<= 1 %")
    assert {found[name].outcome for name in ("estimated_accuracy", "disagreement")} == {PENDING}
